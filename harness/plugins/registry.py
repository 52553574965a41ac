"""Everything that the loaded plugins offer, by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from harness.errors import UnknownNameError
from harness.plugins.loaded import Loaded

if TYPE_CHECKING:  # `harness --help` looks at no kind of plugin
    from harness.authoring.grading import MetricSpec
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

Spec = TypeVar("Spec", "TaskSpec", "ProbeSpec")
Named = TypeVar("Named")


@dataclass(slots=True)
class Registry(Loaded):
    """Everything the loaded plugins offer, by name.

    ``tables`` are the harness.toml files whose tasks are added, ``declared`` the tables of these.
    """

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
