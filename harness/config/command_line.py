"""The command line's values, and how they are joined with those of harness.toml."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Any

from harness.config.roles import merged_roles
from harness.config.run_spec import RunSpec
from harness.config.values import parse_pairs
from harness.errors import UsageError


def parse_settings(pairs: Iterable[str]) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """Splits ``KEY=VALUE`` (of backend and executor) from ``NAME.KEY=VALUE`` (of task or probe).

    Raises:
        UsageError: A pair has no ``=``.
    """
    backend: dict[str, str] = {}
    tasks: dict[str, dict[str, str]] = {}
    for key, value in parse_pairs(pairs, "--set", "KEY=VALUE or NAME.KEY=VALUE").items():
        task, dot, name = key.rpartition(".")  # a task's name may hold a dot, a key has none
        if dot:
            tasks.setdefault(task, {})[name] = value
        else:
            backend[key] = value
    return backend, tasks


def parse_data(values: Iterable[str]) -> dict[str, str]:
    """Reads ``--data TASK=PATH`` and ``--data sample`` (for every task, key ``""``).

    Raises:
        UsageError: A value is neither.
    """
    data: dict[str, str] = {}
    for value in values:
        task, equals, path = value.partition("=")
        if value == "sample":
            data[""] = "sample"
        elif equals and task and path:
            data[task] = path
        else:
            raise UsageError(f"--data {value!r}", "Expected --data TASK=PATH or --data sample")
    return data


def merge(file: Mapping[str, Any], command_line: Mapping[str, Any]) -> RunSpec:
    """One RunSpec; mappings are merged key by key, other values of the command line win.

    Raises:
        UsageError: The model or the tasks are named in neither.
    """
    values = dict(file)
    for given, other in (("limit", "sample"), ("sample", "limit")):
        if command_line.get(given) is not None:
            values.pop(other, None)  # the command line's choice of rows replaces the file's
    for key, value in command_line.items():
        if value is None or value == () or value == {}:
            continue
        if key in ("data", "backend_settings"):
            values[key] = {**values.get(key, {}), **value}
        elif key == "roles":
            values[key] = merged_roles(values.get(key, {}), value)
        elif key == "task_settings":
            known = values.get(key, {})
            values[key] = {
                task: {**known.get(task, {}), **value.get(task, {})} for task in {*known, *value}
            }
        else:
            values[key] = value
    for needed, flag in (("model", "--model"), ("tasks", "--tasks")):
        if not values.get(needed):
            raise UsageError(
                f"no {needed.removesuffix('s')} is named", f"Give {flag}, or set it under [run]."
            )
    known_fields = {each.name for each in fields(RunSpec)}
    return replace(
        RunSpec(values.pop("model"), tuple(values.pop("tasks"))),
        **{key: value for key, value in values.items() if key in known_fields},
    )
