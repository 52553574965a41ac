"""Two runs side by side: what changed, by how much, and whether that could be chance.

``compare`` gives frozen values; the command line and report plugins render them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np

from harness.authoring.metrics import Resamplable, clusters_of, statistics_of, values_of
from harness.comparison import measure
from harness.comparison.measure import (
    CannotCompare,
    MetricsOfTask,
    PairedMetric,
    Pairs,
    TaskIdentity,
)
from harness.comparison.metric_kinds import MeanScores
from harness.errors import DataError, HarnessError
from harness.protocols import Metric
from harness.results.baseline import ScoredRun, ScoredSample
from harness.results.serialization import estimate_to_json, number
from harness.stats import compare as paired
from harness.stats.bounded import BoundedMean
from harness.stats.inference import estimate
from harness.types import Estimate, MetricResult

FLIPS_KEPT = 50
ALPHA = 0.05
SCHEMA = 1
Samples: TypeAlias = Mapping[str, ScoredSample]

# --------------------------------------------------------------------------- values


@dataclass(frozen=True, slots=True)
class FlippedSample:
    """A sample whose score changed; texts are None where the runs did not keep them.

    ``change`` is candidate − baseline; ``worse`` is None where neither direction is better.
    """

    id: str
    metric: str
    baseline: float
    candidate: float
    worse: bool | None
    prompt: str | None = None
    baseline_response: str | None = None
    candidate_response: str | None = None

    @property
    def change(self) -> float:
        """Candidate − baseline."""
        return self.candidate - self.baseline


@dataclass(frozen=True, slots=True)
class GroupChange:
    """A metric's paired difference within one group (``category`` = ``Age``)."""

    attribute: str
    group: str
    metric: str
    difference: Estimate
    p_value: float


@dataclass(frozen=True, slots=True)
class MetricComparison:
    """One metric of one task in both runs, on the samples that both scored.

    Attributes:
        metric: The metric's name.
        higher_is_better: None where neither direction is better.
        baseline: Its estimate on the shared samples.
        candidate: The same.
        difference: Candidate − baseline, paired.
        p_value: Of no difference; ``test`` names the test.
        test: How both the interval and the p-value are made.
        randomization_p_value: Of approximate randomization, for corpus metrics.
        minimum_detectable: The smallest difference this n detects with 80 % power at 5 %.
        baseline_unscored: Samples that only the candidate could score.
        candidate_unscored: Samples that only the baseline could score.
        improved: Samples whose score got better; for per-sample metrics.
        worsened: Samples whose score got worse.
        changed: Samples whose score changed; the two above where one direction is better.
        flips: Changed samples, worst first, at most ``FLIPS_KEPT``.
        ideal: The best value, where neither direction is better and one is known.
        adjusted_p_value: ``p_value`` corrected for all metrics on the page (Holm); words rest
            on it.
        false_discovery_p_value: The same by Benjamini and Hochberg.
    """

    metric: str
    higher_is_better: bool | None
    baseline: Estimate
    candidate: Estimate
    difference: Estimate
    p_value: float
    test: str
    minimum_detectable: float
    randomization_p_value: float | None = None
    baseline_unscored: int = 0
    candidate_unscored: int = 0
    improved: int = 0
    worsened: int = 0
    changed: int = 0
    flips: tuple[FlippedSample, ...] = ()
    ideal: float | None = None
    adjusted_p_value: float | None = None
    false_discovery_p_value: float | None = None

    @property
    def _up_is_better(self) -> bool | None:
        """Towards the ideal, while both runs are on one side of it."""
        if self.ideal is None:
            return self.higher_is_better
        below = {self.baseline.value < self.ideal, self.candidate.value < self.ideal}
        return below.pop() if len(below) == 1 else None

    @property
    def verdict(self) -> Literal["better", "worse", "changed", "no difference shown"]:
        """What is shown at 5 %, over all metrics of the page together."""
        p_value = self.p_value if self.adjusted_p_value is None else self.adjusted_p_value
        if not p_value <= ALPHA or self.difference.value == 0:
            return "no difference shown"
        if self._up_is_better is None:
            return "changed"
        return "better" if (self.difference.value > 0) == self._up_is_better else "worse"


@dataclass(frozen=True, slots=True)
class TaskComparison:
    """One task in both runs.

    ``forced`` says why the runs are not comparable, where the user forced it; ``skipped`` maps
    a metric that could not be compared to the reason.
    """

    task: str
    shared: int
    only_baseline: int
    only_candidate: int
    baseline_errors: int
    candidate_errors: int
    metrics: tuple[MetricComparison, ...]
    groups: tuple[GroupChange, ...] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)
    forced: str | None = None


@dataclass(frozen=True, slots=True)
class RunComparison:
    """A candidate against the baseline; ``notes`` names tasks that only one of them has."""

    baseline_id: str
    candidate_id: str
    baseline_model: Mapping[str, object]
    candidate_model: Mapping[str, object]
    tasks: tuple[TaskComparison, ...]
    notes: tuple[str, ...] = ()


class ComparisonReporter(Protocol):
    """What a reporter offers besides ``render``, to show comparisons too."""

    def render_comparison(self, comparisons: Sequence[RunComparison], out: Path) -> None:
        """Writes the candidates' comparisons with one baseline to the file ``out``."""
        ...


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
        name: measure.incomparable(
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
            "compare anyway with --force; the report then says so.",
        )
    compared = RunComparison(
        baseline.result.run_id,
        candidate.result.run_id,
        baseline.result.model,
        candidate.result.model,
        tuple(
            _compare_task(baseline, candidate, name, metrics or {}, reasons.get(name))
            for name in shared
        ),
        tuple(_notes(baseline, candidate)),
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
    return [
        replace(
            page,
            tasks=tuple(
                replace(
                    task,
                    metrics=tuple(
                        replace(
                            each,
                            adjusted_p_value=(found := next(both))[0],
                            false_discovery_p_value=found[1],
                        )
                        for each in task.metrics
                    ),
                )
                for task in page.tasks
            ),
        )
        for page in comparisons
    ]


def _notes(baseline: ScoredRun, candidate: ScoredRun) -> Iterator[str]:
    """What the reader of a comparison has to know beside its numbers."""
    for role, run, other in (("baseline", baseline, candidate), ("candidate", candidate, baseline)):
        for name in run.result.tasks:
            if name not in other.result.tasks:
                yield f"only the {role} ran {name}"
        if run.result.status != "complete":
            yield f"the {role} is incomplete"
        yield from _ended_early(role, run)


def _ended_early(role: str, run: ScoredRun) -> list[str]:
    """Where a run stopped because of what it saw, which no fixed interval allows for."""
    planned = (run.result.gate or {}).get("samples_planned", {})
    assert isinstance(planned, Mapping)
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
) -> TaskComparison:
    before, after = baseline.samples.get(task, {}), candidate.samples.get(task, {})
    aligned = measure.align(before, after)
    shared = len(aligned.ids)
    results = [run.result.tasks[task] for run in (baseline, candidate)]
    compared: list[MetricComparison] = []
    groups: list[GroupChange] = []
    skipped: dict[str, str] = {}
    for name in dict.fromkeys([*results[0].metrics, *results[1].metrics]):
        reported = next(each.metrics[name] for each in results if name in each.metrics)
        metric = measure.metric_object(metrics, task, name)
        try:
            found = measure.pair_metric(baseline, candidate, task, name, metrics, aligned=aligned)
            compared.append(_compare_metric(name, reported, found, metric, before, after))
        except CannotCompare as reason:
            skipped[name] = str(reason)
            continue
        groups += _compare_groups(name, found, before)
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


def _compare_metric(
    name: str,
    reported: MetricResult,
    found: PairedMetric,
    metric: Metric | None,
    before: Samples,
    after: Samples,
) -> MetricComparison:
    pairs, n = found.pairs, len(found.pairs.baseline)
    difference = found.difference()
    # A sample's share of a corpus metric has no score of its own that could flip.
    single = isinstance(found.metric, MeanScores)
    direction = reported.higher_is_better
    flips = _flips(name, direction, pairs, before, after) if single else []
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
        improved=sum(flip.worse is False for flip in flips),
        worsened=sum(flip.worse is True for flip in flips),
        changed=len(flips),
        flips=tuple(flips[:FLIPS_KEPT]),
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


def _flips(
    name: str,
    higher_is_better: bool | None,
    pairs: Pairs,
    before: Samples,
    after: Samples,
) -> list[FlippedSample]:
    """Every sample whose score changed, worst first; the largest change first without direction."""
    old, new = values_of(pairs.baseline), values_of(pairs.candidate)
    change = new - old
    badness = (
        np.abs(change) if higher_is_better is None else -change if higher_is_better else change
    )
    flips = []
    for index in np.argsort(-badness, kind="stable"):
        if change[index] == 0:
            continue
        sample_id = pairs.baseline.ids[index]
        one, other = before[sample_id], after[sample_id]
        worse = None if higher_is_better is None else bool(badness[index] > 0)
        flips.append(
            FlippedSample(
                sample_id,
                name,
                float(old[index]),
                float(new[index]),
                worse,
                one.prompt if one.prompt is not None else other.prompt,
                one.response,
                other.response,
            )
        )
    return flips


def _compare_groups(name: str, found: PairedMetric, before: Samples) -> list[GroupChange]:
    """The difference within every group; groups too small for an interval are left out."""
    pairs = found.pairs
    members: dict[tuple[str, str], list[int]] = {}
    for index, sample_id in enumerate(pairs.baseline.ids):
        for attribute, group in before[sample_id].groups.items():
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


def comparison_to_json(comparison: RunComparison) -> dict[str, Any]:
    """What ``harness compare --format json`` prints for one candidate."""
    document = {"schema": SCHEMA, **_jsonable(comparison)}
    for task, each in zip(comparison.tasks, document["tasks"], strict=True):
        for metric, data in zip(task.metrics, each["metrics"], strict=True):
            data["verdict"] = metric.verdict
    return document


def _jsonable(value: Any) -> Any:
    if isinstance(value, Estimate):
        return estimate_to_json(value)
    if is_dataclass(value):
        return {each.name: _jsonable(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {key: _jsonable(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [_jsonable(each) for each in value]
    return number(value) if isinstance(value, float) else value
