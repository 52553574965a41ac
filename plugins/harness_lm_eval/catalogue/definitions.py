"""Definitions: tasks and groups that are not yet made, each a checked table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, TypeAlias

from harness.errors import UsageError
from harness_lm_eval.catalogue.definition_files import DefinitionFiles


@dataclass(frozen=True, slots=True)
class Definition:
    """One task of theirs, not yet made.

    Attributes:
        name: Its name.
        config: The table, functions resolved; ``class`` holds its class where it has one.
        files: What it is made of.
        overridden: What a group changes, for the version.
    """

    name: str
    config: Mapping[str, Any]
    files: DefinitionFiles
    overridden: str = ""

    @property
    def task_name(self) -> str:
        """The name, as their groups ask for it."""
        return self.name


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A metric that a group computes from its members.

    Attributes:
        metric: Its name among the members' metrics.
        filters: Of which filters; None for every one.
        by_size: Whether a member counts as often as it has samples.
    """

    metric: str
    filters: tuple[str, ...] | None
    by_size: bool


@dataclass(frozen=True, slots=True)
class GroupDefinition:
    """A group of theirs.

    Attributes:
        name: Its name.
        children: Tasks and groups.
        aggregates: What it reports of them; none where it is a mere collection.
        version: As its YAML says.
        files: Its YAML.
    """

    name: str
    children: tuple[Definition | GroupDefinition, ...]
    aggregates: tuple[Aggregate, ...]
    version: str
    files: DefinitionFiles

    def tasks(self) -> Iterator[Definition]:
        """Every task in it, in order, each once."""
        seen: set[str] = set()
        for child in self.children:
            found = child.tasks() if isinstance(child, GroupDefinition) else iter([child])
            for each in found:
                if each.name not in seen:
                    seen.add(each.name)
                    yield each


Found: TypeAlias = Definition | GroupDefinition


def missing_package(name: str, error: ImportError) -> UsageError:
    """What to say of a definition whose Python imports what is not there."""
    package = (error.name or "").partition(".")[0]
    return UsageError(
        f"lm_eval:{name} needs a package that is not installed: {error}",
        f"Install it, most likely with: pip install {package.replace('_', '-')}"
        if package
        else "Install what its folder's README names.",
    )


def aggregates_of(listed: Sequence[Any] | None) -> tuple[Aggregate, ...]:
    """A group's ``aggregate_metric_list``, as lm_eval checked it."""
    return tuple(
        Aggregate(
            each.metric,
            None if each.filter_list is None else tuple(each.filter_list),
            bool(each.weight_by_size),
        )
        for each in listed or ()
    )


def plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a table that lm_eval may change; functions and classes stay the same objects."""
    memo: dict[int, Any] = {id(value): value for value in config.values() if callable(value)}
    return deepcopy(dict(config), memo)
