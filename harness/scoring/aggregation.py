"""From responses to scores, and from scores to a task's result."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from harness.authoring.measures import fairness, predictions
from harness.authoring.metrics import UNREAD, kind_of
from harness.errors import PluginError, plugin_call
from harness.protocols import (
    FollowUp,
    HasRemarks,
    Metric,
    Probe,
    ScoresRounds,
    Task,
    bounds_of,
    calibration_of,
    ideal_of,
    signature_of,
)
from harness.scoring import validity
from harness.types import (
    MODEL,
    Completion,
    Estimate,
    Failed,
    MetricResult,
    MetricResults,
    Response,
    Round,
    Sample,
    SampleRecord,
    Score,
    ScoreValue,
    TaskResult,
    Unscored,
)

if TYPE_CHECKING:
    from harness.planned import TaskPlan


Members: TypeAlias = Mapping[str, Mapping[str, Sequence[SampleRecord]]]
GroupMeasures: TypeAlias = Callable[
    [str, Sequence[SampleRecord]], Mapping[str, Mapping[str, Estimate]]
]


def score(
    task: Task, sample: Sample, responses: Sequence[Response], rounds: Sequence[Round] = ()
) -> Mapping[str, ScoreValue]:
    """The task's scores of one sample; every metric is unscored when a request failed.

    Args:
        task: Whose scores.
        sample: What was asked about.
        responses: Of the first round.
        rounds: All rounds, where the task asks in rounds.

    Raises:
        PluginError: The task raised, or named a metric it does not declare.
    """
    if rounds:
        responses = [response for each in rounds for response in each.responses]
    for response in responses:
        if isinstance(response, Failed):
            return {metric.name: Unscored(response.reason) for metric in task.metrics}
    with plugin_call(task, f"task {task.name!r} failed to score sample {sample.id!r}"):
        if isinstance(task, FollowUp) and isinstance(task, ScoresRounds):
            given = task.score_rounds(sample, rounds)
        else:
            given = task.score(sample, responses)
    names = [metric.name for metric in task.metrics]  # a task may learn of some as it scores
    for name in given:
        if name not in names:
            raise PluginError(f"task {task.name!r} scored {name!r}, which is not among its metrics")
    return {name: _checked(given[name]) for name in names if name in given}


def _checked(value: ScoreValue) -> ScoreValue:
    if isinstance(value, Unscored):
        return value
    if isinstance(value, tuple):
        numbers = (each for each in value if not isinstance(each, str))
        return value if all(map(math.isfinite, numbers)) else Unscored(validity.NOT_A_NUMBER)
    return float(value) if math.isfinite(value) else Unscored(validity.NOT_A_NUMBER)


def scores_of(record: SampleRecord) -> Iterator[Score]:
    """The record's scores, one a metric."""
    for name, value in record.scores.items():
        yield Score(
            record.sample.id,
            name,
            value,
            record.probe,
            record.variant,
            record.sample.cluster,
            predictions.judged(record, value),
            record.repeat,
        )


def summarize(
    plan: TaskPlan,
    records: Sequence[SampleRecord],
    more_measures: GroupMeasures | None = None,
) -> TaskResult:
    """A task's result from its finished records, probes' variants among them.

    ``more_measures`` gives further measures between the groups of an attribute.
    """
    every = [record for record in records if record.probe is None]
    originals = [record for record in every if record.repeat == 0]
    own = {metric.name for metric in plan.task.metrics}
    scored = {name for record in originals for name in record.scores}
    metrics = [each for each in metrics_of(plan) if each.name in own | scored]
    groups = _members(every)
    failure = _failure(every)
    notes = (
        *plan.notes,
        *_cut_off(plan.task.name, every),
        *_remarks(plan.task, originals),
        *_small_groups(_members(originals)),
    )
    if len(originals) < plan.sample_count:
        notes = (*notes, f"ended after {len(originals):,} of {plan.sample_count:,} samples")
    reduced = _reduced(plan, every) if plan.repeats > 1 else {}
    notes = (*notes, *on_repeats(plan.repeats, reduced))
    return TaskResult(
        name=plan.task.name,
        version=str(plan.task.version),
        n=len(originals),
        errors=len({record.sample.id for record in every if record.error is not None}),
        data=plan.source,
        data_sha256=plan.data_sha256,
        metrics=estimate(metrics, every),
        groups=_by_group(metrics, groups),
        probes=_probes(plan.probes, metrics, records),
        skipped_variants={name: dict(counts) for name, counts in plan.skipped.items()},
        settings=plan.settings,
        scored_by=plan.scored_by,
        notes=notes,
        fairness=_fairness(metrics, groups, more_measures),
        failure=failure,
        repeats=plan.repeats,
        reduced=reduced,
    )


def metrics_of(plan: TaskPlan) -> Sequence[Metric]:
    """The task's metrics, and the reducers that the user named of them."""
    if not plan.metric_reducers:
        return plan.task.metrics
    from harness.scoring import repeats  # see below

    reduced = repeats.reduced_metrics(plan.task.metrics, plan.metric_reducers)
    return (*plan.task.metrics, *(each.metric for each in reduced))


def with_reduced(plan: TaskPlan, records: Sequence[SampleRecord]) -> Sequence[SampleRecord]:
    """The records with the scores of ``metrics_of`` that the repeats have together."""
    if not plan.metric_reducers:
        return records
    from harness.scoring import repeats  # see below

    return repeats.with_reduced(plan.task, records, plan.metric_reducers)


def _reduced(
    plan: TaskPlan, records: Sequence[SampleRecord]
) -> Mapping[str, Mapping[str, Estimate]]:
    from harness.scoring import repeats  # numpy, which a run without repeats may not need

    return repeats.measures(plan.task, records, plan.reducers)


def on_repeats(count: int, reduced: Mapping[str, Mapping[str, Estimate]]) -> Iterator[str]:
    """What the repeats say together, in a sentence a metric."""
    for metric, measures in reduced.items():
        parts = [
            f"{name.replace('_', ' ')} {each.value:.3f} [{each.low:.3f}, {each.high:.3f}]"
            for name, each in measures.items()
        ]
        yield f"{metric} over {count} answers to each sample: {', '.join(parts)}"


def with_metrics(
    result: TaskResult,
    metrics: Sequence[Metric],
    records: Sequence[SampleRecord],
    probes: Mapping[str, Probe],
    notes: Sequence[str] = (),
) -> TaskResult:
    """A task's result with further metrics; what it had stays as it was.

    Args:
        result: The task's result.
        metrics: The further metrics.
        records: The task's records, which hold scores of them.
        probes: Name → probe, for what they measure of the metrics.
        notes: What a reader must know of the metrics.
    """
    originals = [record for record in records if record.probe is None]
    members = _members(originals)
    measured = _probes(probes, metrics, records)
    return replace(
        result,
        errors=len({record.sample.id for record in originals if record.error is not None}),
        metrics={**result.metrics, **estimate(metrics, originals)},
        groups=_merged(result.groups, _by_group(metrics, members)),
        probes=_merged(result.probes, measured),
        fairness=_merged(result.fairness, _fairness(metrics, members, None)),
        notes=tuple(dict.fromkeys((*result.notes, *notes))),
        failure=_failure(originals),
    )


def _merged(
    before: Mapping[str, Mapping[str, Mapping[str, Any]]],
    more: Mapping[str, Mapping[str, Mapping[str, Any]]],
) -> dict[str, dict[str, dict[str, Any]]]:
    """Both, where two levels of names lead to tables that are joined."""
    found = {name: {key: dict(each) for key, each in of.items()} for name, of in before.items()}
    for name, of in more.items():
        for key, each in of.items():
            found.setdefault(name, {}).setdefault(key, {}).update(each)
    return found


def _by_group(metrics: Sequence[Metric], members: Members) -> dict[str, dict[str, MetricResults]]:
    return {
        attribute: {
            group: estimate(_applying(metrics, of_one[group]), of_one[group])
            for group in sorted(of_one)
        }
        for attribute, of_one in members.items()
    }


def _cut_off(task: str, records: Sequence[SampleRecord]) -> Iterator[str]:
    """How many samples' answers ended before they began, and what helps."""
    count = sum(
        any(
            isinstance(each, Completion) and each.cut_off
            for asked in record.rounds
            for each in asked.of(MODEL)
        )
        for record in records
    )
    what = "repeats" if any(record.repeat for record in records) else "samples"
    if count:
        yield (
            f"{count:,} of {len(records):,} {what} have an answer that was cut off before it "
            "began, most likely while the model was thinking; it counts as no answer. "
            f"--set {task}.thinking_tokens=2048 gives more room"
        )


def _failure(records: Sequence[SampleRecord]) -> str | None:
    """Why none of the records has a score, the commonest reason; None where one has.

    That an answer could not be read is no score of it.
    """
    if not records or any(
        not isinstance(value, Unscored)
        for record in records
        for name, value in record.scores.items()
        if name != UNREAD.name
    ):
        return None
    reasons = Counter(record.error or "the task gave no score" for record in records)
    (reason, count), *others = reasons.most_common()
    return f"{reason} ({count:,} of {len(records):,} samples)" if others else reason


def estimate(metrics: Sequence[Metric], records: Iterable[SampleRecord]) -> MetricResults:
    """Metric name → result over the records' scored samples.

    Raises:
        PluginError: A metric raised.
    """
    rows = _rows(records)
    return {
        metric.name: MetricResult(
            _aggregate(metric, rows.get(metric.name, [])),
            metric.higher_is_better,
            signature_of(metric),
            ideal_of(metric),
            kind_of(metric),
            bounds_of(metric),
            calibration_of(metric),
        )
        for metric in metrics
    }


def _aggregate(metric: Metric, rows: Sequence[Score]) -> Estimate:
    hint = "The answers are kept: with the metric mended, the same command asks nothing again."
    with plugin_call(metric, f"metric {metric.name!r} failed on {len(rows):,} scores", hint):
        return metric.aggregate(rows)


def _applying(metrics: Sequence[Metric], records: Sequence[SampleRecord]) -> list[Metric]:
    """The metrics that a sample of the group has a score of, or failed to get one."""
    names = {name for record in records for name in record.scores}
    return [metric for metric in metrics if metric.name in names]


def _rows(records: Iterable[SampleRecord]) -> dict[str, list[Score]]:
    rows: dict[str, list[Score]] = defaultdict(list)
    for record in records:
        for row in scores_of(record):
            if not isinstance(row.value, Unscored):
                rows[row.metric].append(row)
    if not any(row.repeat for found in rows.values() for row in found):
        return rows
    from harness.scoring import repeats

    return {name: repeats.rows(found) for name, found in rows.items()}


def _members(records: Sequence[SampleRecord]) -> Members:
    """Attribute → group → its records."""
    members: dict[str, dict[str, list[SampleRecord]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        for attribute, group in record.sample.groups.items():
            members[attribute][group].append(record)
    return dict(sorted(members.items()))


def _fairness(
    metrics: Sequence[Metric], members: Members, more_measures: GroupMeasures | None
) -> dict[str, dict[str, Mapping[str, Estimate]]]:
    found: dict[str, dict[str, Mapping[str, Estimate]]] = {}
    for attribute, groups in members.items():
        rows = {group: _rows(records) for group, records in groups.items()}
        measures: dict[str, Mapping[str, Estimate]] = {}
        for metric in metrics:
            of_metric = {group: rows[group].get(metric.name, []) for group in rows}
            if compared := fairness.compare(metric, of_metric):
                measures[metric.name] = compared
        if more_measures is not None:
            every = [each for records in groups.values() for each in records if each.repeat == 0]
            measures |= more_measures(attribute, every)
        if measures:
            found[attribute] = measures
    return found


def _remarks(task: Task, records: Sequence[SampleRecord]) -> Iterable[str]:
    """What the task itself says of scores on these samples."""
    if not isinstance(task, HasRemarks):
        return []
    return task.remarks([record.sample for record in records])


def _small_groups(members: Members) -> Iterator[str]:
    for attribute, groups in members.items():
        small = [
            f"{group} ({len(records)})"
            for group, records in sorted(groups.items())
            if len(records) < fairness.MINIMUM
        ]
        if small:
            yield (
                f"{attribute}: too small to be compared with other groups, under "
                f"{fairness.MINIMUM} samples: {', '.join(small)}"
            )


def _probes(
    probes: Mapping[str, Probe], metrics: Sequence[Metric], records: Sequence[SampleRecord]
) -> dict[str, dict[str, Mapping[str, Estimate]]]:
    originals = _rows(r for r in records if r.probe is None and r.repeat == 0)
    found: dict[str, dict[str, Mapping[str, Estimate]]] = {}
    for name, probe in probes.items():
        perturbed = _rows(record for record in records if record.probe == name)
        found[name] = {
            metric.name: probe.aggregate(metric, originals[metric.name], perturbed[metric.name])
            for metric in metrics
            if metric.name in originals and metric.name in perturbed
        }
    return found
