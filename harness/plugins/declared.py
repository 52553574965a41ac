"""The tasks that a harness.toml declares."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.plugins.loaded import PluginInfo
from harness.plugins.registry import Registry, suites


def declare(registry: Registry, file: Path) -> None:
    """Adds the tasks that a harness.toml declares; once, however often the file is named.

    Raises:
        ConfigError: The file is missing or malformed, or a name is taken.
    """
    from harness.authoring import declared_tables  # most commands have no such file

    path = file.resolve()
    if path in registry.tables:
        return
    found = declared_tables.tables(file)
    declared = {name: table for name, table in found.items() if declared_tables.declares(table)}
    for name, table in declared.items():
        add_declared(registry, str(file), name, table)
    for name, table in found.items():
        if name.partition(":")[0] not in registry.task_sources:
            declared_tables.check_undeclared(str(file), name, table, registry.tasks)
    if declared:
        hooks = ("harness_register_tasks",)
        registry.plugins.append(PluginInfo(file.stem, "", str(path), hooks))
        registry.tables = (*registry.tables, path)


def add_declared(registry: Registry, file: str, name: str, table: Mapping[str, Any]) -> None:
    """Adds the task that one table declares.

    Raises:
        ConfigError: The table is malformed, or its name is taken.
    """
    from harness.authoring import declared_tables

    taken = {*registry.tasks, *suites(registry.tasks), *registry.probes, *suites(registry.probes)}
    declared = declared_tables.parse(file, name, table, registry.metrics, taken)
    registry.tasks[name] = declared.spec(registry.metrics)
    registry.declared[name] = table
