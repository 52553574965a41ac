"""What several answers to one question say together: chances to pass, majorities, means."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean

from harness.types import ScoreValue, Unscored


def pass_at(n: int, right: int, k: int) -> float:
    """The chance that of ``k`` of ``n`` answers at least one is right, ``right`` of them being.

    The unbiased estimator of Chen et al. 2021: 1 − C(n − c, k) / C(n, k).

    Raises:
        ValueError: ``k`` is not between 1 and ``n``.
    """
    if not 1 <= k <= n:
        raise ValueError(f"k = {k} of n = {n} answers")
    return 1.0 - math.comb(n - right, k) / math.comb(n, k)


def pass_all(n: int, right: int, k: int) -> float:
    """The chance that ``k`` of ``n`` answers are all right: C(c, k) / C(n, k), unbiased.

    Raises:
        ValueError: ``k`` is not between 1 and ``n``.
    """
    if not 1 <= k <= n:
        raise ValueError(f"k = {k} of n = {n} answers")
    return math.comb(right, k) / math.comb(n, k)


def majority(answers: Sequence[tuple[float, str]]) -> float:
    """The value of the commonest answer; the mean of the values of several as common."""
    groups: dict[str, list[float]] = defaultdict(list)
    for value, answer in answers:
        groups[answer].append(value)
    most = max(map(len, groups.values()))
    return fmean(fmean(values) for values in groups.values() if len(values) == most)


def mean_of(values: Sequence[ScoreValue]) -> ScoreValue:
    """The mean of those that are numbers; else the first that is scored, else the first."""
    scored = [each for each in values if not isinstance(each, Unscored)]
    if scored and all(not isinstance(each, tuple) for each in scored):
        return fmean(each for each in scored if not isinstance(each, tuple))
    return scored[0] if scored else values[0]
