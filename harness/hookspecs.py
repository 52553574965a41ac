"""Every hook of the harness. Implement any of them with ``@harness.hookimpl``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:  # a plugin that only adds a command needs none of them
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import click

    from harness.authoring.declaration import Declaration
    from harness.authoring.grading import MetricSpec
    from harness.planned import Plan
    from harness.protocols import (
        AlignerSpec,
        BackendSpec,
        ExecutorSpec,
        ExporterSpec,
        FolderPages,
        ImporterSpec,
        ProbeSpec,
        ReporterSpec,
        TaskSource,
        TaskSpec,
    )
    from harness.types import Estimate, RunResult, SampleRecord, Score

hookspec = pluggy.HookspecMarker("harness")
hookimpl = pluggy.HookimplMarker("harness")
"""Marks a function of a plugin as the implementation of the hook of its name."""


@hookspec
def harness_register_tasks() -> Iterable[TaskSpec | Declaration]:  # type: ignore[empty-body]
    """Tasks that this plugin offers to ``--tasks``."""


@hookspec
def harness_register_task_sources() -> Iterable[TaskSource]:  # type: ignore[empty-body]
    """Catalogues of tasks that this plugin offers to ``--tasks PREFIX:NAME``."""


@hookspec
def harness_register_backends() -> Iterable[BackendSpec]:  # type: ignore[empty-body]
    """Backends that this plugin offers to ``--model SCHEME:REST``."""


@hookspec
def harness_register_probes() -> Iterable[ProbeSpec]:  # type: ignore[empty-body]
    """Probes that this plugin offers to ``--probes``."""


@hookspec
def harness_register_aligners() -> Iterable[AlignerSpec]:  # type: ignore[empty-body]
    """Training methods that this plugin offers to ``harness align --method``."""


@hookspec
def harness_register_reporters() -> Iterable[ReporterSpec]:  # type: ignore[empty-body]
    """Formats that this plugin offers to ``--format``."""


@hookspec
def harness_register_executors() -> Iterable[ExecutorSpec]:  # type: ignore[empty-body]
    """Executors that this plugin offers."""


@hookspec
def harness_register_importers() -> Iterable[ImporterSpec]:  # type: ignore[empty-body]
    """Formats of others' results that this plugin reads, for ``harness import`` and ``compare``."""


@hookspec
def harness_register_exporters() -> Iterable[ExporterSpec]:  # type: ignore[empty-body]
    """Forms and services that this plugin writes runs to: ``harness export --to``, ``--track``."""


@hookspec
def harness_register_metrics() -> Iterable[MetricSpec]:  # type: ignore[empty-body]
    """Metrics that this plugin offers to tasks declared in harness.toml."""


@hookspec
def harness_group_measures(  # type: ignore[empty-body]
    attribute: str, records: Sequence[SampleRecord]
) -> Mapping[str, Mapping[str, Estimate]]:
    """Further measures between the groups of an attribute: metric → measure → estimate."""


@hookspec
def harness_check_training_data(  # type: ignore[empty-body]
    texts: Sequence[str], prompts: Sequence[str]
) -> Mapping[str, int]:
    """What is wrong with training rows: what, in words → rows.

    ``texts`` has all texts of each row, ``prompts`` what they begin with: the prompt, or nothing.
    """


@hookspec
def harness_commands(app: click.Group) -> None:
    """Add commands to ``harness``; called before the command line is parsed."""


@hookspec
def harness_api() -> Mapping[str, Callable[..., object]]:  # type: ignore[empty-body]
    """Functions that this plugin offers as ``from harness import NAME``; each imports on call."""


@hookspec
def harness_view_pages() -> Iterable[FolderPages]:  # type: ignore[empty-body]
    """Pages that this plugin adds to ``harness view``."""


@hookspec
def harness_run_started(plan: Plan) -> None:
    """A run is about to ask the model; the plan holds tasks, samples and requests."""


@hookspec
def harness_scored(task: str, score: Score) -> None:
    """A sample of ``task`` got a score."""


@hookspec
def harness_run_finished(result: RunResult) -> None:
    """A run ended, complete or not, and its folder is written."""
