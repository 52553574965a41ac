"""How often one of two answers wins, as it is and at equal length."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.stats import estimates
from harness.stats.inference import Array
from harness.types import Estimate

Clusters = Sequence[str | None]
FEWEST_PROMPTS = 10
LARGEST_LOGIT = 12.0
_RIDGE = 1e-2


def win_rate(values: Sequence[float | None], clusters: Clusters) -> Estimate:
    """Share of wins over the base, ties ½, with its interval."""
    kept = [
        (value, cluster)
        for value, cluster in zip(values, clusters, strict=True)
        if value is not None
    ]
    return estimates.mean(
        [value for value, _ in kept], [cluster for _, cluster in kept], bounds=estimates.UNIT
    )


def length_controlled_win_rate(
    values: Sequence[float | None], length_change: Sequence[float], clusters: Clusters
) -> Estimate:
    """The win rate at equal length: what is left when longer answers win nothing by length.

    Logistic regression of the win on tanh(Δlength / its spread), read at Δlength = 0 (Dubois
    et al. 2024, "Length-Controlled AlpacaEval", section 3, without their instruction terms).
    The interval holds the win rates at equal length that a score test does not reject, the effect
    of length fitted anew for each: it stays within [0, 1], and holds up where nearly all are won.
    There is no value below 10 prompts, nor where one change of length parts what is won from what
    is lost: what would be won at equal length is then not told by anything.
    """
    data, count = _wins(values, length_change, clusters)
    if data is None:
        method = f"logistic at equal length; no interval below {FEWEST_PROMPTS} prompts"
        return Estimate(math.nan, math.nan, math.nan, math.nan, count, method)
    if data.length_decides:
        method = "logistic at equal length; no value: length alone decides every comparison"
        return Estimate(math.nan, math.nan, math.nan, math.nan, count, method)
    value = data.at_equal_length()
    from scipy.special import stdtrit

    quantile = float(stdtrit(data.prompts - 1, 0.975))
    low = _end(lambda logit: data.score(logit) <= quantile, -LARGEST_LOGIT, LARGEST_LOGIT)
    high = _end(lambda logit: data.score(logit) <= -quantile, -LARGEST_LOGIT, LARGEST_LOGIT)
    ends = (_share(low), _share(high))
    stderr = (ends[1] - ends[0]) / (2 * quantile)
    method = f"logistic at equal length, score test over {data.prompts} prompts"
    return Estimate(value, stderr, min(ends[0], value), max(ends[1], value), count, method)


def win_rate_at_equal_length(
    values: Sequence[float | None], length_change: Sequence[float], clusters: Clusters
) -> float:
    """The value of ``length_controlled_win_rate`` without its interval."""
    data, _ = _wins(values, length_change, clusters)
    return math.nan if data is None or data.length_decides else data.at_equal_length()


def _wins(
    values: Sequence[float | None], length_change: Sequence[float], clusters: Clusters
) -> tuple[_Wins | None, int]:
    """What the regression is fitted to, None of too few prompts; and how many wins are known."""
    rows = [
        (value, change, cluster)
        for value, change, cluster in zip(values, length_change, clusters, strict=True)
        if value is not None
    ]
    won = np.array([row[0] for row in rows], dtype=np.float64)
    change = np.array([row[1] for row in rows], dtype=np.float64)
    codes = estimates.cluster_codes([row[2] for row in rows])
    prompts = int(codes.max()) + 1 if len(codes) else 0
    if prompts < FEWEST_PROMPTS:
        return None, len(rows)
    spread = float(change.std()) or 1.0
    return _Wins(won, np.tanh(change / spread), codes, prompts), len(rows)


def _share(logit: float) -> float:
    return float(1 / (1 + np.exp(-logit)))


def _end(reached: Callable[[float], bool], left: float, right: float) -> float:
    """Where ``reached`` turns from false to true."""
    for _ in range(40):
        middle = (left + right) / 2
        left, right = (left, middle) if reached(middle) else (middle, right)
    return (left + right) / 2


def _apart(lower: Array, upper: Array) -> bool:
    """Whether all of ``upper`` lies above ``lower``; they may meet, but not at equal length, where
    what meets is what is asked for.
    """
    end, start = float(lower.max()), float(upper.min())
    return end < start or end == start != 0


@dataclass(frozen=True, slots=True)
class _Wins:
    """Wins in [0, 1], scaled changes of length, and the prompts' codes, each of shape (n,)."""

    won: Array
    change: Array
    codes: NDArray[np.intp]
    prompts: int

    @property
    def length_decides(self) -> bool:
        """Whether all that is won lies on one side, by length, of all that is lost."""
        won, lost = self.change[self.won > 0], self.change[self.won < 1]
        if not len(won) or not len(lost):
            return False
        return len(np.unique(self.change)) > 1 and (_apart(lost, won) or _apart(won, lost))

    def at_equal_length(self) -> float:
        """σ(intercept); a small ridge on the slope keeps separable data finite."""
        from scipy.optimize import brentq  # slow to import

        # The score of the intercept at its fit is 0, and falls on the way.
        if self.score(-LARGEST_LOGIT) <= 0:
            return _share(-LARGEST_LOGIT)
        if self.score(LARGEST_LOGIT) >= 0:
            return _share(LARGEST_LOGIT)
        return _share(brentq(self.score, -LARGEST_LOGIT, LARGEST_LOGIT, xtol=1e-12))

    def score(self, logit: float) -> float:
        """Score statistic of H0: the intercept is ``logit``; its error over prompts, and never
        less than what independent wins of the fitted chances would have.
        """
        slope = 0.0
        for _ in range(50):
            share = 1 / (1 + np.exp(-logit - slope * self.change))
            weight = share * (1 - share)
            gradient = float(self.change @ (self.won - share)) - _RIDGE * slope
            step = gradient / (float(weight @ self.change**2) + _RIDGE)
            slope += min(max(step, -2.0), 2.0)
            if abs(step) < 1e-8:
                break
        share = 1 / (1 + np.exp(-logit - slope * self.change))
        weight = share * (1 - share)
        # The part of the intercept's score that the slope does not explain.
        projection = float(weight @ self.change) / (float(weight @ self.change**2) + _RIDGE)
        direction = 1 - projection * self.change
        parts = direction * (self.won - share)
        sums = np.bincount(self.codes, weights=parts, minlength=self.prompts)
        model = float(weight @ direction**2)
        seen = self.prompts / (self.prompts - 1) * float(sums @ sums)
        return float(parts.sum()) / math.sqrt(max(model, seen, 1e-12))
