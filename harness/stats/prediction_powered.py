"""What few labels of people and many judgements of a model say together.

A judge errs, so that the mean of its judgements estimates something else than people's mean. Where
people have labelled some items, its error is known well enough to be taken off.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.stats.estimates import (
    Clusters,
    cluster_codes,
    clustered_error,
    effective_clusters,
    effective_size,
    infer_mean,
    no_numbers,
    summed_by_cluster,
)
from harness.stats.inference import EVERYWHERE, NAN, Array, Inference, StudentT, Unknown

FEWEST_LABELS = 30
"""Labels, or clusters of them, below which the judgements are not leaned on."""
FEWEST_OF_A_CLASS = 5
"""Labels of the rarer of two classes below which they are not leaned on either."""
_DIFFERENT = 3.0
"""Items that the error of a change allows for where fewer differ: the rule of three."""


class _Corrected:
    """What has the errors of a judge taken off, by a calibration."""

    __slots__ = ()
    positive: tuple[float, int]
    negative: tuple[float, int]

    def below(self, bound: float) -> float:
        """p-value of H0: the value is at least ``bound``."""
        return self._tail(bound, 1.0)

    def above(self, bound: float) -> float:
        """p-value of H0: the value is at most ``bound``."""
        return self._tail(bound, -1.0)

    def _tail(self, bound: float, sign: float) -> float:
        raise NotImplementedError

    @property
    def _rates(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """(sensitivity, its variance), (specificity, its variance)."""
        return _rate(*self.positive), _rate(*self.negative)


@dataclass(frozen=True, slots=True)
class CorrectedShare(_Corrected):
    """A share of 1s with the judge's errors taken off; implements ``Inference``.

    Its test of θ is of p − (θ·se + (1−θ)·(1−sp)), whose variance is taken at θ:
    p_θ(1−p_θ)/n + θ²·se(1−se)/m₁ + (1−θ)²·sp(1−sp)/m₀; the interval holds what is not rejected
    (Fieller's, 1954). Half of either outcome is added to the calibration's counts.

    Attributes:
        value: θ = (p + sp − 1)/(se + sp − 1), clipped to [0, 1].
        share: p, the judge's share of 1s.
        size: n, of how many (effective) items.
        positive: Right ones, and all, of the calibration's items labelled 1.
        negative: The same of those labelled 0.
        method: As reports show it.
    """

    value: float
    share: float
    size: float
    positive: tuple[float, int]
    negative: tuple[float, int]
    method: str

    @property
    def stderr(self) -> float:
        """That of the delta method (Lee et al.), at the value."""
        (se, of_se), (sp, of_sp) = self._rates
        spread = self.share * (1 - self.share) / self.size
        spread += (1 - self.value) ** 2 * of_sp + self.value**2 * of_se
        return math.sqrt(spread) / abs(se + sp - 1)

    def interval(self, confidence: float) -> tuple[float, float]:
        """All of [0, 1] that the test does not reject; the whole where se + sp may be 1."""
        from scipy.special import ndtri

        z2 = float(ndtri(0.5 + confidence / 2)) ** 2
        (se, of_se), (sp, of_sp) = self._rates
        slope, base = se + sp - 1, 1 - sp
        # (p − base − slope·θ)² − z²·variance(θ) = a·θ² + b·θ + c
        a = slope**2 * (1 + z2 / self.size) - z2 * (of_se + of_sp)
        b = -2 * slope * (self.share - base) - z2 * (slope * (1 - 2 * base) / self.size - 2 * of_sp)
        c = (self.share - base) ** 2 - z2 * (base * (1 - base) / self.size + of_sp)
        ends = _roots(a, b, c)
        if ends is None:
            return 0.0, 1.0
        return min(_unit(ends[0]), self.value), max(_unit(ends[1]), self.value)

    def _tail(self, bound: float, sign: float) -> float:
        from scipy.special import ndtr

        if not 0 <= bound <= 1:
            return 0.0 if (bound > 1) == (sign > 0) else 1.0
        (se, of_se), (sp, of_sp) = self._rates
        expected = bound * se + (1 - bound) * (1 - sp)
        variance = expected * (1 - expected) / self.size + bound**2 * of_se
        variance += (1 - bound) ** 2 * of_sp
        return float(ndtr(sign * (self.share - expected) / math.sqrt(variance)))


def infer_corrected_share(
    judged: Sequence[float] | Array,
    calibration: Sequence[tuple[float, float]],
    clusters: Clusters | None = None,
) -> Inference:
    """The share of 1s that people would give, from a judge's, its errors taken off.

    θ = (p + sp − 1)/(se + sp − 1), clipped to [0, 1], with the sensitivity and the specificity of
    the calibration (Rogan & Gladen 1978; Lee, Zeng, Jeong, Sohn & Lee 2025, "How to correctly
    report LLM-as-a-judge evaluations", arXiv 2511.21140). The interval has the calibration's own
    error in it; it is Fieller's, as their delta method's covers 98 % where the judge is weak.
    It holds for other items than the calibration's, as long as the judge errs on both alike.

    Args:
        judged: The judge's 0 or 1 of each item without a label, shape (n,).
        calibration: (judged, label) of each item with one; 0 or 1 each.
        clusters: As in ``estimates.infer_mean``, of the judged items.
    """
    p = np.asarray(judged, dtype=np.float64)
    name = "judge's share, corrected"
    if problem := no_numbers(p, name):
        return problem
    ones = [each for each, label in calibration if label == 1]
    zeros = [each for each, label in calibration if label == 0]
    if not ones or not zeros:
        return Unknown(NAN, f"{name}; no value: the labels are of one class only")
    positive, negative = (sum(ones), len(ones)), (len(zeros) - sum(zeros), len(zeros))
    sensitivity, specificity = positive[0] / positive[1], negative[0] / negative[1]
    if sensitivity + specificity <= 1:
        return Unknown(
            NAN,
            f"{name}; no value: sensitivity {sensitivity:.2f} and specificity {specificity:.2f} "
            "are no better than chance",
        )
    share = float(p.mean())
    value = _unit((share + specificity - 1) / (sensitivity + specificity - 1))
    stderr, _, count = clustered_error(p, clusters)
    size = effective_size(share * (1 - share), stderr, len(p), count)
    over = "" if count == len(p) else f" over {count} clusters"
    method = f"{name} by {len(ones) + len(zeros)} labels, Fieller{over}"
    return CorrectedShare(value, share, size, positive, negative, method)


@dataclass(frozen=True, slots=True)
class CorrectedCombination(_Corrected):
    """w₀·θ₀ + w₁·θ₁ of two corrected shares of the same items; implements ``Inference``.

    One calibration corrects both, so that its error is theirs together. The test of d is of
    w₀p₀ + w₁p₁ − W·(1−sp) − d·(se + sp − 1), W = w₀ + w₁, whose variance at d is
    v + d²·var(se) + (W−d)²·var(sp); the interval holds what is not rejected (Fieller's, 1954).

    Attributes:
        value: Of the shares as they are shown, each clipped to [0, 1].
        judged: w₀p₀ + w₁p₁, of the judge's own shares.
        stderr_judged: √v, its error over the items.
        freedom: Degrees of freedom of v.
        total: W.
        positive: As in ``CorrectedShare``.
        negative: As in ``CorrectedShare``.
        bounds: Between what the combination lies.
        method: As reports show it.
    """

    value: float
    judged: float
    stderr_judged: float
    freedom: float
    total: float
    positive: tuple[float, int]
    negative: tuple[float, int]
    bounds: tuple[float, float]
    method: str

    @property
    def stderr(self) -> float:
        """That of the delta method, at the value."""
        (se, _), (sp, _) = self._rates
        return self._error(self.value) / abs(se + sp - 1)

    def interval(self, confidence: float) -> tuple[float, float]:
        """All within the bounds that the test does not reject; the whole where se + sp may be 1."""
        from scipy.special import stdtrit

        t2 = float(stdtrit(self.freedom, 0.5 + confidence / 2)) ** 2
        (se, of_se), (sp, of_sp) = self._rates
        slope, over = se + sp - 1, self.judged - self.total * (1 - sp)
        # (over − slope·d)² − t²·variance(d) = a·d² + b·d + c
        a = slope**2 - t2 * (of_se + of_sp)
        b = -2 * slope * over + 2 * t2 * self.total * of_sp
        c = over**2 - t2 * (self.stderr_judged**2 + self.total**2 * of_sp)
        low, high = self.bounds
        ends = _roots(a, b, c)
        if ends is None:
            return low, high
        clipped = [min(max(each, low), high) for each in ends]
        return min(clipped[0], self.value), max(clipped[1], self.value)

    def _error(self, at: float) -> float:
        (_, of_se), (_, of_sp) = self._rates
        return math.sqrt(self.stderr_judged**2 + at**2 * of_se + (self.total - at) ** 2 * of_sp)

    def _tail(self, bound: float, sign: float) -> float:
        from scipy.special import stdtr

        low, high = self.bounds
        if not low <= bound <= high:
            return 0.0 if (bound > high) == (sign > 0) else 1.0
        (se, _), (sp, _) = self._rates
        over = self.judged - self.total * (1 - sp) - bound * (se + sp - 1)
        return float(stdtr(self.freedom, sign * over / self._error(bound)))


def infer_corrected_combination(
    before: Sequence[float] | Array,
    after: Sequence[float] | Array,
    weights: tuple[float, float],
    calibration: Sequence[tuple[float, float]],
    clusters: Clusters | None = None,
) -> Inference:
    """weights[0]·θ_before + weights[1]·θ_after of the shares that one calibration corrects.

    The error over items is never below what three that differ would make of it.

    Args:
        before: The judge's 0 or 1 of each item, shape (n,).
        after: Of the same items in another run, shape (n,).
        weights: (−1, 1) is the change.
        calibration: As in ``infer_corrected_share``.
        clusters: As in ``estimates.infer_mean``.
    """
    parts = [infer_corrected_share(each, calibration, clusters) for each in (before, after)]
    first, second = parts
    value = weights[0] * first.value + weights[1] * second.value
    if not isinstance(first, CorrectedShare) or not isinstance(second, CorrectedShare):
        return Unknown(value, first.method if isinstance(first, Unknown) else second.method)
    both = weights[0] * np.asarray(before, dtype=np.float64)
    both = both + weights[1] * np.asarray(after, dtype=np.float64)
    stderr, freedom, count = clustered_error(both, clusters)
    if count < 2:
        return Unknown(value, f"{first.method}; no interval of one item")
    stderr = max(stderr, math.sqrt(_DIFFERENT) * max(map(abs, weights)) / count)
    ends = [sorted((weight * 0.0, weight * 1.0)) for weight in weights]
    return CorrectedCombination(
        value, float(both.mean()), stderr, freedom, sum(weights), first.positive, first.negative,
        (ends[0][0] + ends[1][0], ends[0][1] + ends[1][1]), first.method,
    )  # fmt: skip


def _roots(a: float, b: float, c: float) -> tuple[float, float] | None:
    """Between what a·x² + b·x + c is not above 0; None where that is no interval."""
    root = b * b - 4 * a * c
    if a <= 0 or root < 0:
        return None
    return (-b - math.sqrt(root)) / (2 * a), (-b + math.sqrt(root)) / (2 * a)


def _rate(right: float, count: int) -> tuple[float, float]:
    """A rate with half of either outcome added, and its variance."""
    rate = (right + 0.5) / (count + 1)
    return rate, rate * (1 - rate) / (count + 1)


def _unit(value: float) -> float:
    return min(max(value, 0.0), 1.0)


def infer_powered(
    judged: Sequence[float] | Array,
    labels: Sequence[float] | Array,
    clusters: Clusters | None = None,
    bounds: tuple[float, float] | None = None,
) -> Inference:
    """People's mean over all items, from labels of some and judgements of all: PPI++.

    θ = λ·mean_N(f) + mean_n(y − λf), f the judgements, y the labels, N the items without a label
    and n those with one; λ, within [0, 1], makes the variance least: λ = cov_n(y, f)/((1 +
    n/N)·var(f)) where items stand alone (Angelopoulos, Duchi & Zrnic 2023, "PPI++: Efficient
    prediction-powered inference", arXiv 2311.01453). Where items come in clusters, in both parts
    maybe, variances are those of the clusters' sums. The labelled items must be drawn at random.

    With too few labels to lean on judgements, and where judgements add nothing, this is the mean of
    the labels alone.

    Args:
        judged: The judgement of each item, shape (m,).
        labels: People's value of each; NaN where there is none.
        clusters: As in ``estimates.infer_mean``.
        bounds: The least and the greatest that a label can be; None where not known.
    """
    f, y = (np.asarray(each, dtype=np.float64) for each in (judged, labels))
    has = np.isfinite(y)
    codes = np.arange(len(y)) if clusters is None else cluster_codes(clusters)
    if problem := no_numbers(f, "judgements"):
        return problem
    labelled = np.unique(codes[has], return_inverse=True)[1]  # codes without gaps
    alone = infer_mean(y[has], labelled, bounds) if has.any() else Unknown(NAN, "no labels")
    why = _too_little(y[has], codes[has], int((~has).sum()))
    if why or isinstance(alone, Unknown):
        return _Named.of(alone, f"labels alone ({why}): {alone.method}" if why else alone.method)
    with_labels, without = _influences(f, y, codes, has)
    spread = float(without @ without)
    weight = -float(with_labels @ without) / spread if spread > 0 else 0.0
    weight = _unit(weight)
    if weight == 0:
        method = f"labels alone (the judgements do not go with them): {alone.method}"
        return _Named.of(alone, method)
    total = with_labels + weight * without
    stderr = math.sqrt(float(total @ total))
    value = weight * float(f[~has].mean()) + float((y[has] - weight * f[has]).mean())
    sizes = np.bincount(codes[has], minlength=len(total)).astype(np.float64)
    freedom = max(1.0, effective_clusters(sizes[sizes > 0]) - 2)  # a mean and a weight are fitted
    method = f"PPI++, {int(has.sum())} labels and {int((~has).sum())} judgements, λ = {weight:.2f}"
    inside = bounds or EVERYWHERE
    return StudentT(min(max(value, inside[0]), inside[1]), stderr, freedom, method, inside)


def _too_little(labels: Array, codes: NDArray[np.intp], unlabelled: int) -> str:
    """Why the labels stand alone; empty where the judgements may help."""
    if not unlabelled:
        return "every item has one"
    count = len(np.unique(codes))
    if count < FEWEST_LABELS:
        return f"{count} are fewer than {FEWEST_LABELS}"
    values, counts = np.unique(labels, return_counts=True)
    if len(values) <= 2 and (len(values) < 2 or counts.min() < FEWEST_OF_A_CLASS):
        return f"fewer than {FEWEST_OF_A_CLASS} are of the rarer class"
    return ""


def _influences(
    f: Array, y: Array, codes: NDArray[np.intp], has: NDArray[np.bool_]
) -> tuple[Array, Array]:
    """What each cluster adds to the error of θ: that without λ, and that times λ; shape (C,).

    The parts are scaled by √(m/(m−1)), m the clusters of each, as a variance of few is.
    """
    labelled = np.zeros((len(f), 2))
    unlabelled = np.zeros((len(f), 1))
    labelled[has, 0] = (y[has] - y[has].mean()) / has.sum()
    labelled[has, 1] = -(f[has] - f[has].mean()) / has.sum()
    unlabelled[~has, 0] = (f[~has] - f[~has].mean()) / (~has).sum()
    sums, more = summed_by_cluster(labelled, codes), summed_by_cluster(unlabelled, codes)
    scale, other = (math.sqrt(m / max(1, m - 1)) for m in (
        len(np.unique(codes[has])), len(np.unique(codes[~has]))))  # fmt: skip
    return sums[:, 0] * scale, sums[:, 1] * scale + more[:, 0] * other


class _Named:
    """An inference under another description of its method."""

    def __init__(self, inner: Inference, method: str) -> None:
        self._inner, self._method = inner, method

    @staticmethod
    def of(inner: Inference, method: str) -> Inference:
        return Unknown(inner.value, method) if isinstance(inner, Unknown) else _Named(inner, method)

    @property
    def value(self) -> float:
        return self._inner.value

    @property
    def stderr(self) -> float:
        return self._inner.stderr

    @property
    def method(self) -> str:
        return self._method

    def interval(self, confidence: float) -> tuple[float, float]:
        return self._inner.interval(confidence)

    def below(self, bound: float) -> float:
        return self._inner.below(bound)

    def above(self, bound: float) -> float:
        return self._inner.above(bound)
