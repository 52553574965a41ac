"""What a run computes, and where it goes."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.config.model_config import ModelConfig
from harness.config.roles import role_tables
from harness.config.values import Settings, at_least, split_names, texts
from harness.errors import UsageError

RUNS = Path("runs")
"""Where run folders go that have no name."""
_COUNTRY = re.compile(r"[A-Z]{3}")


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
        seed: Of few-shot draws, probes, drawn samples and drawn answers.
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
        max_seconds: After how long the run ends with what is answered; None: never.
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
    max_seconds: float | None = None
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
            object.__setattr__(self, name, texts(getattr(self, name)))
        settings = {name: texts(table) for name, table in self.task_settings.items()}
        object.__setattr__(self, "task_settings", settings)
        object.__setattr__(self, "roles", role_tables(self.roles))
        object.__setattr__(self, "baseline", None if self.baseline is None else str(self.baseline))
        object.__setattr__(self, "out", None if self.out is None else Path(self.out))
        for name, least in (("limit", 1), ("sample", 1), ("num_fewshot", 0), ("batch_size", 1)):
            at_least(name, getattr(self, name), least)
        at_least("repeats", self.repeats, 1)
        if self.max_seconds is not None and not 0 < self.max_seconds < math.inf:
            raise UsageError(f"max_seconds is {self.max_seconds}, expected a number above 0")
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
    def may_end_early(self) -> bool:
        """Whether a gate may end the run before all is asked."""
        return (self.gate or {}).get("mode") == "sequential"

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
