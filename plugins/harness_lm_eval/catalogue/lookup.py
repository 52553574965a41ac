"""From a name to the definitions behind it, as lm_eval resolves them, without their data.

Nothing is downloaded here; what is imported is the Python that the YAML names, and only after
``consent`` has agreed to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import DataError, HarnessError, UnknownNameError, UsageError
from harness_lm_eval import installed
from harness_lm_eval.catalogue import definition_files
from harness_lm_eval.catalogue.definitions import Found, GroupDefinition, missing_package
from harness_lm_eval.catalogue.index import Named


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
        from harness_lm_eval.catalogue.factory import DefinitionFactory

        try:
            return DefinitionFactory(self.names, self.metadata).load(name)
        except HarnessError:
            raise
        except ImportError as error:
            raise missing_package(name, error) from error
        except RecursionError as error:
            raise DataError(f"the group {name} holds itself", expected="groups that end") from error
        except OSError as error:  # a connection's errors are such
            raise UsageError(
                f"lm_eval:{name} needs the network as soon as it is read: "
                f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}",
                "Run it once where the hub can be reached.",
            ) from error
        except Exception as error:
            path = self.names[name].path
            raise DataError(
                f"lm_eval cannot read the definition of {name}: {type(error).__name__}: {error}",
                path=path,
                expected="a definition that `lm-eval validate` accepts",
            ) from error


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
