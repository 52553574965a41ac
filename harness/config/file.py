"""harness.toml: its schema, and its content as keyword arguments of ``RunSpec``."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import regular_files
from harness.config.run_spec import RunSpec
from harness.config.values import texts
from harness.errors import ConfigError, suggestion

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError


def read_config(path: Path) -> dict[str, Any]:
    """The checked content of harness.toml as keyword arguments of RunSpec.

    Raises:
        ConfigError: The file is missing, is no TOML, or holds an unknown key or a wrong type.
    """
    from pydantic import ValidationError

    from harness.config.schema import File

    raw = read_toml(path)
    try:
        checked: Any = File.model_validate(raw)
    except ValidationError as error:
        raise _explain(path, File, error) from error
    values: dict[str, Any] = {}
    if checked.run is not None:
        values |= checked.run.model_dump(exclude_none=True)
    if checked.data:
        values["data"] = checked.data
    if checked.set:
        values["backend_settings"] = texts(checked.set)
    if checked.prices:
        hour, of_models = checked.prices.machine_hour, checked.prices.model_extra or {}
        values["prices"] = {
            name: price.model_dump(exclude_none=True) for name, price in of_models.items()
        }
        values |= {} if hour is None else {"machine_hour": hour}
    if checked.energy is not None:
        values["energy"] = checked.energy.country
    roles = {
        name: table.model_dump(exclude_none=True) for name, table in (checked.roles or {}).items()
    }
    judges = checked.judge if isinstance(checked.judge, list) else [checked.judge]
    for place, table in enumerate(filter(None, judges), start=1):
        name = "judge" if place == 1 else f"judge.{place}"
        roles[name] = table.model_dump(exclude_none=True)
    if roles:
        values["roles"] = roles
    if checked.gate is not None:
        values["gate"] = checked.gate
        values.setdefault("baseline", checked.gate.get("baseline"))
    # A table with a kind declares a task: ``plugins.declare`` reads it.
    tasks = {
        name: dict(table) for name, table in (checked.tasks or {}).items() if "kind" not in table
    }
    probes = checked.probes or {}
    if both := sorted(tasks.keys() & probes.keys()):
        raise ConfigError(f"{path}: {both[0]!r} stands under [tasks] and under [probes]")
    values["templates"] = {
        name: table.pop("templates") for name, table in tasks.items() if "templates" in table
    }
    values["task_settings"] = {name: texts(table) for name, table in {**tasks, **probes}.items()}
    return values


def read_gate(path: Path) -> dict[str, Any]:
    """The [gate] table of harness.toml.

    Raises:
        ConfigError: The file cannot be read, or has no such table.
    """
    table: dict[str, Any] | None = read_config(path).get("gate")
    if table is None:
        raise ConfigError(f"{path} has no [gate] table", "`harness init` writes one to start from.")
    return table


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as it stands.

    Raises:
        ConfigError: The file is missing or is no TOML.
    """
    try:
        return tomllib.loads(regular_files.read_text(path, "utf-8-sig"))
    except OSError as error:
        raise ConfigError(
            f"{path}: {error.strerror}", "Name a harness.toml; `harness init` writes one."
        ) from error
    except RecursionError as error:
        raise ConfigError(f"{path}: too many brackets within brackets") from error
    except ValueError as error:  # no TOML, no UTF-8, or a number of thousands of digits
        raise ConfigError(f"{path} is not valid TOML: {error}") from error


def json_schema() -> dict[str, Any]:
    """The JSON Schema of harness.toml, before plugins add what they take."""
    from harness.config.schema import File

    return File.model_json_schema()


def _explain(path: Path, model: type[BaseModel], error: ValidationError) -> ConfigError:
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"]))
    if first["type"] != "extra_forbidden":
        return ConfigError(f"{path}: {place}: {first['msg']}, got {first['input']!r}")
    key = str(first["loc"][-1])
    known = sorted(model.model_fields)
    if first["loc"][0] == "prices":
        known = ["prompt", "completion", "cached_prompt"]
    elif len(first["loc"]) > 1:
        known = sorted(each.name for each in fields(RunSpec))
    return ConfigError(f"{path}: unknown key {place!r}", suggestion(key, known))
