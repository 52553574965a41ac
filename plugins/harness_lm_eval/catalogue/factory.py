"""lm_eval's own resolution of tasks and groups, stopped before it makes a task and its data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lm_eval.api.group import Group
from lm_eval.tasks._factory import TaskFactory
from lm_eval.tasks._index import Entry, Kind

from harness.errors import UnknownNameError
from harness_lm_eval.catalogue import definition_files
from harness_lm_eval.catalogue.definition_files import DefinitionFiles
from harness_lm_eval.catalogue.definitions import (
    Definition,
    Found,
    GroupDefinition,
    aggregates_of,
)
from harness_lm_eval.catalogue.index import Named

_KINDS = {"task": Kind.TASK, "class": Kind.PY_TASK, "group": Kind.GROUP, "tag": Kind.TAG}
_DATA = frozenset({"dataset_path", "custom_dataset", "class", "include"})
"""One of these is in every table that is a task of its own, not a change of a known one."""
_NO_FILES = DefinitionFiles((), ())


class DefinitionFactory(TaskFactory):  # type: ignore[misc]
    """Makes ``Definition`` where lm_eval makes a task.

    Args:
        names: All that there is.
        metadata: The user's, which is a part of every definition.
    """

    def __init__(self, names: Mapping[str, Named], metadata: Mapping[str, Any]) -> None:
        super().__init__(meta=dict(metadata))
        self._registry = _Entries(names)
        self._files: dict[str, DefinitionFiles] = {}

    def load(self, name: str) -> Found:
        """The task or group of a name."""
        built = self.build(self._registry[name], overrides=None, registry=self._registry)
        return self._frozen(built) if isinstance(built, Group) else built

    def _build_task(self, entry: Any, overrides: dict[str, Any] | None) -> Any:
        config = self._load_full_config(entry, overrides)
        for key in ("tag", "group", "task_list"):
            config.pop(key, None)
        files = _NO_FILES if entry.yaml_path is None else definition_files.read(entry.yaml_path)
        own = {key: value for key, value in (overrides or {}).items() if key != "task"}
        overridden = repr(sorted(own.items())) if own else ""
        return Definition(str(config["task"]), config, files, overridden)

    def _build_group_members(
        self,
        member_list: list[Any],
        group_name: str,
        overrides: dict[str, Any] | None,
        registry: dict[str, Any],
    ) -> list[Any]:
        for item in member_list:  # lm_eval would make a task of a table on the spot
            is_table = isinstance(item, dict)
            if is_table and "group" in item:
                continue
            name = str(item.get("task")) if is_table else str(item)
            if name in registry:
                continue
            if not is_table or _DATA.isdisjoint(item):
                raise self._missing(group_name, name)
            registry[name] = Entry(name, Kind.TASK, None, dict(item))
        built: list[Any] = super()._build_group_members(
            member_list, group_name, overrides, registry
        )
        return built

    def _missing(self, group_name: str, member: str) -> UnknownNameError:
        entry = self._registry.get(group_name)
        path = None if entry is None else entry.yaml_path
        return UnknownNameError(
            f"member of the group {group_name}",
            member,
            self._registry.known,
            None if path is None else f"The group is in {path}.",
        )

    def _frozen(self, group: Any) -> GroupDefinition:
        children = tuple(
            self._frozen(child) if isinstance(child, Group) else child for child in group
        )
        entry = self._registry.get(group.name)
        path = None if entry is None else entry.yaml_path
        return GroupDefinition(
            group.name,
            children,
            aggregates_of(group.aggregate_metric_list),
            str(group.version),
            _NO_FILES if path is None else definition_files.read(path),
        )


class _Entries(dict[str, Any]):
    """lm_eval's entries, each made when it is looked up."""

    def __init__(self, names: Mapping[str, Named]) -> None:
        super().__init__()
        self._names = names

    @property
    def known(self) -> Mapping[str, Named]:
        """All names, without making an entry of any."""
        return self._names

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or name in self._names

    def __missing__(self, name: str) -> Any:
        named = self._names[name]
        path = Path(named.path) if named.path else None
        made = Entry(name, _KINDS[named.kind], path, None, set(named.members))
        self[name] = made
        return made

    def get(self, name: str, default: Any = None) -> Any:
        if name not in self:
            return default
        return self[name]
