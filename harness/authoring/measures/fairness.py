"""How far apart the groups of a run are: the largest gap and the smallest ratio of each metric.

Both come with intervals that hold for the greatest (least) of all pairs at once, so that a gap
which only the choice of the pair made is not taken for one, and with what chance adds to a greatest
taken off the value. A group that is too small says nothing and is left out by name, never turned
into a gap of 0 or 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from harness.authoring.metrics import Resamplable, clusters_of, statistics_of, values_of
from harness.protocols import Metric, bounds_of
from harness.stats import estimates, resampling
from harness.stats.compare import simultaneous
from harness.stats.inference import Array, Inference, Unknown, decisive
from harness.stats.raised import debiased_range
from harness.types import Estimate, Score

MINIMUM = 10
"""Scored samples that a group needs to be compared."""
_DRAWS = 2000

Groups = Mapping[str, Sequence[Score]]
Opposed = Mapping[tuple[str, str], float]
Scale = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Group:
    """One group's value and two intervals.

    Attributes:
        value: Of the metric.
        alone: Interval that holds with the confidence asked for.
        among: The wider one whose pairs hold all at once.
        error: Standard error that the interval shows, which is not 0 where all samples agree.
        n: Scored samples.
    """

    value: float
    alone: tuple[float, float]
    among: tuple[float, float]
    error: float
    n: int


def compare(metric: Metric, groups: Groups, confidence: float = 0.95) -> dict[str, Estimate]:
    """``gap`` and, where no group is below 0, ``ratio``.

    gap = max_g m_g − min_h m_h; ratio = min_g m_g / max_h m_h. Chance alone makes the one larger
    and the other smaller, the more so the more groups there are: it is taken off the value, see
    ``harness.stats.raised``; the method tells the value with it.

    Each pair of groups gets an interval by the MOVER method from the two groups' own intervals
    (Zou & Donner 2008, Statistics in Medicine 27:1693; on the log scale for the ratio). A gap is at
    least as large as the lower bound of each pair, which therefore hold all at once (Tukey &
    Kramer's max-t); it is that of one of the pairs, so that their upper bounds need no correction
    (Berger 1982, Technometrics 24:295). Groups whose samples share clusters (two versions of a
    sentence) may be opposed: where one is right the other is wrong. Their negative correlation
    widens the pair's interval; a positive one, which would narrow it, is not used.

    Args:
        metric: Whose scores these are.
        groups: Group → its scores, none of them ``Unscored``.
        confidence: 1 − α.

    Returns:
        Nothing where fewer than two groups are large enough.
    """
    large = {name: rows for name, rows in sorted(groups.items()) if len(rows) >= MINIMUM}
    found = {name: _infer(metric, rows) for name, rows in large.items()}
    found = {name: each for name, each in found.items() if math.isfinite(each.interval(0.5)[1])}
    if len(found) < 2:
        return {}
    opposed = {pair: _opposition(large[pair[0]], large[pair[1]]) for pair in combinations(found, 2)}
    if min(opposed.values()) < 0:
        # One group's failing interval is the other's: none may fail more often than it says.
        found = {name: decisive(each) for name, each in found.items()}
    levels = confidence, simultaneous(len(found), confidence)
    values = {name: _group(each, *levels, len(large[name])) for name, each in found.items()}
    compared = {"gap": _gap(values, opposed)}
    if all(value.value >= 0 for value in values.values()):
        compared["ratio"] = _ratio(values, opposed)
    return compared


def _infer(metric: Metric, rows: Sequence[Score]) -> Inference:
    clusters = clusters_of(rows)
    if isinstance(metric, Resamplable):
        return resampling.infer_bootstrap(statistics_of(rows, metric), metric.compute, clusters)
    if all(isinstance(row.value, float | int) for row in rows):
        return estimates.infer_mean(values_of(rows), clusters, bounds_of(metric))
    return Unknown(metric.aggregate(rows).value, "known at one level only")


def _group(inference: Inference, alone: float, among: float, n: int) -> Group:
    low, high = inference.interval(0.95)
    error = (high - low) / (2 * 1.959964)
    return Group(inference.value, inference.interval(alone), inference.interval(among), error, n)


def _opposition(one: Sequence[Score], other: Sequence[Score]) -> float:
    """The correlation of two groups' values by their shared clusters, where it is negative."""
    rows = [*one, *other]
    names = {row.cluster for row in one} & {row.cluster for row in other} - {None}
    if not names:
        return 0.0
    if not all(isinstance(row.value, float | int) for row in rows):
        return -1.0  # of a corpus metric's parts nothing is known: the worst
    codes = estimates.cluster_codes([row.cluster for row in rows])
    sums = []
    for part, own in ((one, codes[: len(one)]), (other, codes[len(one) :])):
        values = values_of(part)
        sums.append(
            np.bincount(own, weights=values - values.mean(), minlength=int(codes.max()) + 1)
        )
    size = math.sqrt(float(sums[0] @ sums[0]) * float(sums[1] @ sums[1]))
    return max(-1.0, min(0.0, float(sums[0] @ sums[1]) / size)) if size > 0 else -1.0


def _without_chance(
    values: Mapping[str, Group], opposed: Opposed, scale: Scale, errors: Sequence[float]
) -> tuple[float, float]:
    """The groups' range on that scale less what chance adds, and what chance alone makes."""
    correlations = np.eye(len(values))
    for (first, second), each in opposed.items():
        places = [*values].index(first), [*values].index(second)
        correlations[places] = correlations[places[::-1]] = each
    roots, vectors = np.linalg.eigh(correlations)  # pairs' correlations alone may fit no groups
    mixed = vectors * np.sqrt(np.maximum(roots, 0.0))
    mixed /= np.sqrt((mixed**2).sum(axis=1, keepdims=True))
    drawn = np.random.default_rng(0).normal(size=(_DRAWS, len(values))) @ mixed.T
    centres: Array = np.array([scale(each.value) for each in values.values()])
    return debiased_range(centres, drawn * np.array(errors))


def _gap(values: Mapping[str, Group], opposed: Opposed) -> Estimate:
    low, high = _bounds(values, opposed, lambda value: value)
    top, bottom = _extremes(values)
    errors = [each.error for each in values.values()]
    gap, chance = _without_chance(values, opposed, lambda value: value, errors)
    plain = values[top].value - values[bottom].value
    gap = min(max(gap, low), high)
    said = _said(chance, plain)
    return _described(gap, low, high, (top, bottom), values, said)


def _ratio(values: Mapping[str, Group], opposed: Opposed) -> Estimate:
    top, bottom = _extremes(values)
    if values[top].value == 0:
        return _described(math.nan, math.nan, math.nan, (bottom, top), values)
    low, high = _bounds(values, opposed, _log)
    ratio = values[bottom].value / values[top].value
    said = ""
    if ratio > 0:
        errors = [each.error / each.value for each in values.values()]  # of the logarithm
        distance, chance = _without_chance(values, opposed, _log, errors)
        said = _said(math.exp(-chance), ratio)
        ratio = math.exp(-min(max(distance, low), high))
    return _described(ratio, math.exp(-high), math.exp(-low), (bottom, top), values, said)


def _said(chance: float, plain: float) -> str:
    return f"; chance alone makes {chance:.2g}; debiased, {plain:.2g} with what chance adds"


def _bounds(values: Mapping[str, Group], opposed: Opposed, scale: Scale) -> tuple[float, float]:
    """Bounds of the greatest |scale(g) − scale(h)|."""
    lows, highs = [], []
    for pair in combinations(values, 2):
        one, other = values[pair[0]], values[pair[1]]
        low, high = _mover(one, other, one.among, other.among, opposed[pair], scale)
        lows.append(max(0.0, low, -high))  # 0 where the interval holds 0
        low, high = _mover(one, other, one.alone, other.alone, opposed[pair], scale)
        highs.append(max(abs(low), abs(high)))
    return max(lows), max(highs)


def _mover(
    one: Group,
    other: Group,
    first: tuple[float, float],
    second: tuple[float, float],
    correlation: float,
    scale: Scale,
) -> tuple[float, float]:
    """Interval of scale(one) − scale(other) from the two's own intervals."""

    def length(left: float, right: float) -> float:
        return math.sqrt(left**2 + right**2 - 2 * correlation * left * right)

    a, a_low, a_high = (scale(value) for value in (one.value, *first))
    b, b_low, b_high = (scale(value) for value in (other.value, *second))
    low = a - b - length(a - a_low, b_high - b)
    high = a - b + length(a_high - a, b - b_low)
    # ln 0 is −∞: there the two intervals' far ends bound the difference.
    if not math.isfinite(low):
        low = a_low - b_high if math.isfinite(a_low) else -math.inf
    if not math.isfinite(high):
        high = a_high - b_low if math.isfinite(b_low) else math.inf
    return low, high


def _log(value: float) -> float:
    return math.log(value) if value > 0 else -math.inf


def _extremes(values: Mapping[str, Group]) -> tuple[str, str]:
    """The groups with the greatest and the least value; two different ones where all are equal."""
    order = sorted(values, key=lambda name: values[name].value)
    return order[-1], order[0]


def _described(
    value: float,
    low: float,
    high: float,
    between: tuple[str, str],
    values: Mapping[str, Group],
    said: str = "",
) -> Estimate:
    pairs = math.comb(len(values), 2)
    method = f"{between[0]} against {between[1]}; MOVER" + (
        f", {pairs} pairs, Tukey-Kramer" if pairs > 1 else ""
    )
    n = sum(group.n for group in values.values())
    return Estimate(value, math.nan, low, high, n, method + said)
