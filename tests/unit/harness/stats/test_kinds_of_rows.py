"""Rows of few kinds: sums of the same law as of draws row by row."""

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


def test_kinds_are_drawn_as_rows_are(classes) -> None:
    """Each kind's count is that of n rows drawn with replacement: mean, spread and covariance."""
    kinds = Kinds.of(classes[0])
    shares = np.bincount(kinds.codes) / N
    sums = kinds.resampled_sums(20_000, 3)
    expected = N * (np.diag(shares) - np.outer(shares, shares))
    assert np.allclose(sums.mean(0), classes[0].sum(0), rtol=2e-3)
    spread = kinds.rows.T @ expected @ kinds.rows
    scale = np.sqrt(np.outer(np.diag(spread), np.diag(spread)))
    assert np.all(np.abs(np.cov(sums.T) - spread) < 0.03 * scale)


def test_a_coin_for_each_row_is_thrown(classes) -> None:
    kinds = Kinds.of(classes[0])
    counts = np.bincount(kinds.codes)
    halved = kinds.halved(20_000, 3)
    assert np.allclose(halved.mean(0), counts / 2, rtol=5e-3)
    assert np.allclose(np.cov(halved.T), np.diag(counts / 4), atol=0.03 * counts.max() / 4)


def test_few_rows_have_each_their_chance() -> None:
    """Of two rows 0 and one row 1, how often the last is drawn is binomial(3, 1/3)."""
    kinds = Kinds.of(np.array([[0.0], [1.0], [0.0]]))
    sums = kinds.resampled_sums(54_000, 0)[:, 0]
    found = np.bincount(sums.astype(int), minlength=4) / 2000
    assert np.allclose(found, [8, 12, 6, 1], atol=0.25)  # in 27ths


def test_one_seed_gives_one_result(classes) -> None:
    first, again, other = (resampling.resampled_sums(classes[0], 20, seed) for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_paired_tests_agree_with_those_by_row(classes, monkeypatch) -> None:
    def compute(sums):
        return sums[:, 0] / (1 + sums[:, 3])

    def found():
        before, after = classes
        after = np.where(np.arange(N)[:, None] % 9 == 0, before, after)
        inference, p_value = compare.paired_bootstrap(before, after, compute, resamples=4000)
        low, high = inference.interval(0.9)
        randomized = compare.approximate_randomization(before, after, compute, trials=4000)
        return inference.value, low, high, p_value, randomized

    fast, slow = both_ways(monkeypatch, found)
    width = slow[2] - slow[1]
    assert fast[0] == slow[0]
    assert np.allclose(fast[1:3], slow[1:3], atol=0.06 * width)
    assert np.allclose(fast[3:], slow[3:], atol=0.03)
    assert fast[1:] != slow[1:], "drawn otherwise"


def test_parts_share_their_kinds(classes, monkeypatch) -> None:
    monkeypatch.setattr(kinds_of_rows, "_PART", 100)
    kinds = Kinds.of(classes[0])
    assert kinds is not None
    assert len(kinds.rows) <= 6
    assert np.array_equal(kinds.rows[kinds.codes], classes[0])
    many = np.arange(300.0)[:, None]  # no part has too many, all together do
    assert Kinds.of(many) is None
    assert Kinds.of(many[:256]) is not None
