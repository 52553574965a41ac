"""How one metric's rows become a number, and what can be inferred from them.

    MeanScores   the mean of the samples' scores
    SummedRows   a function of summed statistics (BLEU, macro F1)
    OwnCode      whatever the metric's ``aggregate`` computes

Which one it is is kept in results.json (``kind``), so that a mean needs no installed task.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

import numpy as np

from harness.authoring.metrics import (
    Infers,
    Resamplable,
    clusters_of,
    score_values,
    statistics_of,
    values_of,
)
from harness.protocols import HasValue, Metric, bounds_of
from harness.stats import compare as paired
from harness.stats import estimates, resampling
from harness.stats.inference import EVERYWHERE, Array, Inference, StudentT, Unknown
from harness.types import MetricResult, Score

Rows: TypeAlias = Sequence[Score]
Weights: TypeAlias = tuple[float, float]
HALVES = 200
"""Random half-samples behind the error of a metric that only its own code can compute."""
_DISCORDANT = 3.0
"""Pairs that an error allows for where fewer differ: the rule of three (Hanley & Lippman-Hand
1983): none of n seen, 3/n is the 95 % bound of their share."""


class CannotCompare(Exception):  # noqa: N818 — an outcome that callers turn into words
    """There is no honest number; the message says why."""


class Unbounded(Exception):  # noqa: N818 — an outcome that callers turn into words
    """What an unscored sample would do to the metric has no bound; the message says why."""


class MetricRows(Protocol):
    """A metric as a function of rows."""

    def value(self, rows: Rows) -> float:
        """The metric of the rows."""
        ...

    def level(self, rows: Rows, resamples: int = ...) -> Inference:
        """What the rows say about the metric."""
        ...

    def combined(
        self, before: Rows, after: Rows, weights: Weights, resamples: int = ...
    ) -> Inference:
        """What paired rows say about weights[0]·metric(before) + weights[1]·metric(after)."""
        ...

    def extremes(self, failed: Rows, seen: Rows) -> tuple[list[Score], list[Score]]:
        """The failed samples' rows as they would make the metric of ``seen`` least and greatest.

        Raises:
            Unbounded: There is no such row.
        """
        ...


# --------------------------------------------------------------------------- means


@dataclass(frozen=True, slots=True)
class MeanScores:
    """The mean of scores; ``bounds`` where the metric declares what a score can be."""

    name: str
    bounds: tuple[float, float] | None = None

    def value(self, rows: Rows) -> float:
        """The mean."""
        return float(values_of(rows).mean())

    def level(self, rows: Rows, resamples: int = 0) -> Inference:  # noqa: ARG002
        """See ``harness.stats.estimates.infer_mean``."""
        return estimates.infer_mean(values_of(rows), clusters_of(rows), self.bounds)

    def combined(
        self,
        before: Rows,
        after: Rows,
        weights: Weights,
        resamples: int = 0,  # noqa: ARG002
    ) -> Inference:
        """The paired inference for a difference, else the mean of the weighted scores."""
        old, new, clusters = values_of(before), values_of(after), clusters_of(before)
        if weights == (-1.0, 1.0):
            return paired.infer_paired(old, new, clusters, self.bounds)
        bounds = _combined_bounds(self._range(old, new), weights)
        return estimates.infer_mean(weights[0] * old + weights[1] * new, clusters, bounds)

    def _range(self, *parts: Array) -> tuple[float, float] | None:
        """The declared bounds; else [0, 1] where every score seen lies there."""
        if self.bounds is not None:
            return self.bounds
        inside = all(((values >= 0) & (values <= 1)).all() for values in parts)
        return (0.0, 1.0) if any(map(len, parts)) and inside else None

    def extremes(self, failed: Rows, seen: Rows) -> tuple[list[Score], list[Score]]:
        """Rows at the bounds."""
        bounds = self._range(values_of(failed), values_of(seen))
        if bounds is None or not all(map(math.isfinite, bounds)):
            raise Unbounded(f"what {self.name} can be has no bound")
        least, greatest = ([replace(row, value=end) for row in failed] for end in bounds)
        return least, greatest


def _combined_bounds(
    bounds: tuple[float, float] | None, weights: Weights
) -> tuple[float, float] | None:
    """Between what the weighted sum of two values lies that each lie within ``bounds``."""
    if bounds is None or not all(map(math.isfinite, bounds)):
        return None
    ends = [sorted(weight * end for end in bounds) for weight in weights]
    return ends[0][0] + ends[1][0], ends[0][1] + ends[1][1]


# --------------------------------------------------------------------------- sums


@dataclass(frozen=True, slots=True)
class SummedRows:
    """A function of summed statistics."""

    name: str
    metric: Resamplable
    bounded: bool

    def value(self, rows: Rows) -> float:
        """The function of the rows' sum."""
        return float(self.metric.compute(self._statistics(rows).sum(axis=0, keepdims=True))[0])

    def _statistics(self, rows: Rows) -> Array:
        return statistics_of(rows, self.metric)

    def level(self, rows: Rows, resamples: int = resampling.RESAMPLES) -> Inference:
        """See ``harness.stats.resampling.infer_bootstrap``."""
        return resampling.infer_bootstrap(
            self._statistics(rows), self.metric.compute, clusters_of(rows), resamples
        )

    def combined(
        self, before: Rows, after: Rows, weights: Weights, resamples: int = resampling.RESAMPLES
    ) -> Inference:
        """The paired bootstrap of the combination: both runs' samples are drawn together."""
        old, new, clusters = self._statistics(before), self._statistics(after), clusters_of(before)
        if old.shape[1] != new.shape[1]:
            raise CannotCompare(f"{self.name} was counted over other classes in each of the runs")
        compute = self.metric.compute
        if weights == (-1.0, 1.0):
            return paired.paired_bootstrap(old, new, compute, clusters, resamples)[0]
        width = old.shape[1]

        def together(sums: Array) -> Array:
            first, second = compute(sums[:, :width]), compute(sums[:, width:])
            return weights[0] * first + weights[1] * second

        totals = (each.sum(axis=0, keepdims=True) for each in (old, new))
        if why := resampling.doubted(compute, *totals):
            value = float(together(np.hstack([old, new]).sum(axis=0, keepdims=True))[0])
            return Unknown(value, f"bootstrap; no interval: {why}")
        return resampling.infer_bootstrap(np.hstack([old, new]), together, clusters, resamples)

    def extremes(self, failed: Rows, seen: Rows) -> tuple[list[Score], list[Score]]:
        """The rows, among those seen, that pull the metric furthest down and up."""
        if not self.bounded:
            raise Unbounded(f"what {self.name} can be has no bound")
        statistics = self._statistics(seen)
        values = self.metric.compute(statistics.sum(axis=0) + len(failed) * statistics)
        least, greatest = (
            seen[int(place)].value for place in (np.nanargmin(values), np.nanargmax(values))
        )
        return (
            [replace(row, value=least) for row in failed],
            [replace(row, value=greatest) for row in failed],
        )


# --------------------------------------------------------------------------- anything else


@dataclass(frozen=True, slots=True)
class OwnCode:
    """A metric that only its own code can compute; one that ``Infers`` has tests of its own.

    Others are resampled by random halves.

    A half-sample holds no sample twice, so code that keys rows by their names sees nothing it
    would not see in real data (in a bootstrap sample a third of the names come several times).
    The spread over halves is the standard error of the whole: the delete-d jackknife with
    d = n/2 (Shao & Wu 1989, Ann. Stat. 17:1176), which also holds for metrics that are not
    smooth. Whole clusters are drawn, the same ones in both runs.
    """

    name: str
    metric: Metric

    def value(self, rows: Rows) -> float:
        """What ``aggregate`` gives; ``value(rows)`` where the metric offers it, which is faster."""
        if isinstance(self.metric, HasValue):
            return float(self.metric.value(rows))
        return self.metric.aggregate(rows).value

    def level(self, rows: Rows, resamples: int = 0) -> Inference:  # noqa: ARG002
        """The metric's own inference, else Student t on the half-samples' standard error."""
        if isinstance(self.metric, Infers):
            return self.metric.infer(rows)
        rows = list(rows)  # each is needed in half of the samples
        halves = self._halves(rows)
        values = np.array([self.value([rows[i] for i in half]) for half in halves])
        return self._inference(self.value(rows), values, rows, 0.0, bounds_of(self.metric))

    def combined(
        self,
        before: Rows,
        after: Rows,
        weights: Weights,
        resamples: int = 0,  # noqa: ARG002
    ) -> Inference:
        """The metric's own inference, else Student t on the half-samples' standard error.

        The error is never below what three pairs that differ would make of it.
        """
        if isinstance(self.metric, Infers):
            return self.metric.infer_combination(before, after, weights)
        before, after = list(before), list(after)
        values = np.array(
            [
                [self.value([rows[i] for i in half]) for rows in (before, after)]
                for half in self._halves(before)
            ]
        ).reshape(-1, 2)
        value = weights[0] * self.value(before) + weights[1] * self.value(after)
        units = len(set(_units(before)))
        floor = float(_spread(values[:, 0], units)) * math.sqrt(2 * _DISCORDANT / max(1, units))
        bounds = _combined_bounds(bounds_of(self.metric), weights)
        return self._inference(value, values @ np.array(weights), before, floor, bounds)

    def _halves(self, rows: Rows) -> list[list[int]]:
        members: dict[object, list[int]] = {}
        for index, unit in enumerate(_units(rows)):
            members.setdefault(unit, []).append(index)
        groups = list(members.values())
        if len(groups) < 4:
            return []
        rng = np.random.default_rng(0)
        return [
            sorted(index for place in chosen for index in groups[place])
            for chosen in (rng.permutation(len(groups))[: len(groups) // 2] for _ in range(HALVES))
        ]

    @staticmethod
    def _inference(
        value: float,
        values: Array,
        rows: Rows,
        floor: float,
        bounds: tuple[float, float] | None,
    ) -> Inference:
        units = len(set(_units(rows)))
        over = "" if units == len(rows) else f" of {units} clusters"
        stderr = max(floor, _spread(values, units))
        if not stderr > 0:
            return Unknown(value, f"half-samples{over}; too little varies for an interval")
        method = f"{len(values)} half-samples{over}, Student t"
        return StudentT(value, stderr, units - 1.0, method, bounds or EVERYWHERE)

    def extremes(self, failed: Rows, seen: Rows) -> tuple[list[Score], list[Score]]:  # noqa: ARG002
        """None: what the code makes of a failed sample cannot be told."""
        raise Unbounded(f"what an unscored sample would do to {self.name} cannot be told")


def _units(rows: Rows) -> list[object]:
    return [index if row.cluster is None else row.cluster for index, row in enumerate(rows)]


def _spread(values: Array, units: int) -> float:
    """√((n−d)/d·Σ(θ−θ̄)²/r) with n units of which d are left out; NaN where too few exist."""
    finite = values[np.isfinite(values)]
    if len(finite) < max(2, 0.9 * len(values)):
        return math.nan
    kept = units // 2
    return math.sqrt(kept / (units - kept)) * float(finite.std())


# --------------------------------------------------------------------------- which one


def rows_of(
    full: str,
    rows: Rows,
    result: MetricResult | None,
    metric: Metric | None,
    installed: bool,
) -> MetricRows:
    """How the metric's rows become its value.

    Args:
        full: ``TASK.METRIC``.
        rows: All rows of the run that ``result`` is of.
        result: What the run reported.
        metric: The metric's object, where its task is installed.
        installed: Whether its task is.

    Raises:
        CannotCompare: It takes code that is not here.
    """
    kind = None if result is None else result.kind
    if isinstance(metric, Resamplable):
        return SummedRows(full, metric, _worst_is_bounded(metric))
    if kind == "mean" or (kind is None and is_mean(rows, result)):
        declared = None if result is None else result.bounds
        return MeanScores(full, declared or bounds_of(metric))
    if metric is not None:
        return OwnCode(full, metric)
    lacking = (
        "the installed task, opened with the run's settings, does not offer its code"
        if installed
        else "its task is not installed"
    )
    raise CannotCompare(f"{full} is not a mean of its samples' scores, and {lacking}")


def _worst_is_bounded(metric: object) -> bool:
    """Whether a sample can only be so bad: of perplexity and TER it can be worse than any seen."""
    lower = isinstance(metric, Metric) and metric.higher_is_better is False
    bounds = bounds_of(metric)
    return not lower if bounds is None else math.isfinite(bounds[1 if lower else 0])


def is_mean(scores: Rows, result: MetricResult | None) -> bool:
    """Whether the metric is the plain mean of the rows, by what the run reported for them."""
    if not scores or not set(map(type, score_values(scores))) <= {float, int, bool}:
        return False
    centre = float(values_of(scores).mean())
    value = centre if result is None else result.estimate.value
    return math.isnan(centre) or math.isclose(centre, value, rel_tol=1e-6, abs_tol=1e-9)


def needs_resampling(full: str, metrics: Mapping[str, Sequence[Metric]]) -> bool:
    """Whether the metric ``TASK.METRIC`` is one of those that are bootstrapped."""
    return any(
        isinstance(metric, Resamplable) and full == f"{task}.{metric.name}"
        for task, each in metrics.items()
        for metric in each
    )
