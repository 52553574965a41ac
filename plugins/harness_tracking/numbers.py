"""The numbers of a run, in one order for all exporters."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from harness.types import Estimate, MetricResult, RunResult, TaskResult


@dataclass(frozen=True, slots=True)
class Number:
    """One estimate of a run.

    Attributes:
        task: Its task.
        metric: Its metric.
        estimate: The value with its interval.
        result: The metric's result, where the number is one; None for a measure.
        kind: ``metric``, ``group``, ``fairness`` or ``probe``.
        of: ``ATTRIBUTE=GROUP``, an attribute, or a probe's name; empty for a metric.
        measure: What was measured of a probe or between groups.
    """

    task: TaskResult
    metric: str
    estimate: Estimate
    result: MetricResult | None = None
    kind: str = "metric"
    of: str = ""
    measure: str = ""


def metrics(run: RunResult) -> Iterator[Number]:
    """Every task's metrics."""
    for task in run.tasks.values():
        for name, result in task.metrics.items():
            yield Number(task, name, result.estimate, result)


def everything(run: RunResult) -> Iterator[Number]:
    """Metrics, then groups, measures between them, and probes."""
    yield from metrics(run)
    for task in run.tasks.values():
        for attribute, groups in task.groups.items():
            for group, of_group in groups.items():
                for name, result in of_group.items():
                    of = f"{attribute}={group}"
                    yield Number(task, name, result.estimate, result, "group", of)
        for kind, compared in (("fairness", task.fairness), ("probe", task.probes)):
            for of, by_metric in compared.items():
                for name, measures in by_metric.items():
                    for measure, found in measures.items():
                        yield Number(task, name, found, None, kind, of, measure)


def in_words(estimate: Estimate) -> str:
    """The interval and how it was made; says so where there is none."""
    interval = "no interval"
    if math.isfinite(estimate.low) and math.isfinite(estimate.high):
        interval = f"95 % interval {estimate.low:.4g} to {estimate.high:.4g}"
    return f"{interval}, n = {estimate.n}, {estimate.method}"
