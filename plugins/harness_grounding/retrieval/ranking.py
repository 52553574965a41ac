"""How well a ranking finds the right passages: recall@k, reciprocal rank, nDCG@k."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence


def recall(ranking: Sequence[int], gold: Collection[int]) -> float:
    """The share of the right passages that are among those found."""
    return len(set(ranking) & set(gold)) / len(gold)


def reciprocal_rank(ranking: Sequence[int], gold: Collection[int]) -> float:
    """1 over the rank of the first right passage; 0 where none was found."""
    return next((1 / rank for rank, each in enumerate(ranking, 1) if each in gold), 0.0)


def ndcg(ranking: Sequence[int], gold: Collection[int], count: int) -> float:
    """Normalised discounted cumulative gain of the first ``count`` (Järvelin & Kekäläinen 2002)."""
    gained = sum(
        1 / math.log2(rank + 1) for rank, each in enumerate(ranking[:count], 1) if each in gold
    )
    best = sum(1 / math.log2(rank + 1) for rank in range(1, min(count, len(gold)) + 1))
    return gained / best
