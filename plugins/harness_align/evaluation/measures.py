"""What alignment changed, beside the tasks' own metrics; arrays in, estimates out.

Every estimate clusters by prompt: answers to one prompt are not independent.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.stats import compare, resampling
from harness.stats.inference import estimate
from harness.stats.win_rates import length_controlled_win_rate, win_rate
from harness.types import Estimate

__all__ = [
    "change",
    "distinct",
    "gap",
    "length_controlled_win_rate",
    "length_matched",
    "per_token",
    "ratio",
    "win_rate",
    "wins",
]

Array = NDArray[np.float64]
Clusters = Sequence[str | None]


def wins(before: Sequence[float | None], after: Sequence[float | None]) -> list[float | None]:
    """1 where the second is higher, 0 where lower, ½ for a tie, None where one is unknown."""
    return [
        None if old is None or new is None else 0.5 if old == new else float(new > old)
        for old, new in zip(before, after, strict=True)
    ]


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
