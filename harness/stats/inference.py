"""What the data say about one quantity: its interval at any confidence, its p-value at any bound.

An interval and a test are two readings of one thing. Each class here answers both, so that a
verdict can never contradict the interval shown beside it:

    StudentT        means and paired differences of numbers
    BoundedMean     means of values with known bounds, exact for 0/1 (in ``bounded``)
    Share           a share of 0/1 scores (Wilson's score interval)
    Reported        what a results file keeps: a value with its interval
    Resampled       a function of sums (bootstrap, BCa)
    Unknown         too little data for anything but the value

``scipy`` is imported where it is used: it is slow to import and ``harness --help`` needs none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from harness.types import Estimate

Array = NDArray[np.float64]
NAN = float("nan")
EVERYWHERE = (-math.inf, math.inf)


class Inference(Protocol):
    """A quantity's value with all its confidence intervals and one-sided tests."""

    @property
    def value(self) -> float:
        """The point estimate."""
        ...

    @property
    def stderr(self) -> float:
        """The standard error."""
        ...

    @property
    def method(self) -> str:
        """How intervals are made, as reports show it."""
        ...

    def interval(self, confidence: float) -> tuple[float, float]:
        """The two-sided interval of that coverage, in (0, 1)."""
        ...

    def below(self, bound: float) -> float:
        """p-value of H0: the quantity is at least ``bound``; small: it is shown to be below."""
        ...

    def above(self, bound: float) -> float:
        """p-value of H0: the quantity is at most ``bound``; small: it is shown to be above."""
        ...


def estimate(inference: Inference, n: int, confidence: float = 0.95) -> Estimate:
    """The inference as the value that reports carry."""
    low, high = inference.interval(confidence)
    method = inference.method
    if confidence != 0.95:
        method += f", {100 * confidence:.6g} %"
    return Estimate(inference.value, inference.stderr, low, high, n, method)


def decisive(inference: Inference) -> Inference:
    """The inference a verdict rests on: each side wrong no more often than its level says.

    Clopper & Pearson's for a share that is shown with Wilson's interval; else the inference itself.
    """
    exact = inference.exact if isinstance(inference, Share) else None
    return inference if exact is None else exact


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value without any measure of its uncertainty; nothing can be shown about it."""

    value: float
    method: str

    @property
    def stderr(self) -> float:
        """Not a number."""
        return NAN

    def interval(self, confidence: float) -> tuple[float, float]:  # noqa: ARG002
        """Not numbers."""
        return NAN, NAN

    def below(self, bound: float) -> float:  # noqa: ARG002
        """Always 1: no evidence."""
        return 1.0

    def above(self, bound: float) -> float:  # noqa: ARG002
        """Always 1: no evidence."""
        return 1.0


@dataclass(frozen=True, slots=True)
class StudentT:
    """A mean whose error follows Student's t with ``freedom`` degrees of freedom (∞: normal).

    It lies within ``bounds``: an interval without what cannot be covers as often.
    """

    value: float
    stderr: float
    freedom: float
    method: str
    bounds: tuple[float, float] = EVERYWHERE

    def interval(self, confidence: float) -> tuple[float, float]:
        """value ± t·stderr, within the bounds."""
        half = _quantile(0.5 + confidence / 2, self.freedom) * self.stderr
        least, greatest = self.bounds
        return max(least, self.value - half), min(greatest, self.value + half)

    def below(self, bound: float) -> float:
        """One-sided t test."""
        return _tail(_ratio(self.value - bound, self.stderr), self.freedom)

    def above(self, bound: float) -> float:
        """One-sided t test."""
        return _tail(_ratio(bound - self.value, self.stderr), self.freedom)


@dataclass(frozen=True, slots=True)
class Share:
    """A share of ``size`` 0/1 scores: Wilson's score interval (Wilson 1927, JASA 22:209).

    With clusters ``size`` is the effective sample size p(1−p)/SE² and the quantile is Student's,
    as Korn & Graubard (1998, Survey Methodology 24:193) do for complex surveys.

    Wilson's interval holds the truth as often as it says on average over shares; at some of them,
    near 0 and 1 above all, one of its sides fails several times as often. It describes; a verdict
    rests on ``exact`` (see ``decisive``).
    """

    value: float
    stderr: float
    size: float
    freedom: float
    method: str
    exact: Inference | None = None

    def interval(self, confidence: float) -> tuple[float, float]:
        """The bounds whose score test has that level."""
        return wilson(self.value, self.size, _quantile(0.5 + confidence / 2, self.freedom))

    def below(self, bound: float) -> float:
        """Score test: the error is taken at the bound, not at the value."""
        return _tail(self._score(bound), self.freedom)

    def above(self, bound: float) -> float:
        """Score test: the error is taken at the bound, not at the value."""
        return _tail(-self._score(bound), self.freedom)

    def _score(self, bound: float) -> float:
        # Outside [0, 1] nothing is possible; at 0 and 1 the only possible data are all alike.
        if bound < 0 or bound > 1:
            return math.inf if bound < 0 else -math.inf
        return _ratio(self.value - bound, math.sqrt(bound * (1 - bound) / self.size))


@dataclass(frozen=True, slots=True)
class Reported:
    """A value of which only the interval is kept, each side taken for half of a normal curve.

    What made the interval unequal (a share of 0 of 10 has none below and 30 points above) stays in
    it; a normal interval from the standard error would make certainty of it.

    Attributes:
        value: The value.
        stderr: Its standard error.
        low: Lower bound at ``confidence``.
        high: Upper bound.
        confidence: Of the interval.
        method: As reports show it.
    """

    value: float
    stderr: float
    low: float
    high: float
    confidence: float
    method: str

    def interval(self, confidence: float) -> tuple[float, float]:
        """The kept interval, each side scaled as a normal one."""
        scale = _quantile(0.5 + confidence / 2, math.inf) / self._quantile
        return (
            self.value - scale * (self.value - self.low),
            self.value + scale * (self.high - self.value),
        )

    def below(self, bound: float) -> float:
        """The level at which the upper bound is ``bound``."""
        return _tail(
            _ratio((self.value - bound) * self._quantile, self.high - self.value), math.inf
        )

    def above(self, bound: float) -> float:
        """The level at which the lower bound is ``bound``."""
        return _tail(_ratio((bound - self.value) * self._quantile, self.value - self.low), math.inf)

    @property
    def _quantile(self) -> float:
        return _quantile(0.5 + self.confidence / 2, math.inf)


@dataclass(frozen=True, slots=True)
class Resampled:
    """Bootstrap replicates of a quantity, read by percentiles widened for small n.

    Plain percentiles of n units are narrower than a t interval by √((n−1)/n)·z/t; the quantiles
    are moved outward by as much (Hesterberg 2015, "What teachers should know about the
    bootstrap", Am. Stat. 69:371, §5.3).

    Attributes:
        value: Of the data themselves.
        replicates: Finite, sorted, shape (r,), r ≥ 2.
        units: Samples or clusters drawn, at least 2.
        method: As reports show it.
        lowest: Replicates for the lower bound where they are others, sorted: with one more unit,
            that has not been seen yet, at its worst, or with what chance adds taken off.
        greatest: The same for the upper bound.
    """

    value: float
    replicates: Array
    units: int
    method: str
    lowest: Array | None = None
    greatest: Array | None = None

    @property
    def stderr(self) -> float:
        """Standard deviation of the replicates."""
        return float(self.replicates.std(ddof=1))

    def interval(self, confidence: float) -> tuple[float, float]:
        """The widened percentiles."""
        from scipy.special import ndtr

        widened = _quantile(0.5 + confidence / 2, self.units - 1) * self._widening
        tail = float(ndtr(-widened))
        lows, highs = self.ends
        low, high = np.quantile(lows, tail), np.quantile(highs, 1 - tail)
        return float(low), float(high)

    def below(self, bound: float) -> float:
        """The level at which the upper bound meets ``bound``; at least 1/(r+1)."""
        return self._level(self.ends[1] >= bound)

    def above(self, bound: float) -> float:
        """The level at which the lower bound meets ``bound``; at least 1/(r+1)."""
        return self._level(self.ends[0] <= bound)

    @property
    def _widening(self) -> float:
        return math.sqrt(self.units / (self.units - 1))

    @property
    def ends(self) -> tuple[Array, Array]:
        """The replicates that the lower and the upper bound are read from."""
        low = self.replicates if self.lowest is None else self.lowest
        return low, self.replicates if self.greatest is None else self.greatest

    def _level(self, against: NDArray[np.bool_]) -> float:
        from scipy.special import ndtri

        share = (float(against.sum()) + 1) / (len(against) + 1)
        return _tail(float(ndtri(share)) / self._widening, self.units - 1)


def wilson(share: float, n: float, z: float) -> tuple[float, float]:
    """Wilson's score interval of a proportion (Wilson 1927)."""
    scale = 1 + z * z / n
    middle = (share + z * z / (2 * n)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low = 0.0 if share == 0 else max(0.0, middle - half)
    high = 1.0 if share == 1 else min(1.0, middle + half)
    return low, high


def _quantile(probability: float, freedom: float) -> float:
    from scipy import special

    if math.isinf(freedom):
        return float(special.ndtri(probability))
    return float(special.stdtrit(freedom, probability))


def _tail(statistic: float, freedom: float, upper: bool = False) -> float:
    """P(T ≤ statistic), or P(T ≥ statistic) for ``upper``."""
    from scipy import special

    statistic = -statistic if upper else statistic
    if math.isinf(statistic):
        return 0.0 if statistic < 0 else 1.0
    if math.isinf(freedom):
        return float(special.ndtr(statistic))
    return float(special.stdtr(freedom, statistic))


def _ratio(distance: float, spread: float) -> float:
    """distance/spread; a value on the bound is no evidence, one off it without spread is all."""
    if distance == 0:
        return 0.0
    return distance / spread if spread > 0 else math.copysign(math.inf, distance)
