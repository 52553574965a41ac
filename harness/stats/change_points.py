"""Where the level of a series changed: binary segmentation with a permutation test.

The statistic of a series is the greatest standardized difference between the mean before and the
mean after a point (CUSUM; Sen & Srivastava 1975, "On tests for detecting change in mean", Ann.
Statist. 3:98). Its p-value is the share of orders of the same values that reach it (Antoch &
Hušková 2001, "Permutation tests in change point analysis", Statist. Probab. Lett. 53:37): exact
at any length and for any distribution, as long as the values are exchangeable while nothing
changes. A series that changed is split there, and each half is tested at half the level (binary
segmentation; Scott & Knott 1974, Biometrics 30:507; Vostrikova 1981), so that a series that never
changed shows a change with a probability of at most the level.

A slow drift, or values that depend on the ones before, are changes to this test, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from harness.stats.inference import Array

LEVEL = 0.05
PERMUTATIONS = 1999


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """A change of level.

    Attributes:
        place: The first value after it, counted from 0.
        before: The mean from the previous change to here.
        after: The mean from here to the next change.
        p_value: Of the permutation test at whose split it was found.
    """

    place: int
    before: float
    after: float
    p_value: float


def change_points(
    values: Array, level: float = LEVEL, permutations: int = PERMUTATIONS, seed: int = 0
) -> list[ChangePoint]:
    """The changes of level of a series, in their order.

    Args:
        values: In the order of time, finite; shape (n,).
        level: The greatest probability of any change point in a series without one, in (0, 1).
        permutations: Orders drawn for each test.
        seed: Of the orders.
    """
    values = np.asarray(values, dtype=np.float64)
    found = sorted(_split(values, 0, level, permutations, np.random.default_rng(seed)))
    ends = [0, *(place for place, _ in found), len(values)]
    return [
        ChangePoint(
            place,
            float(values[ends[number] : place].mean()),
            float(values[place : ends[number + 2]].mean()),
            p_value,
        )
        for number, (place, p_value) in enumerate(found)
    ]


def _split(
    values: Array, start: int, level: float, permutations: int, rng: np.random.Generator
) -> Iterator[tuple[int, float]]:
    """(place in the whole series, p-value) of the changes within a stretch of it."""
    # Of so few values no order is rare enough for the level.
    if len(values) < 4 or 1 / (permutations + 1) > level or np.ptp(values) == 0:
        return
    place, p_value = _test(values, permutations, rng)
    if p_value > level:
        return
    yield start + place, p_value
    yield from _split(values[:place], start, level / 2, permutations, rng)
    yield from _split(values[place:], start + place, level / 2, permutations, rng)


def _test(values: Array, permutations: int, rng: np.random.Generator) -> tuple[int, float]:
    """The likeliest place of one change, and the p-value of there being none."""
    observed = _statistics(values[None, :])[0]
    place = int(np.argmax(observed)) + 1
    orders = rng.permuted(np.broadcast_to(values, (permutations, len(values))), axis=1)
    greatest = _statistics(orders).max(axis=1)
    # Sums in another order differ by rounding; those are ties.
    reached = greatest >= observed.max() * (1 - 1e-9)
    return place, float((1 + reached.sum()) / (permutations + 1))


def _statistics(series: Array) -> Array:
    """|mean after − mean before|·√(k(n−k)/n) for k = 1 … n−1, of series of shape (r, n)."""
    n = series.shape[1]
    k = np.arange(1, n)
    centred = series - series.mean(axis=1, keepdims=True)
    sums = np.cumsum(centred, axis=1)[:, :-1]
    return np.asarray(np.abs(sums) * np.sqrt(n / (k * (n - k))))
