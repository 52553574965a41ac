"""What alignment changed, beside the tasks' own metrics; arrays in, estimates out.

Every estimate clusters by prompt: answers to one prompt are not independent.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.stats import compare, estimates, resampling
from harness.stats.inference import estimate
from harness.types import Estimate

Array = NDArray[np.float64]
Clusters = Sequence[str | None]


def wins(before: Sequence[float | None], after: Sequence[float | None]) -> list[float | None]:
    """1 where the second is higher, 0 where lower, ½ for a tie, None where one is unknown."""
    return [
        None if old is None or new is None else 0.5 if old == new else float(new > old)
        for old, new in zip(before, after, strict=True)
    ]


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


def gap(
    trained: Mapping[str, tuple[float, float]], held_out: Mapping[str, tuple[float, float]]
) -> Estimate:
    """How much more the trained reward gained than the held-out one: hacking shows here.

    Args:
        trained: Prompt → (reward of the base's answer, of the candidate's).
        held_out: The same by the reward that was not trained on.

    Returns:
        Difference of the gains, each in standard deviations of the base's rewards; its interval
        is over prompts, with the two deviations taken as known.
    """
    prompts = [prompt for prompt in trained if prompt in held_out]
    gains = []
    for side in (trained, held_out):
        before, after = np.array([side[prompt] for prompt in prompts]).reshape(-1, 2).T
        spread = float(before.std()) if prompts else 1.0
        gains.append((after - before) / (spread or 1.0))
    return change(gains[1], gains[0], prompts)


def change(
    before: Sequence[float] | Array, after: Sequence[float] | Array, prompts: Clusters
) -> Estimate:
    """Mean change on the same prompts."""
    return estimate(compare.infer_paired(before, after, prompts), len(before))


def length_controlled_win_rate(
    values: Sequence[float | None], length_change: Sequence[float], clusters: Clusters
) -> Estimate:
    """The win rate at equal length: what is left when longer answers win nothing by length.

    Logistic regression of the win on tanh(Δlength / its spread), read at Δlength = 0 (Dubois
    et al. 2024, "Length-Controlled AlpacaEval", section 3, without their instruction terms).
    The interval holds the win rates at equal length that a score test does not reject, the effect
    of length fitted anew for each: it stays within [0, 1], and holds up where nearly all are won.
    """
    rows = [
        (value, change, cluster)
        for value, change, cluster in zip(values, length_change, clusters, strict=True)
        if value is not None
    ]
    won = np.array([row[0] for row in rows], dtype=np.float64)
    change = np.array([row[1] for row in rows], dtype=np.float64)
    codes = estimates.cluster_codes([row[2] for row in rows])
    count = int(codes.max()) + 1 if len(codes) else 0
    if count < FEWEST_PROMPTS:
        method = f"logistic at equal length; no interval below {FEWEST_PROMPTS} prompts"
        return Estimate(math.nan, math.nan, math.nan, math.nan, len(rows), method)
    spread = float(change.std()) or 1.0
    data = _Wins(won, np.tanh(change / spread), codes, count)
    value = data.at_equal_length()
    from scipy.special import stdtrit

    quantile = float(stdtrit(count - 1, 0.975))
    low = _end(lambda logit: data.score(logit) <= quantile, -LARGEST_LOGIT, LARGEST_LOGIT)
    high = _end(lambda logit: data.score(logit) <= -quantile, -LARGEST_LOGIT, LARGEST_LOGIT)
    ends = (_share(low), _share(high))
    stderr = (ends[1] - ends[0]) / (2 * quantile)
    method = f"logistic at equal length, score test over {count} prompts"
    return Estimate(value, stderr, min(ends[0], value), max(ends[1], value), len(rows), method)


FEWEST_PROMPTS = 10
LARGEST_LOGIT = 12.0
_RIDGE = 1e-2


def _share(logit: float) -> float:
    return float(1 / (1 + np.exp(-logit)))


def _end(reached: Callable[[float], bool], left: float, right: float) -> float:
    """Where ``reached`` turns from false to true."""
    for _ in range(40):
        middle = (left + right) / 2
        left, right = (left, middle) if reached(middle) else (middle, right)
    return (left + right) / 2


@dataclass(frozen=True, slots=True)
class _Wins:
    """Wins in [0, 1], scaled changes of length, and the prompts' codes, each of shape (n,)."""

    won: Array
    change: Array
    codes: NDArray[np.intp]
    prompts: int

    def at_equal_length(self) -> float:
        """σ(intercept); a small ridge on the slope keeps separable data finite."""
        # The score of the intercept at its fit is 0, and falls on the way.
        return _share(_end(lambda logit: self.score(logit) <= 0, -LARGEST_LOGIT, LARGEST_LOGIT))

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


def per_token(totals: Sequence[float], tokens: Sequence[int], clusters: Clusters) -> Estimate:
    """Σ totals / Σ tokens with a bootstrap over prompts.

    With totals log π − log π_ref of texts sampled from π, this estimates KL(π ‖ π_ref) a token.
    """
    statistics = np.column_stack([totals, tokens]).astype(np.float64)
    return resampling.bootstrap(
        statistics, lambda sums: sums[:, 0] / np.maximum(sums[:, 1], 1), clusters
    )


def ratio(above: Sequence[float], below: Sequence[float], clusters: Clusters) -> Estimate:
    """Σ above / Σ below with a bootstrap over prompts: the change in length, for instance."""
    statistics = np.column_stack([above, below]).astype(np.float64)
    return resampling.bootstrap(
        statistics, lambda sums: sums[:, 0] / np.maximum(sums[:, 1], 1e-12), clusters
    )


def distinct(texts: Sequence[str], n: int) -> float:
    """Share of n-grams of words that are different ones (Li et al. 2016, distinct-n)."""
    grams: Counter[tuple[str, ...]] = Counter()
    for text in texts:
        words = text.split()
        grams.update(zip(*(words[start:] for start in range(n)), strict=False))
    return len(grams) / grams.total() if grams else math.nan


def length_matched(chosen: Sequence[int], rejected: Sequence[int]) -> list[bool]:
    """Which pairs have answers within 10 % of each other's length.

    A reward model that only prefers longer answers is at chance on these.
    """
    return [abs(a - b) <= 0.1 * max(a, b) for a, b in zip(chosen, rejected, strict=True)]
