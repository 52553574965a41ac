"""Rows of few kinds give the sums that drawing row by row gives, to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.stats import compare, kinds_of_rows, resampling
from harness.stats.kinds_of_rows import Kinds

N = resampling.MANY + 300


@pytest.fixture
def classes() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    table = np.eye(6)[:, [0, 3, 5, 1, 1]] * [1, 2, 1, 1, 5]
    return table[rng.integers(0, 6, N)], table[rng.integers(0, 6, N)]


@pytest.fixture(autouse=True)
def fresh() -> None:
    kinds_of_rows._recent.clear()


def both_ways(monkeypatch: pytest.MonkeyPatch, compute) -> tuple[Any, Any]:
    fast = compute()
    monkeypatch.setattr(Kinds, "of", classmethod(lambda cls, statistics: None))
    return fast, compute()


def test_rows_come_back_from_their_kinds(classes) -> None:
    kinds = Kinds.of(classes[0])
    assert kinds is not None
    assert len(kinds.rows) <= 6
    assert np.array_equal(kinds.rows[kinds.codes], classes[0])


@pytest.mark.parametrize("change", [0.5, 1e17])
def test_other_numbers_and_many_kinds_have_none(classes, change: float) -> None:
    other = classes[0].copy()
    other[7, 0] += change
    assert Kinds.of(other) is None
    assert Kinds.of(np.arange(600.0).reshape(-1, 2)) is None


def test_resamples_are_the_same(classes, monkeypatch) -> None:
    fast, slow = both_ways(monkeypatch, lambda: resampling.resampled_sums(classes[0], 50, 3))
    assert np.array_equal(fast, slow)


def test_a_set_drawn_before_is_not_drawn_again(classes, monkeypatch) -> None:
    first = resampling.resampled_sums(classes[0], 20, 3)
    other = resampling.resampled_sums(classes[0], 20, 4)
    assert not np.array_equal(first, other)
    monkeypatch.setattr(resampling, "_places", None)  # drawing would fail
    assert np.array_equal(resampling.resampled_sums(classes[0].copy(), 20, 3), first)


def test_paired_tests_are_the_same(classes, monkeypatch) -> None:
    def compute(sums):
        return sums[:, 0] / (1 + sums[:, 3])

    def found():
        before, after = classes
        inference, p_value = compare.paired_bootstrap(before, after, compute, resamples=40)
        randomized = compare.approximate_randomization(before, after, compute, trials=60)
        return inference.value, inference.interval(0.9), p_value, randomized

    fast, slow = both_ways(monkeypatch, found)
    assert fast == slow
