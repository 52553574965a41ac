"""Every file and every name that the documentation, docstrings and comments mention exists."""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from support import ROOT

from .commands import blocks, pages

SOURCES = ("harness", "plugins", "tasks", "reports", "tools", "examples", "benchmarks")
FOLDERS = (*SOURCES, "tests", "docs", ".github")
WHEEL = (".", "plugins", "tasks", "reports", "tools")
"""The folders in which packages are."""
OUTSIDE = {
    "FILE.py": "a placeholder",
    "my_metric.py": "a file of the reader's",
    "rewards.py": "a file of the reader's",
    ".github/workflows/harness.yml": "a file that harness init writes",
    ".github/workflows/harness-weekly.yml": "a file that harness init writes",
    "run_ner.py": "a script of transformers",
    "run_qa.py": "a script of transformers",
}
"""Python files that are named and are not the project's."""
FOREIGN = frozenset({"harness.toml", "harness.yml"})
"""Files of the reader's that look like dotted names."""

_FENCED = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
_QUOTED = re.compile(r"``([^`]+)``|`([^`]+)`")
_DOTTED = re.compile(r"(?<![\w./-])(harness(?:_[a-z]+)?(?:\.[A-Za-z_]\w*)+)(?![\w/-])")
_PATH = re.compile(rf"(?<![\w./-])((?:{'|'.join(map(re.escape, FOLDERS))})/[\w./*-]*)")
_FILE = re.compile(r"(?<![\w./-])(\w+\.py)\b")


def texts() -> Iterator[tuple[str, str]]:
    """Place → a text for readers: the pages, the notebook, docstrings and comments."""
    for page in [*pages(ROOT), ROOT / "SECURITY.md"]:
        yield str(page.relative_to(ROOT)), page.read_text("utf-8")
    notebook = json.loads((ROOT / "docs/tutorial.ipynb").read_text("utf-8"))
    yield "docs/tutorial.ipynb", "\n".join("".join(cell["source"]) for cell in notebook["cells"])
    for folder in SOURCES:
        for file in sorted((ROOT / folder).rglob("*.py")):
            place = str(file.relative_to(ROOT))
            yield place, "\n".join(_said(file.read_text("utf-8")))


def _said(code: str) -> Iterator[str]:
    """The docstrings, those of values among them, and the comments."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield str(node.value.value)
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.COMMENT:
            yield token.string


def quoted(text: str) -> Iterator[str]:
    """Drawings, and what is between backquotes inside sentences."""
    yield from blocks(text, "text", "mermaid")
    found = _QUOTED.findall(_FENCED.sub("", text))
    yield from dict.fromkeys(one or two for one, two in found)


@cache
def _file_names() -> frozenset[str]:
    folders = (*SOURCES, "tests")
    return frozenset(file.name for folder in folders for file in (ROOT / folder).rglob("*.py"))


@cache
def _members(file: Path) -> dict[str, ast.stmt | None]:
    """Name → its definition in a module; None for what is imported or assigned."""
    return dict(_defined(ast.parse(file.read_text("utf-8")).body))


def _defined(body: list[ast.stmt]) -> Iterator[tuple[str, ast.stmt | None]]:
    for node in body:
        match node:
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                yield node.name, node
            case ast.Import() | ast.ImportFrom():
                yield from ((alias.asname or alias.name, None) for alias in node.names)
            case ast.Assign():
                yield from ((each.id, None) for each in node.targets if isinstance(each, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name, None
            case ast.If() | ast.Try():
                yield from _defined(node.body)
                yield from _defined(node.orelse)


def exists(dotted: str) -> bool:
    """Whether a dotted name leads to a module, or to something that a module defines."""
    first, *rest = dotted.split(".")
    at = next((ROOT / each / first for each in WHEEL if (ROOT / each / first).is_dir()), None)
    if at is None:
        return False
    while rest and ((at / rest[0]).is_dir() or (at / f"{rest[0]}.py").is_file()):
        at /= rest.pop(0)
    file = at / "__init__.py" if at.is_dir() else at.with_suffix(".py")
    if not rest:
        return True
    members = _members(file) if file.is_file() else {}
    if rest[0] not in members:
        return False
    found = members[rest[0]]
    if len(rest) == 1 or not isinstance(found, ast.ClassDef):
        return True
    return rest[1] in dict(_defined(found.body)) or bool(found.bases)


def unknown(text: str) -> list[str]:
    """The files and names between a text's backquotes that do not exist."""
    missing = []
    for code in quoted(text):
        for dotted in _DOTTED.findall(code):
            if dotted not in FOREIGN | _file_names() and not exists(dotted):
                missing.append(dotted)
        for path in _PATH.findall(code):
            if not list(ROOT.glob(path.rstrip("./"))):
                missing.append(path)
        if not _PATH.search(code):
            missing += [file for file in _FILE.findall(code) if file not in _file_names()]
    return [each for each in missing if each not in OUTSIDE]


TEXTS = dict(texts())


@pytest.mark.parametrize("place", TEXTS)
def test_what_is_mentioned_exists(place: str) -> None:
    assert unknown(TEXTS[place]) == []


@pytest.mark.parametrize(
    "stale",
    [
        "read by `source_files.py`",
        "see ``harness.sources.read``",
        "`harness/sources.py`",
        "`python benchmarks/no_such.py --repeats 3`",
        "`harness.errors.NoSuchError`",
        "`harness.config.run_spec.RunSpec.no_such_field`",
        "`harness_align.no_such_module`",
    ],
)
def test_a_stale_name_is_found(stale: str) -> None:
    assert len(unknown(stale)) == 1


@pytest.mark.parametrize(
    "sound",
    [
        "`runner.py`",
        "``harness.errors.HarnessError``",
        "`harness.config.RunSpec.limit`",
        "`harness/run/`",
        "`harness/*.py`",
        "`harness.toml`",
        "`harness run --config harness.toml`",
    ],
)
def test_a_name_that_exists_is_not(sound: str) -> None:
    assert unknown(sound) == []


def test_names_are_found_at_all() -> None:
    code = [each for text in TEXTS.values() for each in quoted(text)]
    assert sum(bool(_DOTTED.search(each)) for each in code) > 30
    assert sum(bool(_PATH.search(each)) for each in code) > 20
