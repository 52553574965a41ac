"""The plan of the packages: no circles, and no folder that is too full to be read at a glance."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

PROJECT = Path(__file__).parents[1]
MOST_ENTRIES = 20
MOST_LINES = 400


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


def test_a_circle_is_found() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == ["a", "b", "c"]


def test_no_package_has_an_import_circle(graph: grimp.ImportGraph) -> None:
    assert len(graph.modules) > 250
    found = {package: circle(edges) for package, edges in children(graph)}
    assert {package: members for package, members in found.items() if members} == {}


def test_a_package_has_at_most_twenty_members(graph: grimp.ImportGraph) -> None:
    sizes = {package: len(edges) for package, edges in children(graph)}
    assert {package: size for package, size in sizes.items() if size > MOST_ENTRIES} == {}
