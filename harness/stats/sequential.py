"""Tests that may be looked at after every sample: betting against the null hypothesis.

A gambler bets on each sample before seeing it, at odds that are fair if the hypothesis holds.
The capital is then a martingale, and by Ville's inequality it ever reaches 1/α with probability
at most α, however often one looks. Waudby-Smith & Ramdas (2024), "Estimating means of bounded
random variables by betting", J. R. Stat. Soc. B 86:1; without replacement: their section 5.

Everything here works elementwise on arrays, so a simulation runs the very code that gates run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Decision: TypeAlias = Literal["pass", "block"]
BET_LIMIT = 0.5
"""c: no bet risks more than this share of the capital."""
TOLERANCE = 1e-9
"""By how much a bound must be overstepped before it is no rounding error."""


class Bettor:
    """Tests H0: the mean is at most ``mean``, for values in [0, 1] seen one after another.

    Args:
        mean: m, in [0, 1]; or an array of them, for a test of each.
        alpha: Bound on the probability of ever rejecting a true H0.
        population: N where the values are drawn without replacement from N values whose mean is
            meant; None for independent draws.

    ``rejected`` is an array: one test, or as many as ``update`` is given values for.
    """

    __slots__ = (
        "_log_capital", "_mean", "_population", "_seen", "_spread", "_sum", "_threshold", "rejected"
    )  # fmt: skip

    def __init__(self, mean: ArrayLike, alpha: float, population: int | None = None) -> None:
        self._mean = np.asarray(mean, dtype=np.float64)
        self._threshold = -np.log(alpha)
        self._population = population
        self._seen = 0
        self._sum: NDArray[np.float64] = np.zeros(())
        self._spread: NDArray[np.float64] = np.full((), 0.25)
        self._log_capital: NDArray[np.float64] = np.zeros(())
        self.rejected: NDArray[np.bool_] = np.zeros((), dtype=bool)

    def update(self, value: ArrayLike) -> None:
        """Takes the next value, in [0, 1]; shape (), or (r,) for r tests side by side."""
        x = np.asarray(value, dtype=np.float64)
        m = self._remaining_mean()
        # A mean below 0 cannot be reached by what remains: the hypothesis is refuted. Strictly,
        # and by more than rounding: at the boundary the last samples would decide by chance.
        refuted = m < -TOLERANCE
        m = np.clip(m, 0.0, 1.0)
        gain = (0.5 + self._sum) / (self._seen + 1) - m
        kelly = gain / (self._spread / (self._seen + 1) + gain * gain)
        bet = np.clip(kelly, 0.0, BET_LIMIT / np.maximum(m, 1e-6))
        self._log_capital = self._log_capital + np.log1p(bet * (x - m))
        self._seen += 1
        self._sum = self._sum + x
        centre = (0.5 + self._sum) / (self._seen + 1)
        self._spread = self._spread + (x - centre) ** 2
        self.rejected = self.rejected | refuted | (self._log_capital >= self._threshold)
        if self._seen == self._population:
            excess = self._sum - self._population * self._mean
            self.rejected = self.rejected | (excess > TOLERANCE * self._population)

    def _remaining_mean(self) -> NDArray[np.float64]:
        """m_t: what the values not yet seen must average for the mean to be m."""
        if self._population is None:
            return self._mean
        remaining = self._population - self._seen
        if remaining < 1:
            raise ValueError(f"more values than the population of {self._population}")
        return np.asarray((self._population * self._mean - self._sum) / remaining)


class SequentialTest:
    """Is a mean of values in [low, high] shown to be above a bound, or below it?

    ``pass`` tests H0: mean ≤ bound and ``block`` tests H0: mean ≥ bound, each with error
    probability ≤ α over all looks together; the first to be rejected decides for good.

    Args:
        bound: The value that separates good from bad.
        alpha: Error bound of each of the two.
        population: Values there are in all, seen in random order; None: independent draws.
        low: Smallest possible value.
        high: Largest possible value.
        block_alpha: Error bound of ``block`` where it is another.
    """

    __slots__ = ("_block", "_low", "_pass", "_width", "blocked", "passed")

    def __init__(
        self,
        bound: float,
        alpha: float,
        population: int | None = None,
        low: float = 0.0,
        high: float = 1.0,
        block_alpha: float | None = None,
    ) -> None:
        self._low, self._width = low, high - low
        mean = (bound - low) / self._width
        self._pass = Bettor(mean, alpha, population)
        self._block = Bettor(1 - mean, block_alpha or alpha, population)
        self.passed: NDArray[np.bool_] = np.zeros((), dtype=bool)
        self.blocked: NDArray[np.bool_] = np.zeros((), dtype=bool)

    @classmethod
    def of_difference(
        cls, margin: float, alpha: float, population: int | None = None
    ) -> SequentialTest:
        """For paired differences in [−1, 1], better is positive, and an allowed drop."""
        return cls(-margin, alpha, population, low=-1.0, high=1.0)

    def update(self, value: ArrayLike, at_most: ArrayLike | None = None) -> Decision | None:
        """Takes the next value and returns the decision so far (of a single test).

        Args:
            value: The value; or, where it is known only to lie in an interval (a sample that
                could not be scored), its lower end.
            at_most: The interval's upper end. ``pass`` counts the lower end and ``block`` the
                upper, so that what is unknown speaks for neither.
        """
        least = (np.asarray(value, dtype=np.float64) - self._low) / self._width
        most = least if at_most is None else (np.asarray(at_most) - self._low) / self._width
        self._pass.update(least)
        self._block.update(1 - most)
        self.blocked = self.blocked | (self._block.rejected & ~self.passed)
        self.passed = self.passed | (self._pass.rejected & ~self.blocked)
        return self.decision

    @property
    def decision(self) -> Decision | None:
        """The verdict of a single test; None while undecided."""
        if np.ndim(self.blocked):
            return None
        return "block" if self.blocked else "pass" if self.passed else None


def shrunken(value: ArrayLike, mean: ArrayLike, weight: float) -> NDArray[np.float64]:
    """mean + weight·(value − mean): a cluster's mean, as a bet on a weighted mean sees it.

    With weight m_c/m_max of a cluster of m_c values the expectation is ``mean`` exactly where
    Σm_c·value_c/Σm_c is, and [0, 1] is not left. It is the bet on cluster totals,
    X = (T_c + m_c)/(2·m_max), with what a cluster's size alone adds to X taken out: on clusters
    in which nothing changed there is nothing to win or lose by their sizes.

    Args:
        value: A cluster's mean.
        mean: The hypothetical mean.
        weight: In (0, 1].
    """
    m = np.asarray(mean, dtype=np.float64)
    return np.asarray(m + weight * (np.asarray(value, dtype=np.float64) - m))


def confidence_sequence(
    least: Sequence[float],
    most: Sequence[float],
    alpha: float,
    population: int | None = None,
    low: float = 0.0,
    high: float = 1.0,
    weights: Sequence[float] | None = None,
) -> tuple[float, float]:
    """The interval of means that neither side's bets refute; valid at any time of looking.

    Coverage is at least 1 − 2α over all looks together; the bounds are rounded outward to a
    two-thousandth of the range.

    Args:
        least: The values seen, or the lower ends of what is known of them.
        most: The upper ends; the same values where all are known.
        alpha: Error bound of each side.
        population: As in ``SequentialTest``.
        low: Smallest possible value.
        high: Largest possible value.
        weights: Each value's weight in the mean, in (0, 1]; None: all alike. See ``shrunken``.
    """
    grid = np.linspace(0.0, 1.0, 2001)
    above, below = Bettor(grid, alpha, population), Bettor(1 - grid, alpha, population)
    for place, (smallest, largest) in enumerate(zip(least, most, strict=True)):
        weight = 1.0 if weights is None else weights[place]
        above.update(shrunken((smallest - low) / (high - low), grid, weight))
        below.update(1 - shrunken((largest - low) / (high - low), grid, weight))
    refuted_low = grid[np.broadcast_to(above.rejected, grid.shape)]
    refuted_high = grid[np.broadcast_to(below.rejected, grid.shape)]
    lower = float(refuted_low.max(initial=0.0))
    upper = float(refuted_high.min(initial=1.0))
    return low + lower * (high - low), low + upper * (high - low)
