"""How far a metric agrees with people's labels: correlations and the area under the ROC curve.

Each class holds the data and maps weights of shape (r, n) to values of shape (r,), as
``harness.stats.weighted.infer_weighted`` takes it; with weights 1 it is the field's coefficient.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from harness.stats.inference import Array

_PAIRS_HELD = 3000
"""Samples up to which all pairs are held in memory (72 MB each of three tables)."""


def average_ranks(values: Array, weights: Array) -> Array:
    """Ranks from 1 where each value counts ``weights`` times; equal values share their mean rank.

    Args:
        values: Shape (n,).
        weights: Shape (r, n), not negative.

    Returns:
        Shape (r, n).
    """
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    group = np.cumsum(np.r_[True, ordered[1:] != ordered[:-1]]) - 1
    of_group = np.add.reduceat(weights[:, order], starts, axis=1)
    before = np.cumsum(of_group, axis=1) - of_group
    ranks = np.empty_like(weights)
    ranks[:, order] = (before + (of_group + 1) / 2)[:, group]
    return ranks


def _correlation(moments: Array) -> Array:
    """The correlation of the first two variables given the others; moments of shape (r, k, k)."""
    inner, cross = moments[:, 2:, 2:], moments[:, :2, 2:]
    given = cross @ np.linalg.pinv(inner, hermitian=True) @ cross.transpose(0, 2, 1)
    left = moments[:, :2, :2] - given
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = left[:, [0, 1], [0, 1]] / moments[:, [0, 1], [0, 1]]
        value = left[:, 0, 1] / np.sqrt(left[:, 0, 0] * left[:, 1, 1])
    # What rounding leaves of a variable that the controls explain wholly is no variation.
    undefined = ~(spread > 1e-10).all(axis=1)
    return np.where(undefined, np.nan, np.clip(value, -1, 1))


@dataclass(frozen=True, slots=True, eq=False)
class Pearson:
    """Pearson's r of two variables; with controls the partial one.

    Attributes:
        x: Shape (n,).
        y: Shape (n,).
        controls: Shape (n, k): what both are freed of first, by linear regression.
        ranked: Whether x and y are ranked first, in each resample anew: Spearman's ρ.
    """

    x: Array
    y: Array
    controls: Array | None = None
    ranked: bool = False

    def __call__(self, weights: Array) -> Array:
        """Values of shape (r,)."""
        r, n = weights.shape
        fixed = [np.ones((n, 1))] + ([] if self.controls is None else [_scaled(self.controls)])
        others = np.concatenate(fixed, axis=1)
        if self.ranked:
            pair = np.stack([average_ranks(v, weights) for v in (self.x, self.y)], axis=2)
            pair = pair - (weights.sum(axis=1)[:, None, None] + 1) / 2
        else:
            pair = np.broadcast_to(_scaled(np.stack([self.x, self.y], axis=1)), (r, n, 2))
        k = others.shape[1]
        moments = np.empty((r, 2 + k, 2 + k))
        heavy = pair * weights[:, :, None]
        moments[:, :2, :2] = heavy.transpose(0, 2, 1) @ pair
        cross = heavy.transpose(0, 2, 1) @ others
        moments[:, :2, 2:], moments[:, 2:, :2] = cross, cross.transpose(0, 2, 1)
        squares = (others[:, :, None] * others[:, None, :]).reshape(n, k * k)
        moments[:, 2:, 2:] = (weights @ squares).reshape(r, k, k)
        return _correlation(moments)


def _scaled(columns: Array) -> Array:
    """Columns with mean 0 and standard deviation 1, so that sums of squares keep their digits."""
    centred = columns - columns.mean(axis=0)
    spread = centred.std(axis=0)
    return np.asarray(centred / np.where(spread > 0, spread, 1.0), dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Kendall:
    """Kendall's τ_b (Kendall 1945): pairs in the same order less pairs in opposite order.

    A pair of two copies of one sample is no tie that the data have: it is left out.

    Attributes:
        x: Shape (n,).
        y: Shape (n,).
    """

    x: Array
    y: Array
    _pairs: list[Array] = field(default_factory=list, repr=False)

    def __call__(self, weights: Array) -> Array:
        """Values of shape (r,)."""
        n = len(self.x)
        totals = np.zeros((3, len(weights)))
        for start in range(0, n, _PAIRS_HELD):
            rows = slice(start, start + _PAIRS_HELD)
            for place, table in enumerate(self._tables(rows)):
                totals[place] += ((weights[:, rows] @ table) * weights).sum(axis=1)
        agree, in_x, in_y = totals
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(agree / np.sqrt(in_x * in_y), dtype=np.float64)

    def _tables(self, rows: slice) -> list[Array]:
        """Of pairs: whether they agree (−1, 0, 1), differ in x, differ in y; shape (rows, n)."""
        if self._pairs:
            return self._pairs
        signs = [np.sign(v[rows, None] - v[None, :]).astype(np.float32) for v in (self.x, self.y)]
        tables = [np.asarray(each) for each in (signs[0] * signs[1], *map(np.abs, signs))]
        if len(self.x) <= _PAIRS_HELD:
            self._pairs.extend(tables)
        return tables


@dataclass(frozen=True, slots=True, eq=False)
class AreaUnderCurve:
    """AUROC: the chance that a positive sample scores above a negative one, ties for half.

    Attributes:
        scores: Shape (n,).
        positive: Shape (n,), which samples are positive.
    """

    scores: Array
    positive: NDArray[np.bool_]

    def __call__(self, weights: Array) -> Array:
        """Values of shape (r,); NaN without both classes."""
        ranks = average_ranks(self.scores, weights)
        positives = weights * self.positive
        count = positives.sum(axis=1)
        others = weights.sum(axis=1) - count
        wins = (ranks * positives).sum(axis=1) - count * (count + 1) / 2
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(wins / (count * others), dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class BalancedAccuracy:
    """The mean of the recalls of both classes, where scores from ``threshold`` on say positive.

    Attributes:
        scores: Shape (n,).
        positive: Shape (n,), which samples are positive.
        threshold: The least score that says positive.
    """

    scores: Array
    positive: NDArray[np.bool_]
    threshold: float

    def __call__(self, weights: Array) -> Array:
        """Values of shape (r,); NaN without both classes."""
        said = self.scores >= self.threshold
        recalls = []
        for which in (True, False):
            members = weights * (self.positive == which)
            with np.errstate(invalid="ignore", divide="ignore"):
                recalls.append((members * (said == which)).sum(axis=1) / members.sum(axis=1))
        return np.asarray((recalls[0] + recalls[1]) / 2, dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class SystemLevel:
    """The correlation of systems' means: does the metric rank systems as people do?

    Attributes:
        x: Shape (n,).
        y: Shape (n,).
        systems: Which system made each sample, shape (n,), codes from 0.
        coefficient: ``pearson``, ``spearman`` or ``kendall``.
    """

    x: Array
    y: Array
    systems: NDArray[np.intp]
    coefficient: str = "pearson"

    def __call__(self, weights: Array) -> Array:
        """Values of shape (r,); NaN where a system has no sample."""
        count = int(self.systems.max()) + 1
        members = (self.systems[:, None] == np.arange(count)).astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            sizes = weights @ members
            x, y = ((weights * values) @ members / sizes for values in (self.x, self.y))
            if self.coefficient == "kendall":
                return _row_kendall(x, y)
            if self.coefficient == "spearman":
                x, y = _row_ranks(x), _row_ranks(y)
            x, y = (v - v.mean(axis=1, keepdims=True) for v in (x, y))
            spread = np.sqrt((x * x).sum(axis=1) * (y * y).sum(axis=1))
            return np.asarray((x * y).sum(axis=1) / np.where(spread > 1e-12, spread, np.nan))


def _row_ranks(values: Array) -> Array:
    from scipy.stats import rankdata

    return np.asarray(rankdata(values, axis=1, nan_policy="propagate"), dtype=np.float64)


def _row_kendall(x: Array, y: Array) -> Array:
    signs = [np.sign(v[:, :, None] - v[:, None, :]) for v in (x, y)]
    agree = (signs[0] * signs[1]).sum(axis=(1, 2))
    differ = [np.abs(each).sum(axis=(1, 2)) for each in signs]
    return np.asarray(agree / np.sqrt(differ[0] * differ[1]), dtype=np.float64)
