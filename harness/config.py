"""What the user asked for: harness.toml and the command line become one frozen RunSpec.

The command line wins over the file. A key that does not exist is an error, never ignored.
"""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import regular_files
from harness.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

Settings = Mapping[str, str]
RUNS = Path("runs")
"""Where run folders go that have no name."""


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """All that it takes to open a model.

    Attributes:
        model: ``--model``: a checkpoint folder or hub id, or ``SCHEME:REST``.
        batch_size: Sequences a forward pass; None lets the backend choose.
        dtype: ``auto`` or a torch dtype's name.
        device: ``auto`` or a torch device's name.
        executor: ``local``, or the executor that spreads the work.
        seed: Of what the backend draws.
        settings: ``--set KEY=VALUE``, of the backend and the executor.
        prices: Model → US dollars per million tokens: ``prompt``, ``completion`` and, where
            the provider re-uses prompts, ``cached_prompt``. Prices of other models are ignored.
        cache: Whether answers are kept in, and taken from, the response store.
    """

    model: str
    batch_size: int | None = None
    dtype: str = "auto"
    device: str = "auto"
    executor: str = "local"
    seed: int = 0
    settings: Settings = field(default_factory=dict)
    prices: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    cache: bool = True

    def __post_init__(self) -> None:
        """Takes paths and settings in the forms in which Python has them; checks ranges.

        Raises:
            UsageError: A number is out of range.
        """
        object.__setattr__(self, "model", str(self.model))
        object.__setattr__(self, "settings", _texts(self.settings))
        _at_least("batch_size", self.batch_size, 1)


@dataclass(frozen=True, slots=True)
class RunSpec:
    """Everything that decides what a run computes, and where it goes.

    Attributes:
        model: ``--model``: a checkpoint folder or hub id, or ``SCHEME:REST``.
        tasks: Task and suite names.
        data: Task → path, or ``sample``; the key ``""`` applies to every other task.
        probes: Probe and suite names.
        metrics: Registered metrics to compute beside the tasks' own, ``NAME`` or ``NAME:ARGUMENT``.
        limit: Samples a task, from the start of its data; None for all.
        sample: Samples a task, drawn at random with the seed, stratified by the data's groups or
            labels; None for all. Only one of ``limit`` and ``sample`` may be given.
        num_fewshot: Solved examples before each question.
        batch_size: Sequences a forward pass; None lets the backend choose.
        dtype: ``auto`` or a torch dtype's name.
        device: ``auto`` or a torch device's name.
        executor: ``local``, or the executor that spreads the work.
        seed: Of few-shot draws, probes and resampling.
        group_by: Metadata fields that become groups.
        backend_settings: ``--set KEY=VALUE``, of the backend and the executor.
        task_settings: ``--set NAME.KEY=VALUE``, name of a task or probe → key → value.
        templates: The user's own prompt templates, task → name → Jinja2 source.
        declared: The tables of the run's tasks that harness.toml declares, for the record.
        prices: Model → US dollars per million tokens: ``prompt``, ``completion`` and, where
            the provider re-uses prompts, ``cached_prompt``.
        machine_hour: US dollars that an hour of this machine costs; None: not known.
        energy: The country whose electricity the machine uses, in three letters (``DEU``), where
            energy is to be measured; None measures none.
        baseline: A run folder or baseline file to gate against.
        gate: The [gate] table as it stands.
        repeats: How often each sample is asked; from the second time on with a seed of its own.
        reducers: What is computed of the repeats together: ``pass@K``, ``pass^K``, ``majority``,
            ``at_least_one``, ``mean``; empty for a choice by the number of repeats.
        temperature: Of generated answers; None for what the tasks say.
        system: What the system says before every prompt; None for what the tasks say.
        roles: Role (``judge``, …) → the model that answers for it: a model's name, a
            ``ModelConfig``, or a table of ``model``, ``batch_size``, ``dtype``, ``device``,
            ``executor`` and ``set``. What a table leaves out is as for the run's model.
        allow_unsafe_code: Whether code that the model wrote may run where there is no sandbox.
        formats: Reports to write.
        out: The run folder; None makes ``runs/<UTC time>-<slug>``.
        cache: Whether answers are kept in, and taken from, the response store.
    """

    model: str
    tasks: tuple[str, ...]
    data: Settings = field(default_factory=dict)
    probes: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    limit: int | None = None
    sample: int | None = None
    num_fewshot: int = 0
    batch_size: int | None = None
    dtype: str = "auto"
    device: str = "auto"
    executor: str = "local"
    seed: int = 0
    group_by: tuple[str, ...] = ()
    backend_settings: Settings = field(default_factory=dict)
    task_settings: Mapping[str, Settings] = field(default_factory=dict)
    templates: Mapping[str, Settings] = field(default_factory=dict)
    declared: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    prices: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    machine_hour: float | None = None
    energy: str | None = None
    baseline: str | None = None
    gate: Mapping[str, Any] | None = None
    repeats: int = 1
    reducers: tuple[str, ...] = ()
    temperature: float | None = None
    system: str | None = None
    roles: Mapping[str, Any] = field(default_factory=dict)
    allow_unsafe_code: bool = False
    formats: tuple[str, ...] = ("console", "html")
    out: Path | None = None
    cache: bool = True

    def __post_init__(self) -> None:
        """Takes paths, names and settings in the forms in which Python has them; checks ranges.

        Raises:
            UsageError: A number is out of range.
        """
        object.__setattr__(self, "model", str(self.model))
        for name in ("tasks", "probes", "metrics", "group_by", "formats", "reducers"):
            object.__setattr__(self, name, split_names(getattr(self, name)))
        for name in ("data", "backend_settings"):
            object.__setattr__(self, name, _texts(getattr(self, name)))
        settings = {name: _texts(table) for name, table in self.task_settings.items()}
        object.__setattr__(self, "task_settings", settings)
        object.__setattr__(self, "roles", role_tables(self.roles))
        object.__setattr__(self, "baseline", None if self.baseline is None else str(self.baseline))
        object.__setattr__(self, "out", None if self.out is None else Path(self.out))
        for name, least in (("limit", 1), ("sample", 1), ("num_fewshot", 0), ("batch_size", 1)):
            _at_least(name, getattr(self, name), least)
        _at_least("repeats", self.repeats, 1)
        _check_machine(self.energy, self.machine_hour)
        _check_sampling(self.temperature, self.repeats, self.reducers)
        if self.limit is not None and self.sample is not None:
            raise UsageError(
                f"limit={self.limit} and sample={self.sample} are both given",
                "Take the first rows (limit), or rows drawn at random (sample).",
            )
        if not self.tasks:
            raise UsageError("no task is named", "Name some with --tasks; `harness ls` lists them.")

    @property
    def model_config(self) -> ModelConfig:
        """How the run's model is opened."""
        return ModelConfig(
            self.model,
            self.batch_size,
            self.dtype,
            self.device,
            self.executor,
            self.seed,
            self.backend_settings,
            self.prices,
            self.cache,
        )

    @property
    def role_configs(self) -> Mapping[str, ModelConfig]:
        """How the models of the other roles are opened."""
        return {role: self._role_config(table) for role, table in self.roles.items()}

    def _role_config(self, table: Mapping[str, Any]) -> ModelConfig:
        given = {key: value for key, value in table.items() if key != "set"}
        inherited = replace(self.model_config, settings={}, executor="local")
        return replace(inherited, **given, settings=table.get("set", {}))


def reducer_of(name: str) -> tuple[str, int]:
    """What a reducer's name says: (its kind, how many answers it takes at least).

    Raises:
        UsageError: There is no such reducer.
    """
    kind, k = name[:5], name[5:]
    if kind in ("pass@", "pass^") and k.isascii() and k.isdecimal() and 0 < int(k) < 10**6:
        return kind, int(k)
    if name in ("mean", "majority", "at_least_one"):
        return name, 1
    raise UsageError(
        f"there is no reducer {name!r}", "Known: mean, pass@K, pass^K, majority, at_least_one."
    )


def _check_machine(country: str | None, machine_hour: float | None) -> None:
    if country is not None and not _COUNTRY.fullmatch(country):
        raise UsageError(
            f"the country {country!r} of the energy", "Expected three letters, such as DEU or USA."
        )
    if machine_hour is not None and not 0 <= machine_hour < math.inf:
        raise UsageError(f"machine_hour is {machine_hour}, expected US dollars an hour")


def _check_sampling(temperature: float | None, repeats: int, reducers: Iterable[str]) -> None:
    if temperature is not None and not 0 <= temperature <= 100:
        raise UsageError(f"temperature is {temperature}, expected a number from 0 to 100")
    for name in reducers:
        _, k = reducer_of(name)
        if k > repeats:
            raise UsageError(
                f"{name} takes {k} answers to each sample, and there are {repeats}",
                f"Give --repeats {k} or more.",
            )


_COUNTRY = re.compile(r"[A-Z]{3}")
_ROLE = re.compile(r"[a-z][a-z0-9_.-]*")
_OF_ROLE = ("model", "batch_size", "dtype", "device", "executor", "set")


def role_tables(roles: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The tables of roles in the one form in which they are kept.

    Raises:
        UsageError: A role has no model, or a name or key that there is not.
    """
    found: dict[str, dict[str, Any]] = {}
    for role, given in roles.items():
        if not _ROLE.fullmatch(role) or role == "model":
            raise UsageError(f"the role {role!r}", "Expected a name such as judge, not `model`.")
        if isinstance(given, ModelConfig):
            table = {key: getattr(given, key) for key in _OF_ROLE if key != "set"}
            table = {**table, "set": given.settings}
        else:
            table = dict(given) if isinstance(given, Mapping) else {"model": str(given)}
        for key in table:
            if key not in _OF_ROLE:
                raise UsageError(f"{role}: unknown key {key!r}", f"Known: {', '.join(_OF_ROLE)}")
        if not table.get("model"):
            raise UsageError(
                f"no model is named for the role {role!r}",
                f"Set `model` in its table, or give {role_flag(role)}.",
            )
        _at_least("batch_size", table.get("batch_size"), 1)
        table = {key: value for key, value in table.items() if value is not None}
        found[role] = {**table, "model": str(table["model"])}
        if "set" in table:
            found[role]["set"] = _texts(table["set"])
    return found


def role_flag(role: str) -> str:
    """The command line's way to name a role's model."""
    return "--judge MODEL" if role == "judge" else f"--role {role}=MODEL"


def parse_roles(
    judges: Sequence[str], judge_settings: Iterable[str], others: Iterable[str]
) -> dict[str, dict[str, Any]]:
    """Reads ``--judge MODEL``, given several times for a panel, and ``--role NAME=MODEL``.

    Raises:
        UsageError: A value has no ``=``.
    """
    found: dict[str, dict[str, Any]] = {
        "judge" if place == 1 else f"judge.{place}": {"model": model}
        for place, model in enumerate(judges, start=1)
    }
    settings: dict[str, str] = {}
    for pair in judge_settings:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise UsageError(f"--judge-set {pair!r}", "Expected --judge-set KEY=VALUE")
        settings[key] = value
    if settings:
        for table in found.values() if found else [found.setdefault("judge", {})]:
            table["set"] = dict(settings)
    for pair in others:
        role, equals, model = pair.partition("=")
        if not equals or not role or not model:
            raise UsageError(f"--role {pair!r}", "Expected --role NAME=MODEL")
        found[role] = {"model": model}
    return found


def _merged_roles(
    file: Mapping[str, Mapping[str, Any]], given: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """The file's tables with what the command line says; it names a panel as a whole."""
    judges = [
        role for role in given if role.partition(".")[0] == "judge" and "model" in given[role]
    ]
    found = {
        role: dict(table)
        for role, table in file.items()
        if not judges or not role.startswith("judge.") or role in given
    }
    for role, table in given.items():
        base = found.get(role, found.get("judge", {}) if role.startswith("judge.") else {})
        settings = {**base.get("set", {}), **table.get("set", {})}
        found[role] = {**base, **table, **({"set": settings} if settings else {})}
    return found


def _at_least(name: str, value: int | None, least: int) -> None:
    if value is not None and value < least:
        raise UsageError(f"{name} is {value}, expected at least {least}")


def split_names(value: str | Iterable[str]) -> tuple[str, ...]:
    """Names in a list, or in one text between commas."""
    names = value.split(",") if isinstance(value, str) else value
    return tuple(name for each in names if (name := str(each).strip()))


def parse_settings(pairs: Iterable[str]) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """Splits ``KEY=VALUE`` (of backend and executor) from ``NAME.KEY=VALUE`` (of task or probe).

    Raises:
        UsageError: A pair has no ``=``.
    """
    backend: dict[str, str] = {}
    tasks: dict[str, dict[str, str]] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise UsageError(f"--set {pair!r}", "Expected --set KEY=VALUE or --set NAME.KEY=VALUE")
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


def read_config(path: Path) -> dict[str, Any]:
    """The checked content of harness.toml as keyword arguments of RunSpec.

    Raises:
        ConfigError: The file is missing, is no TOML, or holds an unknown key or a wrong type.
    """
    from pydantic import ValidationError

    raw = read_toml(path)
    model = _file_model()
    try:
        checked: Any = model.model_validate(raw)
    except ValidationError as error:
        raise _explain(path, model, error) from error
    values: dict[str, Any] = {}
    if checked.run is not None:
        values |= checked.run.model_dump(exclude_none=True)
    if checked.data:
        values["data"] = checked.data
    if checked.set:
        values["backend_settings"] = _texts(checked.set)
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
    values["task_settings"] = {name: _texts(table) for name, table in {**tasks, **probes}.items()}
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
            values[key] = _merged_roles(values.get(key, {}), value)
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


def _texts(table: Mapping[str, Any]) -> dict[str, str]:
    return {key: _text(value) for key, value in table.items()}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _file_model() -> type[BaseModel]:
    """The schema of harness.toml; made on use, because pydantic is slow to import."""
    from pydantic import BaseModel, ConfigDict, NonNegativeFloat

    class Strict(BaseModel):
        model_config = ConfigDict(extra="forbid")

    class Run(Strict):
        model: str | None = None
        tasks: tuple[str, ...] | None = None
        probes: tuple[str, ...] | None = None
        metrics: tuple[str, ...] | None = None
        limit: int | None = None
        sample: int | None = None
        num_fewshot: int | None = None
        batch_size: int | None = None
        dtype: str | None = None
        device: str | None = None
        executor: str | None = None
        seed: int | None = None
        group_by: tuple[str, ...] | None = None
        baseline: str | None = None
        formats: tuple[str, ...] | None = None
        out: Path | None = None
        cache: bool | None = None
        system: str | None = None
        repeats: int | None = None
        reducers: tuple[str, ...] | None = None
        temperature: float | None = None

    class Role(Strict):
        model: str | None = None
        batch_size: int | None = None
        dtype: str | None = None
        device: str | None = None
        executor: str | None = None
        set: dict[str, str | int | float | bool] | None = None

    class Price(Strict):
        prompt: NonNegativeFloat
        completion: NonNegativeFloat
        cached_prompt: NonNegativeFloat | None = None

    class Prices(BaseModel):
        """Of a machine's hour, and of models by name."""

        model_config = ConfigDict(extra="allow")
        __pydantic_extra__: dict[str, Price]
        machine_hour: NonNegativeFloat | None = None

    class Energy(Strict):
        country: str

    class File(Strict):
        run: Run | None = None
        data: dict[str, str] | None = None
        set: dict[str, str | int | float | bool] | None = None
        tasks: dict[str, dict[str, Any]] | None = None
        probes: dict[str, dict[str, Any]] | None = None
        gate: dict[str, Any] | None = None
        align: dict[str, Any] | None = None
        prices: Prices | None = None
        energy: Energy | None = None
        judge: Role | list[Role] | None = None
        roles: dict[str, Role] | None = None

    return File


def json_schema() -> dict[str, Any]:
    """The JSON Schema of harness.toml, before plugins add what they take."""
    schema: dict[str, Any] = _file_model().model_json_schema()
    return schema


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
    near = difflib.get_close_matches(key, known, n=3, cutoff=0.5)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"Known: {', '.join(known)}"
    return ConfigError(f"{path}: unknown key {place!r}", hint)
