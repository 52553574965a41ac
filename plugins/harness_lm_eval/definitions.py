"""From a name to the definitions behind it, as lm_eval resolves them, without their data.

A definition is a checked table. Nothing is downloaded here; what is imported is the Python that
the YAML names, and only after ``consent`` has agreed to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from harness.errors import DataError, HarnessError, UnknownNameError, UsageError
from harness_lm_eval import definition_files, installed
from harness_lm_eval.definition_files import DefinitionFiles
from harness_lm_eval.index import Named


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


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The names there are, and how they become definitions.

    Attributes:
        names: See ``index.of``.
        metadata: What the user gives to tasks that make their data.
    """

    names: Mapping[str, Named]
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def find(self, name: str) -> list[Found]:
        """The task or group of a name; of a tag, or a group that reports nothing, its members.

        Raises:
            UnknownNameError: There is no such name; lists the nearest ones.
            DataError: A definition cannot be read.
            UsageError: A package that it needs is missing.
        """
        if name not in self.names:
            raise UnknownNameError("task, group or tag of lm_eval", name, self.names)
        known = self.names[name]
        if known.kind == "tag":
            return [each for member in known.members for each in self.find(member)]
        found = self._load(name)
        if isinstance(found, GroupDefinition) and not found.aggregates:
            return list(_leaves(found))
        return [found]

    def paths(self, name: str) -> Iterator[Path]:
        """The YAML files of all that a name stands for, read without running anything."""
        known = self.names.get(name)
        if known is None:
            return
        if known.kind == "tag":
            for member in known.members:
                yield from self.paths(member)
            return
        path = Path(known.path)
        yield path
        if known.kind == "group":
            for member in _members(definition_files.table_of(path).get("task")):
                yield from self.paths(member)

    def _load(self, name: str) -> Found:
        installed.prepare()
        from harness_lm_eval.factory import DefinitionFactory

        try:
            return DefinitionFactory(self.names, self.metadata).load(name)
        except HarnessError:
            raise
        except ImportError as error:
            raise missing_package(name, error) from error
        except RecursionError as error:
            raise DataError(f"the group {name} holds itself", expected="groups that end") from error
        except Exception as error:
            path = self.names[name].path
            raise DataError(
                f"lm_eval cannot read the definition of {name}: {type(error).__name__}: {error}",
                path=path,
                expected="a definition that `lm-eval validate` accepts",
            ) from error


def missing_package(name: str, error: ImportError) -> UsageError:
    """What to say of a definition whose Python imports what is not there."""
    package = (error.name or "").partition(".")[0]
    return UsageError(
        f"lm_eval:{name} needs a package that is not installed: {error}",
        f"Install it, most likely with: pip install {package.replace('_', '-')}"
        if package
        else "Install what its folder's README names.",
    )


def _leaves(group: GroupDefinition) -> Iterator[Found]:
    for child in group.children:
        if isinstance(child, GroupDefinition) and not child.aggregates:
            yield from _leaves(child)
        else:
            yield child


def _members(listed: Any) -> Iterator[str]:
    """The names in a group's list of members, those of groups within it among them."""
    for each in listed if isinstance(listed, list) else [listed]:
        if isinstance(each, str):
            yield each
        elif isinstance(each, Mapping):
            if isinstance(each.get("group"), str):
                yield each["group"]
                yield from _members(each.get("task") or [])
            elif isinstance(each.get("task"), str):
                yield each["task"]


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
