"""From responses to scores, and from scores to a task's result."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias, overload

import numpy as np

from harness.authoring.io.packed_ids import ItemsAt
from harness.authoring.measures import fairness, predictions
from harness.authoring.metrics import kind_of
from harness.errors import PluginError, plugin_call
from harness.protocols import (
    HasRemarks,
    Metric,
    Probe,
    ScoresRounds,
    Task,
    bounds_of,
    calibration_of,
    follows_up,
    ideal_of,
    signature_of,
    summary_of,
)
from harness.scoring import validity
from harness.scoring.tally import Places, Rows, Tally
from harness.types import (
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
        if follows_up(task) and isinstance(task, ScoresRounds):
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
    tally: Tally | None = None,
) -> TaskResult:
    """A task's result from its finished records, probes' variants among them.

    Args:
        plan: The task's part of the plan.
        records: The records, in the order of the plan.
        more_measures: Gives further measures between the groups of an attribute.
        tally: What is gathered of the records already.
    """
    tally = tally or Tally.of(records, plan.probes)
    first = tally.first if tally.repeated else None
    n = tally.count if first is None else len(first)
    names = {metric.name for metric in plan.task.metrics} | tally.originals.metrics(first)
    metrics = [each for each in metrics_of(plan) if each.name in names]
    notes = (
        *plan.notes,
        *_cut_off(plan.task.name, tally),
        *_remarks(plan.task, _Originals(records)),
        *_small_groups(tally),
    )
    if n < plan.sample_count:
        notes = (*notes, f"ended after {n:,} of {plan.sample_count:,} samples")
    reduced = _reduced(plan, records) if plan.repeats > 1 else {}
    probes = _probes(plan.probes, metrics, tally)
    notes = (*notes, *on_repeats(plan.repeats, reduced), *_summaries(plan.probes, metrics, probes))
    return TaskResult(
        name=plan.task.name,
        version=str(plan.task.version),
        n=n,
        errors=tally.errors,
        data=plan.source,
        data_sha256=plan.data_sha256,
        metrics=_estimates(metrics, tally.originals),
        groups=_by_group(metrics, tally),
        probes=probes,
        skipped_variants={name: dict(counts) for name, counts in plan.skipped.items()},
        settings=plan.settings,
        scored_by=plan.scored_by,
        notes=notes,
        fairness=_fairness(metrics, tally, records, more_measures),
        failure=tally.failure,
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
    from harness.scoring import repeats

    every = [record for record in records if record.probe is None]
    return repeats.measures(plan.task, every, plan.reducers)


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
    tally = Tally.of(records, probes)
    return replace(
        result,
        errors=tally.errors,
        metrics={**result.metrics, **_estimates(metrics, tally.originals)},
        groups=_merged(result.groups, _by_group(metrics, tally)),
        probes=_merged(result.probes, _probes(probes, metrics, tally)),
        fairness=_merged(result.fairness, _fairness(metrics, tally, records, None)),
        notes=tuple(dict.fromkeys((*result.notes, *notes))),
        failure=tally.failure,
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


def _by_group(metrics: Sequence[Metric], tally: Tally) -> dict[str, dict[str, MetricResults]]:
    rows = tally.originals
    return {
        attribute: {
            group: _estimates(_applying(metrics, rows, groups[group]), rows, groups[group])
            for group in sorted(groups)
        }
        for attribute, groups in tally.members.items()
    }


def _cut_off(task: str, tally: Tally) -> Iterator[str]:
    """How many samples' answers ended before they began, and what helps."""
    what = "repeats" if tally.repeated else "samples"
    if tally.cut_off:
        yield (
            f"{tally.cut_off:,} of {tally.count:,} {what} have an answer that was cut off before "
            "it began, most likely while the model was thinking; it counts as no answer. "
            f"--set {task}.thinking_tokens=2048 gives more room"
        )


def estimate(metrics: Sequence[Metric], records: Iterable[SampleRecord]) -> MetricResults:
    """Metric name → result over the scored samples of records, all of which count.

    Raises:
        PluginError: A metric raised.
    """
    rows = Rows()
    for record in records:
        rows.add(record)
    return _estimates(metrics, rows)


def _estimates(
    metrics: Sequence[Metric], rows: Rows, places: Places | None = None
) -> MetricResults:
    return {
        metric.name: MetricResult(
            _aggregate(metric, rows.scored(metric.name, places)),
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


def _applying(metrics: Sequence[Metric], rows: Rows, places: Places) -> list[Metric]:
    """The metrics that a sample of the group has a score of, or failed to get one."""
    names = rows.metrics(places)
    return [metric for metric in metrics if metric.name in names]


def _fairness(
    metrics: Sequence[Metric],
    tally: Tally,
    records: Sequence[SampleRecord],
    more_measures: GroupMeasures | None,
) -> dict[str, dict[str, Mapping[str, Estimate]]]:
    found: dict[str, dict[str, Mapping[str, Estimate]]] = {}
    members = tally.members
    originals = _original_places(records) if members and more_measures is not None else None
    for attribute, groups in members.items():
        measures: dict[str, Mapping[str, Estimate]] = {}
        for metric in metrics:
            of_metric = {
                group: tally.originals.scored(metric.name, places)
                for group, places in groups.items()
            }
            if compared := fairness.compare(metric, of_metric):
                measures[metric.name] = compared
        if more_measures is not None and originals is not None:
            asked = np.concatenate([*groups.values()])
            once = asked[np.asarray(tally.originals.repeats)[asked] == 0]
            measures |= more_measures(attribute, ItemsAt(records, originals[once]))
        if measures:
            found[attribute] = measures
    return found


def _original_places(records: Sequence[SampleRecord]) -> Places:
    """Where the original samples, repeats among them, stand among the records."""
    every = (place for place, record in enumerate(records) if record.probe is None)
    return np.fromiter(every, dtype=np.intp)


class _Originals(Sequence[Sample]):
    """The samples of records, without probes' variants and repeats, found when they are read."""

    def __init__(self, records: Sequence[SampleRecord]) -> None:
        self._records = records

    def __iter__(self) -> Iterator[Sample]:
        return (each.sample for each in self._records if each.probe is None and each.repeat == 0)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @overload
    def __getitem__(self, place: int) -> Sample: ...
    @overload
    def __getitem__(self, place: slice) -> list[Sample]: ...
    def __getitem__(self, place: int | slice) -> Sample | list[Sample]:
        return list(self)[place]


def _remarks(task: Task, samples: Sequence[Sample]) -> Iterable[str]:
    """What the task itself says of scores on these samples."""
    return task.remarks(samples) if isinstance(task, HasRemarks) else []


def _small_groups(tally: Tally) -> Iterator[str]:
    repeats = np.asarray(tally.originals.repeats)
    for attribute, groups in tally.members.items():
        sizes = {group: int((repeats[places] == 0).sum()) for group, places in groups.items()}
        small = [f"{group} ({size})" for group, size in sorted(sizes.items())
                 if size < fairness.MINIMUM]  # fmt: skip
        if small:
            yield (
                f"{attribute}: too small to be compared with other groups, under "
                f"{fairness.MINIMUM} samples: {', '.join(small)}"
            )


def _probes(
    probes: Mapping[str, Probe], metrics: Sequence[Metric], tally: Tally
) -> dict[str, dict[str, Mapping[str, Estimate]]]:
    first = tally.first if tally.repeated else None
    found: dict[str, dict[str, Mapping[str, Estimate]]] = {}
    for name, probe in probes.items():
        found[name] = {}
        for metric in metrics:
            originals = tally.originals.scored(metric.name, first)
            perturbed = tally.variants[name].scored(metric.name)
            if originals and perturbed:
                found[name][metric.name] = probe.aggregate(metric, originals, perturbed)
    return found


def _summaries(
    probes: Mapping[str, Probe],
    metrics: Sequence[Metric],
    measured: Mapping[str, Mapping[str, Mapping[str, Estimate]]],
) -> Iterator[str]:
    """What the probes say themselves of a task's first metric."""
    for name, probe in probes.items():
        for metric in metrics[:1]:
            if measures := measured[name].get(metric.name):
                yield from filter(None, (summary_of(probe, metric.name, measures),))
