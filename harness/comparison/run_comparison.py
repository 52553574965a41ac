"""Two runs side by side: what changed, by how much, and whether that could be chance.

``compare`` gives frozen values; the command line and report plugins render them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from harness.authoring.metrics import Resamplable, clusters_of, statistics_of
from harness.comparison import comparability, measure, resources, unpaired
from harness.comparison.comparability import TaskIdentity
from harness.comparison.flips import Flips, PairedScores
from harness.comparison.measure import CannotCompare, MetricsOfTask, PairedMetric, Pairs
from harness.comparison.metric_kinds import MeanScores, SummedRows
from harness.errors import DataError, HarnessError
from harness.protocols import UNUSABLE, Metric
from harness.results.baseline import ScoredRun, described
from harness.results.score_table import ScoredSample, ScoreTable
from harness.stats import compare as paired
from harness.stats.bounded import BoundedMean
from harness.stats.inference import Inference, estimate
from harness.types import (
    GroupChange,
    MetricComparison,
    MetricResult,
    RunComparison,
    TaskComparison,
    TaskResult,
)
from harness.types.comparison import ALPHA

Samples: TypeAlias = Mapping[str, ScoredSample]

MOST_DRAWS = 500_000_000
"""Samples drawn for the finer p-value of one metric: some ten seconds."""

# --------------------------------------------------------------------------- comparing


def compare(
    baseline: ScoredRun,
    candidate: ScoredRun,
    metrics: MetricsOfTask | None = None,
    force: bool = False,
) -> RunComparison:
    """Compares two runs, task by task, on the samples that both scored.

    Args:
        baseline: What is compared against.
        candidate: What is judged.
        metrics: Task → metric objects, for corpus metrics.
        force: Compare even where version, data or the way of asking differ, and say so.

    Raises:
        HarnessError: The runs are not comparable (and ``force`` is not set).
        DataError: They share no task.
    """
    before, after = baseline.result.tasks, candidate.result.tasks
    shared = [name for name in before if name in after]
    if not shared:
        raise DataError(
            f"the runs share no task: {', '.join(before) or 'none'} against "
            f"{', '.join(after) or 'none'}",
            expected="two runs of the same tasks",
        )
    found = {
        name: comparability.incomparable(
            TaskIdentity.of_result(before[name]), TaskIdentity.of_result(after[name])
        )
        for name in shared
    }
    reasons = {name: reason for name, reason in found.items() if reason is not None}
    if reasons and not force:
        listed = "\n".join(f"  {name}: {reason}" for name, reason in reasons.items())
        raise HarnessError(
            f"the runs cannot be compared:\n{listed}",
            "Run both on the same task version, data, few-shot setting, template and scoring, or "
            "compare anyway with --force; the report then says so. An old baseline is renewed by a "
            "run of what is shipped today and `harness baseline save RUN FILE`.",
        )
    family = sum(len({*before[name].metrics, *after[name].metrics}) for name in shared)
    tasks = tuple(
        _compare_task(baseline, candidate, name, metrics or {}, reasons.get(name), family)
        for name in shared
    )
    compared = RunComparison(
        baseline.result.run_id,
        candidate.result.run_id,
        baseline.result.model,
        candidate.result.model,
        tasks,
        tuple(_notes(baseline, candidate)),
        described(baseline, later=candidate),
        described(candidate),
        resources.of(baseline.result, candidate.result),
    )
    return adjusted([compared])[0]


def adjusted(comparisons: Sequence[RunComparison]) -> list[RunComparison]:
    """The comparisons of one page, with p-values corrected for all its metrics together.

    Of 25 metrics that did not change one differs "significantly" at 5 % in most comparisons; of
    Holm's p-values in at most 5 % of the pages.
    """
    metrics = [each for page in comparisons for task in page.tasks for each in task.metrics]
    p_values = [1.0 if math.isnan(each.p_value) else each.p_value for each in metrics]
    both = zip(paired.holm(p_values), paired.benjamini_hochberg(p_values), strict=True)
    found = [
        replace(
            page,
            tasks=tuple(
                replace(
                    task,
                    metrics=tuple(
                        replace(
                            each,
                            adjusted_p_value=(corrected := next(both))[0],
                            false_discovery_p_value=corrected[1],
                        )
                        for each in task.metrics
                    ),
                )
                for task in page.tasks
            ),
        )
        for page in comparisons
    ]
    return [_with_price(*both) for both in zip(comparisons, found, strict=True)]


def _with_price(before: RunComparison, page: RunComparison) -> RunComparison:
    """The sentence on what a difference took says no more than the corrected p-values."""
    told, earlier = resources.note(page), resources.note(before)
    notes = tuple(each for each in page.notes if each != earlier)
    return page if told is None else replace(page, notes=(*notes, told))


def _notes(baseline: ScoredRun, candidate: ScoredRun) -> Iterator[str]:
    """What the reader of a comparison has to know beside its numbers."""
    for role, run, other in (("baseline", baseline, candidate), ("candidate", candidate, baseline)):
        alone = [name for name in run.result.tasks if name not in other.result.tasks]
        if alone:
            yield f"only the {role} ran {', '.join(alone)}"
        if run.result.status != "complete":
            yield f"the {role} is incomplete"
        yield from _ended_early(role, run)
    for name, task in baseline.result.tasks.items():
        if name in candidate.result.tasks:
            both = (task, candidate.result.tasks[name])
            alone = [metric for metric in task.metrics if unpaired.applies(both, metric)]
            if alone:
                yield (
                    f"{name}: {', '.join(alone)} compared {unpaired.METHOD}: not both files hold "
                    "every sample's score"
                )


def _ended_early(role: str, run: ScoredRun) -> list[str]:
    """Where a run stopped because of what it saw, which no fixed interval allows for."""
    planned = {} if run.result.gate is None else run.result.gate.samples_planned
    return [
        f"the {role}'s gate ended {task} after {len(samples)} of {planned[task]} samples: "
        "its intervals and p-values here are too sure"
        for task, samples in run.samples.items()
        if len(samples) < planned.get(task, 0)
    ]


def _compare_task(
    baseline: ScoredRun,
    candidate: ScoredRun,
    task: str,
    metrics: MetricsOfTask,
    forced: str | None,
    family: int,
) -> TaskComparison:
    """One task; ``family`` is how many metrics the whole comparison has."""
    before, after = baseline.samples.get(task, {}), candidate.samples.get(task, {})
    aligned = measure.align(before, after)
    shared = len(aligned.before)
    results = [run.result.tasks[task] for run in (baseline, candidate)]
    compared: list[MetricComparison] = []
    groups: list[GroupChange] = []
    skipped: dict[str, str] = {}
    for name in dict.fromkeys([*results[0].metrics, *results[1].metrics]):
        reported = next(each.metrics[name] for each in results if name in each.metrics)
        metric = measure.metric_object(metrics, task, name)
        try:
            if unpaired.applies(results, name):
                compared.append(unpaired.compare(name, reported, results[0], results[1]))
                continue
            found = measure.pair_metric(baseline, candidate, task, name, metrics, aligned=aligned)
            difference = _difference(found, family)
            compared.append(
                _compare_metric(name, reported, found, difference, metric, before, after)
            )
        except CannotCompare as reason:
            skipped[name] = str(reason)
            continue
        groups += _compare_groups(name, found, before)
    compared = [replace(each, calibration=_calibration(results, each.metric)) for each in compared]
    return TaskComparison(
        task,
        shared,
        len(before) - shared,
        len(after) - shared,
        results[0].errors,
        results[1].errors,
        tuple(compared),
        tuple(groups),
        skipped,
        forced,
    )


def _calibration(results: Sequence[TaskResult], metric: str) -> str | None:
    """What is known of a judge's errors: no more than of the less known one."""
    given = [each.metrics[metric].calibration for each in results if metric in each.metrics]
    return next((each for each in UNUSABLE if each in given), given[0])


def _difference(found: PairedMetric, family: int) -> Inference:
    """The difference; where it seems to be one, by as many resamples as its correction needs.

    The smallest p-value that 1,000 resamples can give is too large to be told from chance among
    25 metrics, however large the difference is.
    """
    difference = found.difference()
    if not isinstance(found.metric, SummedRows) or paired.two_sided(difference) > ALPHA:
        return difference
    affordable = MOST_DRAWS // len(found.pairs.baseline)
    resamples = min(paired.resamples_needed(family, ALPHA), affordable)
    if resamples <= found.resamples:
        return difference
    return replace(found, resamples=resamples).difference()


def _compare_metric(
    name: str,
    reported: MetricResult,
    found: PairedMetric,
    difference: Inference,
    metric: Metric | None,
    before: Samples,
    after: Samples,
) -> MetricComparison:
    pairs, n = found.pairs, len(found.pairs.baseline)
    # A sample's share of a corpus metric has no score of its own that could flip.
    single = isinstance(found.metric, MeanScores)
    direction = reported.higher_is_better
    both = pairs.baseline, pairs.candidate
    flips = Flips(name, direction, *both, before, after) if single else None
    return MetricComparison(
        metric=name,
        higher_is_better=direction,
        ideal=reported.ideal,
        baseline=estimate(found.metric.level(pairs.baseline), n),
        candidate=estimate(found.metric.level(pairs.candidate), n),
        difference=estimate(difference, n),
        p_value=paired.two_sided(difference),
        test=difference.test if isinstance(difference, BoundedMean) else difference.method,
        minimum_detectable=paired.minimum_detectable_effect(difference),
        randomization_p_value=_randomization(pairs, metric),
        baseline_unscored=pairs.baseline_unscored,
        candidate_unscored=pairs.candidate_unscored,
        improved=0 if flips is None else flips.improved,
        worsened=0 if flips is None else flips.worsened,
        changed=0 if flips is None else len(flips),
        flips=flips or (),
        scores=PairedScores(*both) if single else (),
    )


def _randomization(pairs: Pairs, metric: Metric | None) -> float | None:
    """The field's test for corpus metrics, shown beside the one that words rest on."""
    if not isinstance(metric, Resamplable):
        return None
    return paired.approximate_randomization(
        statistics_of(pairs.baseline, metric),
        statistics_of(pairs.candidate, metric),
        metric.compute,
        clusters_of(pairs.baseline),
    )


def _compare_groups(name: str, found: PairedMetric, before: Samples) -> list[GroupChange]:
    """The difference within every group; groups too small for an interval are left out."""
    pairs, columns = found.pairs, ScoreTable.of(before).columns
    if columns.groups is None:
        return []
    members: dict[tuple[str, str], list[int]] = {}
    for index, place in enumerate(map(columns.ids.place, pairs.baseline.ids)):
        assert place is not None  # it is one of the baseline's
        for attribute, group in columns.groups[place].items():
            members.setdefault((attribute, group), []).append(index)
    changes = []
    for (attribute, group), chosen in members.items():
        within = Pairs(pairs.baseline.take(chosen), pairs.candidate.take(chosen))
        try:
            difference = PairedMetric(f"{name} of {group}", within, found.metric).difference()
        except CannotCompare:
            continue
        changes.append(
            GroupChange(
                attribute,
                group,
                name,
                estimate(difference, len(chosen)),
                paired.two_sided(difference),
            )
        )
    return changes


# --------------------------------------------------------------------------- JSON
