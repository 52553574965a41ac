"""Everything that the loaded plugins offer, by name; a hook that raises is noted and skipped."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pluggy

from harness.authoring.grading import MetricSpec
from harness.errors import PluginError, UnknownNameError
from harness.plugins.guarding import Guarded, GuardedWrapper
from harness.protocols import (
    AlignerSpec,
    BackendSpec,
    ExecutorSpec,
    ExporterSpec,
    ImporterSpec,
    ProbeSpec,
    ReporterSpec,
    TaskSource,
    TaskSpec,
)

LIFECYCLE = (
    "harness_run_started",
    "harness_scored",
    "harness_group_measures",
    "harness_run_finished",
)
"""Hooks that are called during a run, which no plugin's fault may end."""
Spec = TypeVar("Spec", TaskSpec, ProbeSpec)
Named = TypeVar("Named")


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """One plugin as ``harness plugins`` lists it; ``error`` says why it was skipped."""

    name: str
    version: str
    origin: str
    hooks: tuple[str, ...] = ()
    error: str | None = None


@dataclass(slots=True)
class Registry:
    """Everything the loaded plugins offer, by name.

    ``files`` are the Python files given with ``--plugin``; ``tables`` the harness.toml files that
    declare tasks, and ``declared`` the tables of these.
    """

    manager: pluggy.PluginManager
    files: tuple[Path, ...] = ()
    tables: tuple[Path, ...] = ()
    plugins: list[PluginInfo] = field(default_factory=list)
    tasks: dict[str, TaskSpec] = field(default_factory=dict)
    task_sources: dict[str, TaskSource] = field(default_factory=dict)
    backends: dict[str, BackendSpec] = field(default_factory=dict)
    probes: dict[str, ProbeSpec] = field(default_factory=dict)
    aligners: dict[str, AlignerSpec] = field(default_factory=dict)
    reporters: dict[str, ReporterSpec] = field(default_factory=dict)
    executors: dict[str, ExecutorSpec] = field(default_factory=dict)
    importers: dict[str, ImporterSpec] = field(default_factory=dict)
    exporters: dict[str, ExporterSpec] = field(default_factory=dict)
    metrics: dict[str, MetricSpec] = field(default_factory=dict)
    declared: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    failures: Counter[str] = field(default_factory=Counter)
    strict: bool = False

    @property
    def functions(self) -> dict[str, Callable[..., object]]:
        """What plugins add to the Python API, by name."""
        found: dict[str, Callable[..., object]] = {}
        for offered in self.notify("harness_api"):
            found |= offered
        return found

    def select_tasks(
        self, names: Iterable[str], settings: Mapping[str, Mapping[str, str]] | None = None
    ) -> list[TaskSpec]:
        """The tasks named, suites unfolded, each once, in the order asked for.

        Args:
            names: Of tasks and suites, or ``PREFIX:NAME`` of what a task source has.
            settings: ``--set NAME.KEY=VALUE``, of which sources read their own.

        Raises:
            UnknownNameError: Neither a task nor a suite has that name.
        """
        chosen: dict[str, TaskSpec] = {}
        for name in names:
            found = self.sourced(name, settings or {})
            specs = _select("task or suite", self.tasks, [name]) if found is None else found
            chosen |= {spec.name: spec for spec in specs}
        return list(chosen.values())

    def sourced(
        self, name: str, settings: Mapping[str, Mapping[str, str]]
    ) -> Sequence[TaskSpec] | None:
        """The tasks that a source has under ``PREFIX:NAME``; None where none has the prefix.

        Raises:
            UnknownNameError: The source has no such name.
        """
        prefix, colon, rest = name.partition(":")
        if not colon or name in self.tasks or prefix not in self.task_sources:
            return None
        return self.task_sources[prefix].find(rest, settings.get(prefix, {}))

    def select_probes(self, names: Iterable[str]) -> list[ProbeSpec]:
        """The probes named, suites unfolded, each once, in the order asked for."""
        return _select("probe or suite", self.probes, names)

    def reporter(self, name: str) -> ReporterSpec:
        """The reporter of a format."""
        return _get("format", self.reporters, name)

    def exporter(self, name: str) -> ExporterSpec:
        """The exporter of that name."""
        return _get("exporter", self.exporters, name)

    def backend(self, scheme: str) -> BackendSpec:
        """The backend of a scheme."""
        return _get("backend", self.backends, scheme)

    def listens(self, hook: str) -> bool:
        """Whether a plugin has that hook."""
        return bool(getattr(self.manager.hook, hook).get_hookimpls())

    def notify(self, hook: str, **arguments: Any) -> list[Any]:
        """What every plugin's hook returns, called by pluggy; one that raises gives nothing."""
        caller = getattr(self.manager.hook, hook)
        self._guard(caller)
        returned: list[Any] = caller(**arguments)
        return returned

    def _guard(self, caller: pluggy.HookCaller) -> None:
        """Keeps what a plugin raises from the others' hooks: it is noted, and skipped."""
        for each in caller.get_hookimpls():
            if not isinstance(each.function, Guarded):
                note = partial(self.note_failure, each.plugin_name, caller.name)
                kind = GuardedWrapper if each.wrapper or each.hookwrapper else Guarded
                each.function = kind(each.function, note)  # type: ignore[misc]

    def note_failure(self, plugin: str, hook: str, error: Exception) -> None:
        """Counts a hook that raised, and warns of it the first time.

        Raises:
            PluginError: The plugins are loaded strictly, and it happened before a run.
        """
        told = f"plugin {plugin!r} failed in {hook}: {explained(error)}"
        if self.strict and hook not in LIFECYCLE:
            raise PluginError(told) from error
        self.failures[told] += 1
        if self.failures[told] == 1:
            warnings.warn(f"plugin {plugin!r} failed in {hook}: {error!r}", stacklevel=3)

    @property
    def failure_notes(self) -> tuple[str, ...]:
        """A sentence on each hook that raised, for the run's notes."""
        return tuple(
            f"{told} ({times:,} times)" if times > 1 else told
            for told, times in self.failures.items()
        )


def _get(kind: str, known: dict[str, Named], name: str) -> Named:
    if name not in known:
        raise UnknownNameError(kind, name, known)
    return known[name]


def suites(specs: dict[str, Spec]) -> dict[str, list[str]]:
    """Suite → the names in it, in the order of registration."""
    found: dict[str, list[str]] = {}
    for name, spec in specs.items():
        for suite in spec.suites:
            found.setdefault(suite, []).append(name)
    return found


def _select(kind: str, specs: dict[str, Spec], names: Iterable[str]) -> list[Spec]:
    groups: dict[str, list[str]] = suites(specs)
    chosen: dict[str, Spec] = {}
    for name in names:
        if name not in specs and name not in groups:
            raise UnknownNameError(
                kind, name, [*specs, *groups], "`harness ls` lists what there is."
            )
        for member in [name] if name in specs else groups[name]:
            chosen[member] = specs[member]
    return list(chosen.values())


def explained(error: BaseException) -> str:
    """An error in one line."""
    first = str(error).splitlines()[0] if str(error) else "no message"
    return first if isinstance(error, PluginError) else f"{type(error).__name__}: {first}"
