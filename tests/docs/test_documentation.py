"""The documentation says what the code does."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from harness import hookspecs

HOOKS = {
    name: function
    for name, function in vars(hookspecs).items()
    if name.startswith("harness_") and inspect.isfunction(function)
}


def test_every_hook_is_documented_with_its_arguments(root: Path) -> None:
    text = (root / "docs" / "writing-a-plugin.md").read_text("utf-8")
    documented = set(re.findall(r"^\| `(harness_\w+\([^)]*\))`", text, re.MULTILINE))
    expected = {
        f"{name}({', '.join(inspect.signature(function).parameters)})"
        for name, function in HOOKS.items()
    }
    assert documented == expected


@pytest.mark.parametrize("name", sorted(HOOKS))
def test_every_hook_says_what_it_is_for(name: str) -> None:
    assert (inspect.getdoc(HOOKS[name]) or "").endswith(".")


@pytest.mark.parametrize("file", ["pyproject.toml", "harness_hello.py"])
def test_the_plugin_tutorial_is_the_example(root: Path, file: str) -> None:
    text = (root / "docs" / "writing-a-plugin.md").read_text("utf-8")
    source = (root / "examples" / "harness-hello" / file).read_text("utf-8").strip()
    assert source in text


def test_the_example_is_short(root: Path) -> None:
    files = (root / "examples" / "harness-hello").glob("*.*")
    assert sum(len(file.read_text("utf-8").splitlines()) for file in files) < 60


def test_links_between_documents_lead_somewhere(root: Path) -> None:
    checked = 0
    for document in [*root.glob("*.md"), *root.glob("docs/*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text("utf-8")):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"
            checked += 1
    assert checked > 20
