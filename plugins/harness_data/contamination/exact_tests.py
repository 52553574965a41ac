"""Tests whose false-alarm rate is exact: the order of items, and two groups of items."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
DRAWS = 20_000


def order_p_value(logprobs: Array, draws: int = DRAWS, seed: int = 0) -> tuple[float, float]:
    """Is the published order likelier than others? Shards of items, each in several orders.

    Where a model never saw the order of items that are exchangeable, each of a shard's orders is
    equally likely to be the likeliest, so which column is the published one is as if drawn at
    random, shard by shard (the hypothesis of Oren et al. 2023, arXiv:2310.17623; their t test over
    shards replaced by this randomization test, which is exact for any number of shards).

    Args:
        logprobs: Shape (shards, orders), the published order first.
        draws: Monte-Carlo draws of the columns.
        seed: Of the draws.

    Returns:
        (mean of the published order's standard score over the shards, p-value).
    """
    spread = logprobs.std(axis=1, keepdims=True)
    centred = logprobs - logprobs.mean(axis=1, keepdims=True)
    scores = centred / np.where(spread > 0, spread, 1.0)
    observed = float(scores[:, 0].sum())
    rng = np.random.default_rng(seed)
    shards, orders = scores.shape
    columns = rng.integers(0, orders, size=(draws, shards))
    drawn = scores[np.arange(shards), columns].sum(axis=1)
    # Sums of the same numbers in another order differ in their last digits.
    reached = int((drawn >= observed - 1e-9).sum())
    return observed / shards, (reached + 1) / (draws + 1)


def groups_p_value(first: Array, second: Array, draws: int = DRAWS, seed: int = 0) -> float:
    """p-value of H0: both groups are drawn alike, against a higher mean of the first.

    A randomization test: which values are in the first group is drawn again and again.

    Args:
        first: Shape (n,).
        second: Shape (m,).
        draws: Monte-Carlo draws.
        seed: Of the draws.
    """
    rng = np.random.default_rng(seed)
    every = np.concatenate([first, second])
    observed = float(first.sum())
    reached = 0
    for _ in range(draws):
        rng.shuffle(every)
        reached += float(every[: len(first)].sum()) >= observed - 1e-9
    return (reached + 1) / (draws + 1)
