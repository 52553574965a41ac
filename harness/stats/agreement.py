"""Agreement among people, among judges, and between the two; chance taken off.

Every coefficient is a function of sums over items, so that its interval is the bootstrap of items
(``resampling.infer_bootstrap``): an item is drawn with all of its ratings.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from harness.stats import resampling
from harness.stats.estimates import Clusters
from harness.stats.inference import NAN, Array, Inference, Unknown

Level: TypeAlias = Literal["nominal", "ordinal", "interval"]
"""Categories; ranks; or numbers of which differences mean something."""
LEVELS: tuple[Level, ...] = ("nominal", "ordinal", "interval")
MOST_CATEGORIES = 60
"""Distinct values above which a coefficient that counts pairs of them is refused."""


@dataclass(frozen=True, slots=True)
class Coefficient:
    """A coefficient of agreement as a function of sums over items.

    Attributes:
        name: As reports show it.
        statistics: One row an item, shape (n, k).
        compute: Maps sums, shape (r, k), to values, shape (r,); NaN where undefined.
        undefined: Why it has no value, where that is known; else empty.
    """

    name: str
    statistics: Array
    compute: Callable[[Array], Array]
    undefined: str = ""

    @property
    def value(self) -> float:
        """Of all items; NaN where undefined."""
        if self.undefined or not len(self.statistics):
            return NAN
        return float(self.compute(self.statistics.sum(axis=0, keepdims=True))[0])

    def infer(self, clusters: Clusters | None = None, seed: int = 0) -> Inference:
        """The value with its bootstrap over items, or over clusters of them."""
        if self.undefined or not len(self.statistics):
            return Unknown(NAN, f"{self.name}; {self.undefined or 'no items'}")
        return resampling.infer_bootstrap(self.statistics, self.compute, clusters, seed=seed)


def cohen_kappa(
    first: Sequence[object],
    second: Sequence[object],
    weights: Literal["linear", "quadratic"] | None = None,
) -> Coefficient:
    """Cohen's κ of two raters: (p_o − p_e)/(1 − p_e) (Cohen 1960; weights: Cohen 1968).

    Args:
        first: One rater's category of each item, shape (n,).
        second: The other's.
        weights: How disagreement grows with the distance of categories in their sorted order;
            None: every disagreement counts alike.

    Raises:
        ValueError: The two are not of one length, or there are too many categories.
    """
    codes, names = _codes([*first, *second])
    k, n = len(names), len(first)
    if len(second) != n:
        raise ValueError("the raters have not rated the same items")
    if k < 2:
        why = "one category only" if n else "no items"
        return Coefficient("Cohen's κ", np.zeros((n, 0)), _Nothing(), why)
    table = np.zeros((n, k * k))
    table[np.arange(n), codes[:n] * k + codes[n:]] = 1
    distance = np.abs(np.subtract.outer(np.arange(k), np.arange(k))).astype(np.float64)
    if weights is None:
        distance = (distance > 0).astype(np.float64)
    elif weights == "quadratic":
        distance = distance**2
    return Coefficient("Cohen's κ", table, _Kappa(distance))


def fleiss_kappa(ratings: Sequence[Sequence[object]]) -> Coefficient:
    """Fleiss' κ: every item rated equally often, by whichever raters (Fleiss 1971).

    Args:
        ratings: The ratings of each item; all of one length of at least 2.

    Raises:
        ValueError: There are too many categories.
    """
    counts = {len(each) for each in ratings}
    if len(counts) != 1 or min(counts) < 2:
        why = "no items" if not counts else "items have different numbers of ratings, or only one"
        return Coefficient("Fleiss' κ", np.zeros((len(ratings), 0)), _Nothing(), why)
    codes, names = _codes([value for each in ratings for value in each])
    if len(names) < 2:
        return Coefficient(
            "Fleiss' κ", np.zeros((len(ratings), 0)), _Nothing(), "one category only"
        )
    raters = counts.pop()
    table = np.zeros((len(ratings), len(names)))
    np.add.at(table, (np.repeat(np.arange(len(ratings)), raters), codes), 1)
    agreeing = (table * (table - 1)).sum(axis=1) / (raters * (raters - 1))
    ones = np.ones(len(ratings))
    return Coefficient("Fleiss' κ", np.column_stack([ones, agreeing, table]), _Fleiss())


def krippendorff_alpha(
    ratings: Sequence[Sequence[object]], level: Level = "nominal"
) -> Coefficient:
    """Krippendorff's α = 1 − D_o/D_e for any number of raters and missing ratings.

    Krippendorff 2011, "Computing Krippendorff's alpha-reliability". Items with fewer than two
    ratings say nothing of agreement and are left out.

    Args:
        ratings: The ratings of each item, missing ones left out; numbers unless nominal.
        level: ``nominal``: values agree or do not; ``ordinal``: their distance is that of their
            ranks; ``interval``: the square of their difference.

    Raises:
        ValueError: An ordinal scale has too many values.
    """
    name = f"Krippendorff's α ({level})"
    paired = [each for each in ratings if len(each) > 1]
    flat = [value for each in paired for value in each]
    if len(set(flat)) < 2:
        why = "one category only" if flat else "no item has two ratings"
        return Coefficient(name, np.zeros((len(paired), 0)), _Nothing(), why)
    if level == "interval":
        return Coefficient(name, interval_statistics(paired), IntervalAlpha())
    codes, names = _codes(flat, limited=level == "ordinal")
    bounds = np.cumsum([0, *map(len, paired)])
    counts = np.zeros((len(paired), len(names)))
    for row in range(len(paired)):
        counts[row] = np.bincount(codes[bounds[row] : bounds[row + 1]], minlength=len(names))
    sizes = counts.sum(axis=1)
    if level == "nominal":
        same = (counts * (counts - 1)).sum(axis=1) / (sizes - 1)
        return nominal_alpha(name, np.column_stack([same, counts]))
    pairs = counts[:, :, None] * counts[:, None, :]
    places = np.arange(len(names))
    pairs[:, places, places] -= counts
    pairs /= (sizes - 1)[:, None, None]
    return Coefficient(name, pairs.reshape(len(paired), -1), _OrdinalAlpha(len(names)))


def nominal_alpha(name: str, statistics: Array, undefined: str = "") -> Coefficient:
    """Krippendorff's nominal α of units that are counted already.

    Args:
        name: As reports show it.
        statistics: Of each item Σ over its units of Σ_c n_c(n_c − 1)/(m − 1), then the ratings of
            each category c; n_c of m ratings of a unit, shape (n, 1 + categories).
        undefined: Why it has no value; else empty.
    """
    return Coefficient(name, statistics, _NominalAlpha(), undefined)


def sensitivity_and_specificity(
    judged: Sequence[float], labels: Sequence[float]
) -> tuple[list[float], list[float]]:
    """Whether the judge says 1 where people do, and 0 where they do; 1 for right, 0 for wrong.

    Args:
        judged: 0 or 1 of each item, shape (n,).
        labels: People's 0 or 1.
    """
    pairs = list(zip(judged, labels, strict=True))
    return (
        [float(each == 1) for each, label in pairs if label == 1],
        [float(each == 0) for each, label in pairs if label == 0],
    )


# --------------------------------------------------------------------------- functions of sums


class _Compute:
    """A function of sums."""

    def __call__(self, sums: Array) -> Array:
        raise NotImplementedError


class _Nothing(_Compute):
    def __call__(self, sums: Array) -> Array:
        return np.full(len(sums), NAN)


def _one_minus(observed: Array, expected: Array) -> Array:
    """1 − observed/expected; NaN where no disagreement is expected."""
    result = np.full(len(observed), NAN)
    np.divide(observed, expected, out=result, where=expected > 1e-12)
    return np.asarray(1 - np.maximum(result, 0))  # rounding must not make it more than perfect


@dataclass(frozen=True, slots=True)
class _Kappa(_Compute):
    distance: Array

    def __call__(self, sums: Array) -> Array:
        k = len(self.distance)
        tables = sums.reshape(-1, k, k)
        totals = tables.sum(axis=(1, 2))
        rows, columns = tables.sum(axis=2), tables.sum(axis=1)
        observed = (tables * self.distance).sum(axis=(1, 2)) / totals
        expected = np.einsum("ri,ij,rj->r", rows, self.distance, columns) / totals**2
        return _one_minus(observed, expected)


class _Fleiss(_Compute):
    def __call__(self, sums: Array) -> Array:
        agreed = sums[:, 1] / sums[:, 0]
        shares = sums[:, 2:] / sums[:, 2:].sum(axis=1, keepdims=True)
        return _one_minus(1 - agreed, 1 - (shares**2).sum(axis=1))


class _NominalAlpha(_Compute):
    def __call__(self, sums: Array) -> Array:
        same, counts = sums[:, 0], sums[:, 1:]
        n = counts.sum(axis=1)
        expected = (n**2 - (counts**2).sum(axis=1)) / (n - 1)
        return _one_minus(n - same, expected)


class IntervalAlpha(_Compute):
    """α of numbers, from the sums of ``interval_statistics``; of 0 and 1 it is the nominal one."""

    def __call__(self, sums: Array) -> Array:
        """α of each row of sums, shape (r, 4); NaN where nothing could disagree."""
        observed, n, total, squares = sums.T
        expected = 2 * (n * squares - total**2) / np.maximum(n - 1, 1)
        return _one_minus(observed, expected)


@dataclass(frozen=True, slots=True)
class _OrdinalAlpha(_Compute):
    categories: int

    def __call__(self, sums: Array) -> Array:
        k = self.categories
        pairs = sums.reshape(-1, k, k)
        counts = pairs.sum(axis=2)
        # The distance of ranks: Σ_{g=c..k} n_g − (n_c + n_k)/2, squared.
        middle = np.cumsum(counts, axis=1) - counts / 2
        distance = (middle[:, :, None] - middle[:, None, :]) ** 2
        n = counts.sum(axis=1)
        observed = (pairs * distance).sum(axis=(1, 2))
        expected = np.einsum("ri,rij,rj->r", counts, distance, counts) / (n - 1)
        return _one_minus(observed, expected)


def interval_statistics(ratings: Sequence[Sequence[object]], centre: float | None = None) -> Array:
    """What ``IntervalAlpha`` sums: of each item Σ(v−w)²/(m−1) over ordered pairs, m, Σv and Σv².

    Args:
        ratings: The ratings of each item, at least two.
        centre: Taken off every rating, which keeps differences of squares exact; their mean by
            default. Rows of several calls can be summed if it is the same.

    Returns:
        Shape (n, 4).
    """
    values = [np.asarray(each, dtype=np.float64) for each in ratings]
    if centre is None:
        centre = float(np.concatenate(values).mean())
    rows = []
    for each in values:
        v, m = each - centre, len(each)
        rows.append((2 * (m * float(v @ v) - float(v.sum()) ** 2) / (m - 1), m, v.sum(), v @ v))
    return np.array(rows, dtype=np.float64)


def _codes(values: Sequence[object], limited: bool = True) -> tuple[NDArray[np.intp], list[object]]:
    """Integer codes in the values' sorted order, and the values; 1 and 1.0 are one."""
    names: list[object] = sorted(set(values), key=_order)
    if limited and len(names) > MOST_CATEGORIES:
        raise ValueError(
            f"{len(names)} distinct values are no categories; {MOST_CATEGORIES} are the most"
        )
    place: Mapping[object, int] = {name: code for code, name in enumerate(names)}
    return np.array([place[value] for value in values], dtype=np.intp), names


def _order(value: object) -> tuple[int, float, str]:
    if isinstance(value, int | float) and math.isfinite(value):
        return 0, float(value), ""
    return 1, 0.0, str(value)
