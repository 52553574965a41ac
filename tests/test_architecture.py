"""The plan of the packages: no circles, and no folder that is too full to be read at a glance."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

import api_reference

PROJECT = Path(__file__).parents[1]
MOST_ENTRIES = 20
MOST_LINES = 400
MOST_LINES_OF_A_FUNCTION = 60
FOLDERS = ("harness", "plugins", "tasks", "reports", "tools", "tests", "benchmarks", "examples")


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    """All imports, those for type checking among them."""
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    roots = settings["tool"]["importlinter"]["root_packages"]
    return grimp.build_graph(*roots, exclude_type_checking_imports=False, cache_dir=None)


def children(graph: grimp.ImportGraph) -> Iterator[tuple[str, dict[str, set[str]]]]:
    """Each package with the imports between its modules and packages, what is inside folded."""
    imports = [
        (importer, imported)
        for importer in graph.modules
        for imported in graph.find_modules_directly_imported_by(importer)
    ]
    for package in sorted(graph.modules):
        members = graph.find_children(package)
        if not members:
            continue
        depth = package.count(".") + 2
        edges: dict[str, set[str]] = {member: set() for member in members}
        for pair in imports:
            one, other = (".".join(each.split(".")[:depth]) for each in pair)
            if one != other and one in edges and other in edges:
                edges[one].add(other)
        yield package, edges


def circle(edges: dict[str, set[str]]) -> list[str]:
    """Members that import each other in the end: what is left once all others are taken off."""
    left = dict(edges)
    while free := [each for each, imported in left.items() if not imported & left.keys()]:
        for each in free:
            del left[each]
    return sorted(left)


def internal_modules() -> set[str]:
    """What plugins may not import, by the contract of import-linter."""
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    contracts = settings["tool"]["importlinter"]["contracts"]
    (boundary,) = (each for each in contracts if each["name"].startswith("Plugins import public"))
    assert "ignore_imports" not in boundary
    return set(boundary["forbidden_modules"])


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, and every name that it imports from one."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_module_of_the_core_is_public_or_internal(graph: grimp.ImportGraph) -> None:
    public = set(api_reference.MODULES)
    members = graph.find_children("harness") - {"harness.__main__"}
    assert members - public == internal_modules()


EXAMPLES = sorted(PROJECT.glob("examples/**/*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_import_public_modules_only(path: Path) -> None:
    internal = tuple(f"{each}." for each in internal_modules())
    assert [each for each in imported(path) if f"{each}.".startswith(internal)] == []


def test_a_circle_is_found() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == ["a", "b", "c"]


def test_no_package_has_an_import_circle(graph: grimp.ImportGraph) -> None:
    assert len(graph.modules) > 250
    found = {package: circle(edges) for package, edges in children(graph)}
    assert {package: members for package, members in found.items() if members} == {}


def test_a_package_has_at_most_twenty_members(graph: grimp.ImportGraph) -> None:
    sizes = {package: len(edges) for package, edges in children(graph)}
    assert {package: size for package, size in sizes.items() if size > MOST_ENTRIES} == {}


# --------------------------------------------------------------------------- sizes


def sources() -> list[Path]:
    return sorted(path for folder in FOLDERS for path in (PROJECT / folder).rglob("*.py"))


def functions(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Each function's name and lines, from ``def`` to its end without the docstring."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            lines = node.end_lineno - node.lineno + 1
            first = node.body[0]
            if ast.get_docstring(node) is not None and first.end_lineno is not None:
                lines -= first.end_lineno - first.lineno + 1
            yield node.name, lines


def test_lines_of_a_function_are_counted_without_its_docstring() -> None:
    text = 'def f():\n    """One.\n\n    Two.\n    """\n    return [\n        1\n    ]\n'
    assert list(functions(ast.parse(text))) == [("f", 4)]


def test_a_file_has_at_most_four_hundred_lines() -> None:
    assert len(sources()) > 800
    sizes = {str(path.relative_to(PROJECT)): path.read_bytes().count(b"\n") for path in sources()}
    assert {path: size for path, size in sizes.items() if size > MOST_LINES} == {}


def test_a_function_has_at_most_sixty_lines() -> None:
    found = {
        f"{path.relative_to(PROJECT)}: {name}": lines
        for path in sources()
        for name, lines in functions(ast.parse(path.read_text("utf-8")))
        if lines > MOST_LINES_OF_A_FUNCTION
    }
    assert found == {}
