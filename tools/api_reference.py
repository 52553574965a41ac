"""Writes docs/api.md, the public names of the core, from their docstrings.

    python tools/api_reference.py            # writes the page
    python tools/api_reference.py --check    # writes nothing; exit code 1 where it is out of date

The sources are read, not imported: signatures stand as they are written.
"""

from __future__ import annotations

import argparse
import ast
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "api.md"
PUBLIC = (
    "harness",
    "harness.types",
    "harness.errors",
    "harness.protocols",
    "harness.hookspecs",
    "harness.testing",
)
"""What may be imported: the module, or what its package names in ``__all__``."""
OPEN = ("harness.authoring", "harness.stats")
"""Packages of which every module may be imported."""
FOREWORD = """\
# The public names

<!-- Written by tools/api_reference.py: change the docstrings, then run it again. -->

Plugins, ours included, import these modules alone; everything else in `harness` is internal and may
change without notice (`make imports` checks it). A change of a public name is a line under "API"
in the changelog.

```python
from harness import ask, gate, load_run
from harness.types import Generate, Sampling

question = Generate("Is the sky blue?", Sampling(max_tokens=8))
(answer,) = ask("./ckpt", [question])  # opens the model, answers through the response store

main, candidate = load_run("runs/main"), load_run("runs/candidate")
verdict = gate(candidate, main, rules=[{"metric": "sst2.accuracy", "max_drop": 0.05}])
print(verdict.verdict, verdict.sentence)
```

What is public, and why:

- `harness`: what a user of the Python API calls, and the values that those functions take and
  return. A value that is built in an internal module (`Plan`, `RunComparison`, `GateVerdict`,
  `ScoredRun`) is imported from here. Commands of plugins find the loaded plugins with
  `registry_of`; reports read a run with `read_result` and `read_samples`; whatever writes a run
  folder, such as an importer, ends it with `write_result`.
- `harness.types`, `.errors`, `.protocols`, `.hookspecs`: the words that all parts use.
- `harness.authoring`: what plugins are written with. `io.files` writes whole files or none and
  refuses pipes and devices; `io.serialization` holds the JSON forms and hashes, so that a
  backend's fingerprint or a reward's rows need no second form; `io.run_options` has the options of
  `harness run` for commands that start runs; `measures` reads choices, calibration and differences
  of groups from any task's records; `readers.sources` finds a task's data as `--data` does;
  `reporting` writes and draws estimates, says in a sentence what a comparison found, makes
  self-contained HTML pages and shows the progress of a command.
- `harness.stats`: pure functions, arrays in, numbers out; `seeding` gives random numbers that are
  the same on every machine.
- `harness.testing`: checks of one's own plugins.
"""
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def modules() -> Iterator[tuple[str, ast.Module]]:
    """(name, syntax tree) of every public module."""
    for name in PUBLIC:
        yield name, _module(name)
    for name in OPEN:
        for file in sorted(ROOT.joinpath(*name.split(".")).rglob("*.py")):
            parts = file.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), _tree(file)


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the page, or with ``--check`` says whether it is current.

    Returns:
        The exit code: 1 where a checked page is not what would be written.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit code 1 where it is out of date"
    )
    checks = parser.parse_args(arguments).check
    text = page()
    if not checks:
        PAGE.write_text(text, "utf-8")
    elif not PAGE.is_file() or PAGE.read_text("utf-8") != text:
        print(f"{PAGE} is out of date: run python tools/api_reference.py", file=sys.stderr)
        return 1
    return 0


def page() -> str:
    """The whole of docs/api.md."""
    parts = [FOREWORD]
    for name, tree in modules():
        entries = _of_package() if name == "harness" else _of_module(tree)
        if entries:
            parts.append(f"## {name}\n\n{_paragraph(tree)}\n\n" + "\n".join(entries) + "\n")
    return "\n".join(parts)


def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"))


def homes() -> dict[str, str]:
    """Name in ``harness.__all__`` → the module that defines it."""
    tree = _tree(ROOT / "harness" / "__init__.py")
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_HOMES":
            found: dict[str, str] = ast.literal_eval(node.value)
            return found
    raise AssertionError("harness/__init__.py has no _HOMES")


def _of_package() -> list[str]:
    """Functions first, then the values that they take and return."""
    functions: list[str] = []
    values: list[str] = []
    for name, home in homes().items():
        node, text = _found(_module(home), name)
        lines = _entry(node, text)
        (values if isinstance(node, ast.ClassDef) else functions).extend(lines)
    return functions + values


def _module(name: str) -> ast.Module:
    place = ROOT.joinpath(*name.split("."))
    return _tree(place / "__init__.py" if place.is_dir() else place.with_suffix(".py"))


def _found(tree: ast.Module, name: str) -> tuple[ast.stmt, str]:
    """Where a name is defined, in this module or in one that it imports it from, and its text.

    A dataclass has the members of the project's dataclasses that it is made of, too.
    """
    own = [position for position, node in enumerate(tree.body) if _name(node) == name]
    if own:  # of overloads the last is the one that is run
        return _whole(tree, tree.body[own[-1]]), _text_below(tree.body, own[-1])
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and any(each.name == name for each in node.names):
            return _found(_module(str(node.module)), name)
    raise AssertionError(f"{name} is not defined")


def _whole(tree: ast.Module, node: ast.stmt) -> ast.stmt:
    if not isinstance(node, ast.ClassDef) or not _is_dataclass(node):
        return node
    names = {base.id for base in node.bases if isinstance(base, ast.Name)}
    imported = {
        each.name: str(source.module)
        for source in tree.body
        if isinstance(source, ast.ImportFrom) and str(source.module).startswith("harness")
        for each in source.names
    }
    for name in names & set(imported):
        base, _ = _found(_module(imported[name]), name)
        if isinstance(base, ast.ClassDef) and _is_dataclass(base):
            node.body = [node.body[0], *base.body[1:], *node.body[1:]]  # its own docstring first
    return node


def _is_dataclass(node: ast.ClassDef) -> bool:
    return any("dataclass" in ast.unparse(each) for each in node.decorator_list)


def _name(node: ast.stmt) -> str | None:
    match node:
        case ast.FunctionDef() | ast.ClassDef():
            return node.name
        case ast.Assign(targets=[ast.Name(name)]):
            return name
        case ast.AnnAssign(target=ast.Name(name)):
            return name
    return None


def _of_module(tree: ast.Module) -> list[str]:
    names = dict.fromkeys(name for node in tree.body if (name := _name(node)) is not None)
    for node in tree.body:
        if isinstance(node, ast.Assign) and _name(node) == "__all__":
            names |= dict.fromkeys(ast.literal_eval(node.value))
    entries: list[str] = []
    for name in names:
        if name.startswith("_"):
            continue
        found, text = _found(tree, name)
        if text or isinstance(found, _Function | ast.ClassDef):
            entries += _entry(found, text)
    return entries


def _text_below(body: list[ast.stmt], position: int) -> str:
    """The text that stands below a constant."""
    match body[position + 1 : position + 2]:
        case [ast.Expr(ast.Constant(str(text)))]:
            return _first(text)
    return ""


def _entry(node: ast.stmt, text: str) -> list[str]:
    """A line, and one for each public member of a class; ``text`` says what a constant is."""
    if isinstance(node, _Function):
        return [_line(_signature(node, node.name), _paragraph(node))]
    if not isinstance(node, ast.ClassDef):
        return [_line(str(_name(node)), text)]
    lines = [_line(_constructor(node), _paragraph(node))]
    for inner in node.body:
        if isinstance(inner, _Function) and not inner.name.startswith("_"):
            called = f".{inner.name}"
            if any(ast.unparse(each) == "property" for each in inner.decorator_list):
                returns = "" if inner.returns is None else f": {ast.unparse(inner.returns)}"
                lines.append("  " + _line(called + returns, _paragraph(inner)))
            else:
                lines.append("  " + _line(_signature(inner, called, True), _paragraph(inner)))
    return lines


def _constructor(node: ast.ClassDef) -> str:
    """``Name(fields)`` of a dataclass or a class with ``__init__``; else the name alone."""
    for inner in node.body:
        if isinstance(inner, _Function) and inner.name == "__init__":
            return _signature(inner, node.name, method=True).removesuffix(" -> None")
    if not _is_dataclass(node):
        return node.name
    fields = [
        each
        for each in node.body
        if isinstance(each, ast.AnnAssign) and not ast.unparse(each.target).startswith("_")
    ]
    return f"{node.name}({', '.join(map(_field, fields))})"


def _field(node: ast.AnnAssign) -> str:
    text = f"{ast.unparse(node.target)}: {ast.unparse(node.annotation)}"
    if node.value is None:
        return text
    default = ast.unparse(node.value)
    return f"{text} = {'…' if default.startswith('field(') else default}"


def _signature(
    node: ast.FunctionDef | ast.AsyncFunctionDef, name: str, method: bool = False
) -> str:
    arguments = ast.unparse(node.args)
    if method and not any(ast.unparse(each) == "staticmethod" for each in node.decorator_list):
        arguments = arguments.partition(", ")[2]  # without self or cls
    returns = "" if node.returns is None else f" -> {ast.unparse(node.returns)}"
    return f"{name}({arguments}){returns}"


def _paragraph(node: ast.AST) -> str:
    assert isinstance(node, _Function | ast.ClassDef | ast.Module)
    return _first(ast.get_docstring(node) or "")


def _first(text: str) -> str:
    """The first paragraph in one line, its code as Markdown writes it."""
    paragraph = textwrap.dedent(text).strip().split("\n\n")[0]
    return " ".join(paragraph.replace("``", "`").split())


def _line(code: str, text: str) -> str:
    return f"- `{code}`" + (f"  {text}" if text else "")


MODULES = tuple(name for name, _ in modules())
"""Every public module."""

if __name__ == "__main__":
    sys.exit(main())
