"""From responses to scores, and from scores to a task's result."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from harness.errors import PluginError
from harness.protocols import Metric, Task
from harness.types import (
    Estimate,
    Failed,
    MetricResult,
    MetricResults,
    Response,
    Sample,
    SampleRecord,
    Score,
    ScoreValue,
    TaskResult,
    Unscored,
)

if TYPE_CHECKING:
    from harness.plan import TaskPlan


def score(task: Task, sample: Sample, responses: Sequence[Response]) -> Mapping[str, ScoreValue]:
    """The task's scores of one sample; every metric is unscored when a request failed.

    Raises:
        PluginError: The task raised, or named a metric it does not declare.
    """
    names = [metric.name for metric in task.metrics]
    for response in responses:
        if isinstance(response, Failed):
            return dict.fromkeys(names, Unscored(response.reason))
    try:
        given = task.score(sample, responses)
    except Exception as error:
        raise PluginError(
            f"task {task.name!r} failed to score sample {sample.id!r}: {error!r}"
        ) from error
    for name in given:
        if name not in names:
            raise PluginError(f"task {task.name!r} scored {name!r}, which is not among its metrics")
    return {name: _checked(given[name]) for name in names if name in given}


def _checked(value: ScoreValue) -> ScoreValue:
    if isinstance(value, Unscored | tuple):
        return value
    return float(value) if math.isfinite(value) else Unscored(f"the score is {value}")


def scores_of(record: SampleRecord) -> Iterator[Score]:
    """The record's scores, one a metric."""
    for name, value in record.scores.items():
        yield Score(
            record.sample.id, name, value, record.probe, record.variant, record.sample.cluster
        )


def summarize(plan: TaskPlan, records: Sequence[SampleRecord]) -> TaskResult:
    """A task's result from its finished records, probes' variants among them."""
    originals = [record for record in records if record.probe is None]
    metrics = plan.task.metrics
    notes = plan.notes
    if len(originals) < plan.sample_count:
        notes = (*notes, f"ended after {len(originals):,} of {plan.sample_count:,} samples")
    return TaskResult(
        name=plan.task.name,
        version=str(plan.task.version),
        n=len(originals),
        errors=sum(record.error is not None for record in originals),
        data=plan.source,
        data_sha256=plan.data_sha256,
        metrics=estimate(metrics, originals),
        groups=_groups(metrics, originals),
        probes=_probes(plan, records),
        settings=plan.settings,
        notes=notes,
    )


def estimate(metrics: Sequence[Metric], records: Iterable[SampleRecord]) -> MetricResults:
    """Metric name → result over the records' scored samples."""
    rows = _rows(records)
    return {
        metric.name: MetricResult(
            metric.aggregate(rows.get(metric.name, [])),
            metric.higher_is_better,
            getattr(metric, "signature", None),
        )
        for metric in metrics
    }


def _rows(records: Iterable[SampleRecord]) -> dict[str, list[Score]]:
    rows: dict[str, list[Score]] = defaultdict(list)
    for record in records:
        for row in scores_of(record):
            if not isinstance(row.value, Unscored):
                rows[row.metric].append(row)
    return rows


def _groups(
    metrics: Sequence[Metric], records: Sequence[SampleRecord]
) -> dict[str, dict[str, MetricResults]]:
    members: dict[str, dict[str, list[SampleRecord]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        for attribute, group in record.sample.groups.items():
            members[attribute][group].append(record)
    return {
        attribute: {group: estimate(metrics, groups[group]) for group in sorted(groups)}
        for attribute, groups in sorted(members.items())
    }


def _probes(
    plan: TaskPlan, records: Sequence[SampleRecord]
) -> dict[str, dict[str, Mapping[str, Estimate]]]:
    originals = _rows(record for record in records if record.probe is None)
    found: dict[str, dict[str, Mapping[str, Estimate]]] = {}
    for name, probe in plan.probes.items():
        perturbed = _rows(record for record in records if record.probe == name)
        found[name] = {
            metric: probe.aggregate(originals[metric], rows)
            for metric, rows in perturbed.items()
            if metric in originals
        }
    return found
