"""From scored runs to inferences: which samples count, paired with which, by which method.

Comparisons and gates both use it, so that they cannot disagree.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from harness.authoring.metrics import ScoreColumn
from harness.comparison import comparability
from harness.comparison.ideal import DistanceChange
from harness.comparison.metric_kinds import (
    CannotCompare,
    MetricRows,
    Unbounded,
    Weights,
    is_mean,
    rows_of,
)
from harness.protocols import Metric
from harness.results.baseline import ScoredRun
from harness.results.score_columns import ScoreValues
from harness.results.score_table import ScoredSample, ScoreTable
from harness.stats import resampling
from harness.stats.inference import Inference, Reported, Unknown, decisive
from harness.types import Estimate, Score, ScoreValue, Unscored

__all__ = [
    "Bracketed",
    "CannotCompare",
    "MetricsOfTask",
    "PairedMetric",
    "Pairs",
    "Unbounded",
    "is_mean",
]

MetricsOfTask: TypeAlias = Mapping[str, Sequence[Metric]]
"""Task → its metric objects; needed for corpus metrics, which cannot be rebuilt from scores."""


Places: TypeAlias = NDArray[np.intp]


# --------------------------------------------------------------------------- rows


def number(value: ScoreValue | None) -> bool:
    """Whether a score is there (a number or statistics) and not ``Unscored``."""
    return value is not None and not isinstance(value, Unscored)


def rows(samples: Mapping[str, ScoredSample], metric: str) -> ScoreColumn:
    """The scored samples' rows of one metric."""
    columns = ScoreTable.of(samples).columns
    values = columns.values(metric)
    found = _column(metric, columns.ids, values, columns.clusters)
    scored = values.scored
    return found if scored.all() else found.take(np.flatnonzero(scored))


def _column(
    metric: str,
    ids: Sequence[str],
    values: ScoreValues,
    clusters: Sequence[str | None] | None,
) -> ScoreColumn:
    """A column all of whose values are scores, or are taken for it later."""
    return ScoreColumn(metric, ids, cast("Sequence[ScoreValue]", values), clusters)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Rows of the samples that both runs scored, in the same order; and what is left out.

    Attributes:
        baseline: The baseline's rows.
        candidate: The candidate's rows of the same samples.
        failed: The baseline's rows of samples that the candidate tried and could not score.
        baseline_unscored: Samples that the candidate scored, and the baseline tried and could
            not.
        missing: Samples that the baseline scored and the candidate does not have.
        only_candidate: Samples that the baseline does not have.
    """

    baseline: ScoreColumn
    candidate: ScoreColumn
    failed: Sequence[Score] = ()
    baseline_unscored: int = 0
    missing: int = 0
    only_candidate: int = 0

    @property
    def candidate_unscored(self) -> int:
        """Samples that only the baseline could score."""
        return len(self.failed)

    @property
    def left_out(self) -> int:
        """Samples of either run that are not among the pairs."""
        return len(self.failed) + self.baseline_unscored + self.missing + self.only_candidate


@dataclass(frozen=True, slots=True)
class AlignedTask:
    """A task's samples in two runs, side by side; aligned once for all of its metrics.

    Attributes:
        baseline: The baseline's samples.
        candidate: The candidate's.
        before: Places, among the baseline's, of the samples that both runs have; shape (n,).
        after: Places of the same samples among the candidate's.
        clusters: Their clusters; None where every sample is its own.
        missing: Places of the baseline's samples that the candidate does not have.
    """

    baseline: ScoreTable
    candidate: ScoreTable
    before: Places
    after: Places
    clusters: Sequence[str | None] | None
    missing: Places

    @property
    def only_candidate(self) -> int:
        """Samples that the baseline does not have."""
        return len(self.candidate) - len(self.after)

    def pairs(self, metric: str) -> Pairs:
        """The rows of one metric."""
        every = self.baseline.columns.values(metric)
        old = every.take(self.before)
        new = self.candidate.columns.values(metric).take(self.after)
        ids = self.baseline.columns.ids.take(self.before)
        before, after = (_column(metric, ids, values, self.clusters) for values in (old, new))
        missing = int(every.scored[self.missing].sum())
        first, second = old.scored, new.scored
        if first.all() and second.all():
            return Pairs(before, after, missing=missing, only_candidate=self.only_candidate)
        both, failed = np.flatnonzero(first & second), np.flatnonzero(first & ~second)
        # A metric in neither does not apply to the sample: nothing is missing.
        unscored = int((~first & second).sum())
        return Pairs(
            before.take(both), after.take(both), before.take(failed), unscored, missing,
            self.only_candidate,
        )  # fmt: skip


def align(
    baseline: Mapping[str, ScoredSample], candidate: Mapping[str, ScoredSample]
) -> AlignedTask:
    """Aligns two runs of a task by sample id, in the baseline's order."""
    old, new = ScoreTable.of(baseline), ScoreTable.of(candidate)
    before = np.arange(len(old))
    after, missing = before, before[:0]
    if old.columns.ids != new.columns.ids:
        found = (new.columns.ids.place(name) for name in old.columns.ids)
        places = np.fromiter((-1 if each is None else each for each in found), np.intp, len(old))
        before, missing = np.flatnonzero(places >= 0), np.flatnonzero(places < 0)
        after = places[before]
    return AlignedTask(old, new, before, after, _clusters(old, new, before, after), missing)


def _clusters(
    old: ScoreTable, new: ScoreTable, before: Places, after: Places
) -> Sequence[str | None] | None:
    """The clusters of the samples that both have, the baseline's where it knows one."""
    one, other = old.columns.clusters, new.columns.clusters
    if one is None and other is None:
        return None
    first = [None if one is None else one[place] for place in before]
    second = [None if other is None else other[place] for place in after]
    found = [mine if mine is not None else its for mine, its in zip(first, second, strict=True)]
    return found if any(each is not None for each in found) else None


# --------------------------------------------------------------------------- inferences


@dataclass(frozen=True, slots=True)
class Bracketed:
    """What is known of a quantity where some samples could not be scored.

    They may be anything: to show that it is above a bound they count as the least they can be,
    to show that it is below as the greatest (Horowitz & Manski 2000, JASA 95:77).

    Attributes:
        seen: From only the scored samples.
        least: With the others at their least.
        greatest: With the others at their greatest.
        unscored: How many there are.
    """

    seen: Inference
    least: Inference
    greatest: Inference
    unscored: int

    @property
    def value(self) -> float:
        """Of the scored samples."""
        return self.seen.value

    @property
    def stderr(self) -> float:
        """Of the scored samples."""
        return self.seen.stderr

    @property
    def method(self) -> str:
        """How the interval is made."""
        return f"{self.seen.method}; {self.unscored} unscored at their worst and best"

    def interval(self, confidence: float) -> tuple[float, float]:
        """From the least's lower bound to the greatest's upper bound."""
        return self.least.interval(confidence)[0], self.greatest.interval(confidence)[1]

    def below(self, bound: float) -> float:
        """p-value of H0: at least ``bound``, whatever the unscored samples are."""
        return self.greatest.below(bound)

    def above(self, bound: float) -> float:
        """p-value of H0: at most ``bound``, whatever the unscored samples are."""
        return self.least.above(bound)


@dataclass(frozen=True, slots=True)
class PairedMetric:
    """One metric in two runs, paired by sample.

    Attributes:
        name: ``TASK.METRIC``.
        pairs: Its rows.
        metric: How rows become its value.
        whole: Whether the samples that the candidate failed on count, at their worst and best.
            Otherwise what is said holds for the samples that both runs scored.
        resamples: Of the bootstrap.
    """

    name: str
    pairs: Pairs
    metric: MetricRows
    whole: bool = False
    resamples: int = resampling.RESAMPLES

    def difference(self) -> Inference:
        """Candidate − baseline.

        Raises:
            CannotCompare: It is NaN.
            Unbounded: What the failed samples could be has no bound; also below.
        """
        return self._combined((-1.0, 1.0))

    def less_than_share(self, share: float) -> Inference:
        """Candidate − share·baseline: below 0 where less than that share is left."""
        return self._combined((-share, 1.0))

    def distance_change(self, ideal: float) -> Inference:
        """How much further from ``ideal`` the candidate is than the baseline."""
        before, after = self.values()
        return DistanceChange(self.difference(), self._combined((1.0, 1.0)), before, after, ideal)

    def values(self) -> tuple[float, float]:
        """The metric before and after, on the samples that both scored."""
        return self.metric.value(self.pairs.baseline), self.metric.value(self.pairs.candidate)

    def _combined(self, weights: Weights) -> Inference:
        before, after, failed = self.pairs.baseline, self.pairs.candidate, self.pairs.failed
        seen = self.metric.combined(before, after, weights, self.resamples)
        checked(seen, self.name)
        if not self.whole or not failed:
            return seen
        least, greatest = (
            self.metric.combined([*before, *failed], [*after, *ends], weights, self.resamples)
            for ends in self.metric.extremes(failed, [*after, *before])
        )
        return Bracketed(seen, least, greatest, len(failed))


def pair_metric(
    baseline: ScoredRun,
    candidate: ScoredRun,
    task: str,
    name: str,
    metrics: MetricsOfTask,
    whole: bool = False,
    resamples: int = resampling.RESAMPLES,
    aligned: AlignedTask | None = None,
) -> PairedMetric:
    """A metric of two runs on the samples that both scored.

    ``aligned`` holds the task's samples in both runs; a caller with several metrics aligns
    them once.

    Raises:
        CannotCompare: There are no pairs, or it takes a metric's code that is not here.
    """
    full = f"{task}.{name}"
    for run, role in ((baseline, "baseline"), (candidate, "candidate")):
        if task not in run.samples:
            raise CannotCompare(f"the {role} holds no samples of {task}")
    before, after = (run.result.tasks[task].settings for run in (baseline, candidate))
    if reason := comparability.other_repeats(before, after, metric=name):
        raise CannotCompare(reason)
    aligned = aligned or align(baseline.samples[task], candidate.samples[task])
    pairs = aligned.pairs(name)
    if not pairs.baseline:
        raise CannotCompare(f"no sample has {full} in both runs")
    reported = baseline.result.tasks[task].metrics.get(name)
    everything = pairs.baseline
    if reported is None or reported.kind is None:  # then the mean of all rows decides
        everything = rows(baseline.samples[task], name)
    how = rows_of(full, everything, reported, metric_object(metrics, task, name), task in metrics)
    return PairedMetric(full, pairs, how, whole, resamples)


def metric_object(metrics: MetricsOfTask, task: str, name: str) -> Metric | None:
    """The task's metric of that name, where it is at hand."""
    return next((metric for metric in metrics.get(task, ()) if metric.name == name), None)


def infer_metric(
    run: ScoredRun,
    task: str,
    name: str,
    metrics: MetricsOfTask,
    failed: Sequence[Score] = (),
    resamples: int = resampling.RESAMPLES,
) -> tuple[Inference, int]:
    """What one run says about a metric, and from how many samples.

    From the samples' scores where they are kept, else from the reported estimate and its
    standard error.

    Args:
        run: The run.
        task: Its task.
        name: The metric.
        metrics: Task → metric objects.
        failed: Rows of samples that it could not score, to count at their worst and best.
        resamples: Of the bootstrap.

    Raises:
        CannotCompare: The metric is missing, NaN, or has no error to judge it by.
        Unbounded: What the failed samples could be has no bound.
    """
    full = f"{task}.{name}"
    result = run.result.tasks[task].metrics.get(name)
    scores = rows(run.samples.get(task, {}), name)
    if not scores:
        if result is None:
            raise CannotCompare(f"{full} is missing from the run")
        return from_estimate(result.estimate, full), result.estimate.n
    try:
        how = rows_of(full, scores, result, metric_object(metrics, task, name), task in metrics)
    except CannotCompare:
        if result is None or failed:
            raise
        return from_estimate(result.estimate, full), result.estimate.n
    seen = checked(decisive(how.level(scores, resamples)), full)
    if not failed:
        return seen, len(scores)
    least, greatest = (
        decisive(how.level([*scores, *ends], resamples)) for ends in how.extremes(failed, scores)
    )
    return Bracketed(seen, least, greatest, len(failed)), len(scores)


def from_estimate(reported: Estimate, name: str) -> Inference:
    """An inference from a reported value and its interval.

    The interval keeps what its own method knew: of 0 flips in 10 it reaches up to 28 %, where the
    standard error is 0.
    """
    low, high = reported.low, reported.high
    if all(map(math.isfinite, (reported.value, low, high))):
        return Reported(reported.value, reported.stderr, low, high, 0.95, reported.method)
    return checked(Unknown(reported.value, reported.method), name)


def checked(inference: Inference, name: str) -> Inference:
    """The inference, if its value can be read; it may still lack an interval.

    Raises:
        CannotCompare: Its value is NaN or infinite.
    """
    if not math.isfinite(inference.value):
        raise CannotCompare(f"{name} is {inference.value} ({inference.method})")
    return inference
