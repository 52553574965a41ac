"""Means of values whose least and greatest are known: bounds that hold for any distribution.

Student's t trusts the spread that it sees. A model that collapses on one sample in thirty may not
have done so yet among fifty, and then the spread says nothing of it. The bound here adds to the
sample one value that was not seen, as bad as a value can be, and gives the n + 1 values random
weights (a flat Dirichlet distribution): the mean's upper bound at level 1 − α is the 1 − α quantile
of Σ w_i·x_i + w₀·greatest (Gaffke 2005, "Three test statistics for a nonparametric one-sided
hypothesis on the mean of a nonnegative variable"; Learned-Miller & Thomas 2019, arXiv:1905.06208).

For 0/1 values it is Clopper & Pearson's exact bound; for paired 0/1 values its p-value of no
difference is McNemar's exact one; for many values it becomes the t interval. That it holds for
every distribution and every n is proven for 0/1 values and has stood every numerical search, but
is not proven in general. Bounds from betting (Waudby-Smith & Ramdas 2024) are proven, and wider by
a half for all n; the sequential gate, which looks again and again, needs them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from harness.stats.gamma import positive_chance
from harness.stats.inference import Array

_PRECISION = 1e-8


@dataclass(frozen=True, slots=True)
class Units:
    """What was drawn, equal units counted together: Σ totals/Σ sizes is the mean.

    A unit is a sample, of size 1, or a cluster.

    Attributes:
        totals: Sum of the values in a unit, shape (m,).
        sizes: Number of values in it, shape (m,).
        counts: How many units are like this one, shape (m,).
        unseen: Values in the unit that was not seen.
    """

    totals: Array
    sizes: Array
    counts: Array
    unseen: float = 1.0

    @classmethod
    def of(cls, totals: Array, sizes: Array | None = None, unseen: float = 1.0) -> Units:
        """Counts equal units."""
        if sizes is None:
            values, counts = np.unique(totals, return_counts=True)
            return cls(values, np.ones(len(values)), counts.astype(np.float64))
        rows, counts = np.unique(np.stack([totals, sizes]), axis=1, return_counts=True)
        return cls(rows[0], rows[1], counts.astype(np.float64), unseen)

    @property
    def mean(self) -> float:
        """Of all values."""
        return float(self.counts @ self.totals / (self.counts @ self.sizes))

    def reach(self, greatest: float) -> float:
        """Standard deviation, about, of the mean with random weights."""
        centre = self.mean
        squares = self.counts @ (self.totals - centre * self.sizes) ** 2
        unseen = (greatest - centre) * self.unseen
        return math.sqrt(squares + unseen**2) / float(self.counts @ self.sizes)

    def chance_at_least(self, bound: float, greatest: float) -> float:
        """Probability that the mean with random weights is ``bound`` or more."""
        unseen = (greatest - bound) * self.unseen
        weights = np.append(self.totals - bound * self.sizes, unseen)
        return positive_chance(weights, np.append(self.counts, 1.0))

    def mirrored(self) -> Units:
        """The units of the negative values."""
        return Units(-self.totals, self.sizes, self.counts, self.unseen)


@dataclass(frozen=True, slots=True)
class BoundedMean:
    """A mean of values within ``bounds``: Gaffke's bounds and their tests.

    Attributes:
        value: The mean.
        stderr: Its standard error.
        units: What was drawn.
        bounds: What a value can be, both finite.
        method: As reports show it.
    """

    value: float
    stderr: float
    units: Units
    bounds: tuple[float, float]
    method: str

    @property
    def test(self) -> str:
        """Of no difference, where this is one."""
        whole = np.isin(self.units.totals, (self.bounds[0], 0.0, self.bounds[1]))
        alone = bool(np.all(self.units.sizes == 1))
        return "exact McNemar" if alone and whole.all() else "bounded-mean test"

    def interval(self, confidence: float) -> tuple[float, float]:
        """The bounds whose one-sided tests have half of what ``confidence`` leaves."""
        tail = (1 - confidence) / 2
        low = -_upper_bound(self.units.mirrored(), -self.bounds[0], tail)
        return low, _upper_bound(self.units, self.bounds[1], tail)

    def below(self, bound: float) -> float:
        """The level at which the upper bound is ``bound``."""
        return self.units.chance_at_least(bound, self.bounds[1])

    def above(self, bound: float) -> float:
        """The level at which the lower bound is ``bound``."""
        return self.units.mirrored().chance_at_least(-bound, -self.bounds[0])


def _upper_bound(units: Units, greatest: float, tail: float) -> float:
    from scipy.optimize import brentq
    from scipy.special import ndtri

    centre, reach = units.mean, units.reach(greatest)
    if greatest - centre <= _PRECISION * max(1.0, abs(greatest)):
        return greatest
    target = float(ndtri(tail))

    def excess(bound: float) -> float:
        # On the normal scale the chance is nearly linear in the bound.
        return float(ndtri(max(units.chance_at_least(bound, greatest), 1e-300))) - target

    low, high = centre, min(greatest, centre + (1.0 - target) * reach)
    while high < greatest and excess(high) > 0:
        low, high = high, min(greatest, high + (1.0 - target) * reach)
    return float(brentq(excess, low, high, xtol=_PRECISION * (greatest - centre), rtol=1e-12))
