"""What judging finished runs needs of the installed tasks: their metric objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

IMPORTED = "imported"
"""The key of a run's spec that says that another program made it."""

if TYPE_CHECKING:
    from harness.comparison.measure import MetricsOfTask
    from harness.plugins import Registry
    from harness.protocols import Metric, TaskSpec
    from harness.results.baseline import ScoredRun


def task_metrics(
    registry: Registry, runs: Sequence[ScoredRun | None], rules: Iterable[str] = ()
) -> MetricsOfTask:
    """Task → metrics, of the runs' tasks and of those that rules name, where installed.

    A task that is installed and cannot be opened with the run's settings has none.

    Args:
        registry: The loaded plugins.
        runs: Their tasks, opened with the settings that the run had.
        rules: ``TASK.METRIC`` names.
    """
    from harness.authoring.metrics import MetricRef
    from harness.errors import HarnessError
    from harness.protocols import TaskOptions
    from harness.scoring import added_metrics

    specs = {**_recorded(registry, runs), **_sourced(registry, runs), **registry.tasks}
    settings: dict[str, dict[str, str]] = {}
    for rule in rules:
        ref = MetricRef.find(rule, specs)
        if ref is not None:
            settings[ref.task] = {}
    for run in runs:
        if run is not None and IMPORTED not in run.spec:
            given = run.spec.get("task_settings", {})
            settings |= {name: dict(given.get(name, {})) for name in run.result.tasks}
    # A task of another program may share a name with ours; its metrics are its own.
    others = {
        name
        for run in runs
        if run is not None and IMPORTED in run.spec
        for name in run.result.tasks
    }
    given_beside = [name for run in runs if run is not None for name in run.spec.get("metrics", ())]
    known = [
        name for name in dict.fromkeys(given_beside) if name.partition(":")[0] in registry.metrics
    ]
    added = added_metrics.named(known, registry.metrics)
    reducers = [name for run in runs if run is not None for name in run.spec.get("reducers", ())]
    metrics: dict[str, Sequence[Metric]] = {}
    for task, values in settings.items():
        if task not in specs or task in others:
            continue
        try:
            opened = specs[task].open(TaskOptions(values=values))
            own = added_metrics.add(opened, added).task.metrics
            metrics[task] = (*own, *_reduced(own, list(dict.fromkeys(reducers))))
        except HarnessError:
            # An extra that is not installed, or settings of another version: what can be told
            # from the scores alone still is, and the rest is named as skipped.
            metrics[task] = ()
    return metrics


def _reduced(own: Sequence[Metric], reducers: Sequence[str]) -> Iterable[Metric]:
    """What the runs computed of repeats, as metrics."""
    if not reducers:
        return ()
    from harness.scoring import repeats

    return (each.metric for each in repeats.reduced_metrics(own, reducers))


def _recorded(registry: Registry, runs: Iterable[ScoredRun | None]) -> dict[str, TaskSpec]:
    """The tasks that harness.toml declared when the runs were made, where they can be made."""
    from harness.authoring import declared_tables
    from harness.errors import HarnessError

    found: dict[str, TaskSpec] = {}
    for run in runs:
        for name, table in (run.spec.get("declared", {}) if run is not None else {}).items():
            with suppress(HarnessError):  # a metric of a plugin that is not here
                declared = declared_tables.parse("run.json", name, table, registry.metrics)
                found[name] = declared.spec(registry.metrics)
    return found


def _sourced(registry: Registry, runs: Iterable[ScoredRun | None]) -> dict[str, TaskSpec]:
    """The runs' tasks that come from a task source, where it still has them."""
    from harness.errors import HarnessError

    found: dict[str, TaskSpec] = {}
    for run in runs:
        if run is None:
            continue
        for name in run.result.tasks:
            with suppress(HarnessError):
                specs = registry.sourced(name, run.spec.get("task_settings", {}))
                found |= {spec.name: spec for spec in specs or ()}
    return found
