"""The Python and the TOML of the documentation work as they stand."""

from __future__ import annotations

import inspect
import textwrap
from pathlib import Path

import pytest

import harness
from harness import plugins
from harness.config import read_config
from harness_align.job import make_job
from support import ROOT

from .commands import blocks, pages


def snippets(*languages: str) -> dict[str, list[str]]:
    """Page → its blocks in one of the languages."""
    found = {page.name: blocks(page.read_text("utf-8"), *languages) for page in pages(ROOT)}
    return {name: code for name, code in found.items() if code}


def docstring(of: object) -> str:
    """The example in a docstring, before its sections."""
    lines = (inspect.getdoc(of) or "").partition("\nArgs:")[0].splitlines()
    return textwrap.dedent("\n".join(line for line in lines if line[:4] in ("", "    ")))


PYTHON = {
    **snippets("python"),
    **{
        f"{each.__name__}.__doc__": [docstring(each)]
        for each in (harness, harness.ask, harness.gating)
    },
}
SETTINGS = [
    pytest.param(code, id=f"{name}: {code.splitlines()[0]}")
    for name, codes in snippets("toml").items()
    for code in codes
    if "[project]" not in code
]


@pytest.mark.parametrize("page", PYTHON)
def test_the_python_of_a_page_runs(page: str, workplace: Path) -> None:
    if any("import lm_eval" in code for code in PYTHON[page]):
        pytest.importorskip("lm_eval", reason="lm_eval is not installed")
    names: dict[str, object] = {}
    for code in PYTHON[page]:
        exec(compile(code, page, "exec"), names)
    assert names


@pytest.mark.parametrize("code", SETTINGS)
def test_settings_of_a_page_are_known(code: str, tmp_path: Path) -> None:
    file = tmp_path / "harness.toml"
    file.write_text(code, "utf-8")
    assert read_config(file) is not None
    plugins.load([file])  # no table that is meant as options declares a task
    if "[align" in code:
        make_job(file, {"method": "sft", "model": "./ckpt", "data": "pairs.jsonl"})
