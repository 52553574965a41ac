"""How far apart the groups of a run are: the largest gap and the smallest ratio of each metric.

Both come with intervals that hold for the greatest (least) of all pairs at once, so that a gap
which only the choice of the pair made is not taken for one. A group that is too small says
nothing and is left out by name, never turned into a gap of 0 or 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from harness.authoring.metrics import Resamplable, clusters_of, statistics_of, values_of
from harness.protocols import Metric
from harness.stats import estimates
from harness.types import Estimate, Score

MINIMUM = 10
"""Scored samples that a group needs to be compared."""

Groups = Mapping[str, Sequence[Score]]
Opposed = Mapping[tuple[str, str], float]


def compare(metric: Metric, groups: Groups, confidence: float = 0.95) -> dict[str, Estimate]:
    """``gap`` and, where no group is below 0, ``ratio``.

    gap = max_g m_g − min_h m_h; ratio = min_g m_g / max_h m_h. Each pair of groups gets an
    interval at confidence 1 − α/K, K pairs, by the MOVER method from the two groups' own
    intervals (Zou & Donner 2008, Statistics in Medicine 27:1693; on the log scale for the ratio);
    the extremes of these bound the gap and the ratio of all pairs with confidence 1 − α. Groups
    whose samples share clusters (two versions of a sentence) may be opposed: where one is right
    the other is wrong. Their negative correlation widens the pair's interval; a positive one, which
    would narrow it, is not used. The gap itself is above 0 by chance alone, the more so the more
    groups there are; the method says by how much.

    Args:
        metric: Whose scores these are.
        groups: Group → its scores, none of them ``Unscored``.
        confidence: 1 − α.

    Returns:
        Nothing where fewer than two groups are large enough.
    """
    large = {name: rows for name, rows in groups.items() if len(rows) >= MINIMUM}
    level = 1 - (1 - confidence) / max(1, math.comb(len(large), 2))
    values = {name: _estimate(metric, rows, level) for name, rows in sorted(large.items())}
    values = {name: value for name, value in values.items() if math.isfinite(value.high)}
    if len(values) < 2:
        return {}
    opposed = {
        pair: _opposition(large[pair[0]], large[pair[1]]) for pair in combinations(values, 2)
    }
    found = {"gap": _gap(values, opposed)}
    if all(value.value >= 0 for value in values.values()):
        found["ratio"] = _ratio(values, opposed)
    return found


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


def _chance(values: Mapping[str, Estimate]) -> float:
    """The gap that groups without any difference would have on average."""
    errors = [value.stderr for value in values.values() if math.isfinite(value.stderr)]
    drawn = np.random.default_rng(0).normal(size=(2000, len(errors))) * np.array(errors)
    return float((drawn.max(axis=1) - drawn.min(axis=1)).mean()) if errors else math.nan


def _estimate(metric: Metric, rows: Sequence[Score], level: float) -> Estimate:
    clusters = clusters_of(rows)
    if isinstance(metric, Resamplable):
        statistics = statistics_of(rows, metric)
        return estimates.bootstrap(statistics, metric.compute, clusters, confidence=level)
    if all(isinstance(row.value, float | int) for row in rows):
        bounds = getattr(metric, "bounds", None)
        return estimates.mean(values_of(rows), clusters, level, bounds)
    return replace(metric.aggregate(rows), low=math.nan, high=math.nan)  # at another level


def _gap(values: Mapping[str, Estimate], opposed: Opposed) -> Estimate:
    lows, highs = _sizes_of_differences(values, opposed, lambda value: value)
    top, bottom = _extremes(values)
    gap = values[top].value - values[bottom].value
    found = _described(gap, max(lows), max(highs), (top, bottom), values)
    return replace(found, method=f"{found.method}; chance alone makes {_chance(values):.2g}")


def _ratio(values: Mapping[str, Estimate], opposed: Opposed) -> Estimate:
    top, bottom = _extremes(values)
    if values[top].value == 0:
        return _described(math.nan, math.nan, math.nan, (bottom, top), values)
    lows, highs = _sizes_of_differences(values, opposed, _log)
    ratio = values[bottom].value / values[top].value
    return _described(ratio, math.exp(-max(highs)), math.exp(-max(lows)), (bottom, top), values)


def _sizes_of_differences(
    values: Mapping[str, Estimate], opposed: Opposed, scale: Callable[[float], float]
) -> tuple[list[float], list[float]]:
    """Bounds of |scale(g) − scale(h)| for every pair of groups."""
    lows, highs = [], []
    for pair in combinations(values, 2):
        low, high = _mover(values[pair[0]], values[pair[1]], opposed[pair], scale)
        lows.append(max(0.0, low, -high))  # 0 where the interval holds 0
        highs.append(max(abs(low), abs(high)))
    return lows, highs


def _mover(
    one: Estimate, other: Estimate, correlation: float, scale: Callable[[float], float]
) -> tuple[float, float]:
    """Interval of scale(one) − scale(other) from the two's own intervals."""

    def length(first: float, second: float) -> float:
        return math.sqrt(first**2 + second**2 - 2 * correlation * first * second)

    a, a_low, a_high = (scale(value) for value in (one.value, one.low, one.high))
    b, b_low, b_high = (scale(value) for value in (other.value, other.low, other.high))
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


def _extremes(values: Mapping[str, Estimate]) -> tuple[str, str]:
    """The groups with the greatest and the least value; two different ones where all are equal."""
    order = sorted(values, key=lambda name: values[name].value)
    return order[-1], order[0]


def _described(
    value: float, low: float, high: float, between: tuple[str, str], values: Mapping[str, Estimate]
) -> Estimate:
    pairs = math.comb(len(values), 2)
    method = f"{between[0]} against {between[1]}; MOVER" + (
        f", {pairs} pairs, Bonferroni" if pairs > 1 else ""
    )
    n = sum(estimate.n for estimate in values.values())
    return Estimate(value, math.nan, low, high, n, method)
