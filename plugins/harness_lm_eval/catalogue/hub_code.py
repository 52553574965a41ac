"""Which metrics a definition's Python loads from the hub, read without running it.

``evaluate.load`` downloads a program and runs it, mostly deep within the scoring of a sample, so
that a run without network would end after the model was asked.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from harness_lm_eval.catalogue.definition_files import DefinitionFiles

_LOADS = ("load", "load_metric")


def of(files: DefinitionFiles) -> tuple[str, ...]:
    """The names that ``evaluate.load`` is given by what the definition names, each once."""
    found: dict[str, None] = {}
    for path in files.python:
        names = [each.name.rpartition(".")[2] for each in files.functions if each.file == path]
        found |= dict.fromkeys(_reached(path, names))
    return tuple(found)


def _reached(path: Path, names: Iterable[str]) -> Iterator[str]:
    """What is loaded when the file is imported, and by the functions named and all they name."""
    module = _parsed(path, path.stat().st_mtime_ns)
    if module is None:
        return
    aliases = {
        alias.asname or alias.name
        for node in ast.walk(module)
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.name == "evaluate"
    }
    bare = {
        alias.asname or alias.name
        for node in ast.walk(module)
        if isinstance(node, ast.ImportFrom) and node.module == "evaluate"
        for alias in node.names
        if alias.name in _LOADS
    }
    if not aliases and not bare:
        return
    defined = {
        node.name: node
        for node in module.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    pending: list[ast.AST] = [node for node in module.body if node not in defined.values()]
    pending += [defined[name] for name in names if name in defined]
    seen: set[int] = set()
    while pending:
        node = pending.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        for each in ast.walk(node):
            if isinstance(each, ast.Call) and (loaded := _loaded(each, aliases, bare)):
                yield loaded
            if isinstance(each, ast.Name) and each.id in defined:
                pending.append(defined[each.id])


def _loaded(call: ast.Call, aliases: set[str], bare: set[str]) -> str | None:
    """What a call loads; None where it loads nothing."""
    function = call.func
    by_module = (
        isinstance(function, ast.Attribute)
        and function.attr in _LOADS
        and isinstance(function.value, ast.Name)
        and function.value.id in aliases
    )
    if not by_module and not (isinstance(function, ast.Name) and function.id in bare):
        return None
    first = call.args[0] if call.args else None
    named = isinstance(first, ast.Constant) and isinstance(first.value, str)
    return str(first.value) if named and isinstance(first, ast.Constant) else "a metric"


@cache
def _parsed(path: Path, changed: int) -> ast.Module | None:
    del changed
    try:
        return ast.parse(path.read_text("utf-8"))
    except (OSError, SyntaxError, ValueError, RecursionError):
        return None  # importing it says what is wrong
