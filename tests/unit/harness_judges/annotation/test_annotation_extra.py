"""People's pages need nothing that ``evalign[view]`` does not bring."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path


def imported(file: Path) -> Iterator[str]:
    """The top names of what a file imports, inside functions too."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name.partition(".")[0] for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def test_annotation_runs_with_the_views_extra(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    needed = [*project["dependencies"], *project["optional-dependencies"]["view"]]
    brought = {re.split(r"[^\w-]", each)[0].replace("-", "_") for each in needed}
    judges = root / "plugins" / "harness_judges"
    files = [*(judges / "annotation").glob("*.py"), judges / "commands" / "annotate.py"]
    used = {name for file in files for name in imported(file)} - sys.stdlib_module_names
    assert "starlette" in used
    assert used - {"harness", "harness_judges"} <= brought
