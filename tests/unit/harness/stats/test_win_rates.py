"""Win rates at equal length, against a logistic regression of a library and by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.stats.win_rates import (
    length_controlled_win_rate,
    win_rate,
    win_rate_at_equal_length,
)

statsmodels = pytest.importorskip("statsmodels.api")
Array = np.ndarray


def drawn(
    seed: int, n: int, better: float, by_length: float, shift: float = 0.4
) -> tuple[Array, Array]:
    """Wins, ties among them, of a judge that likes longer answers; and changes of length."""
    rng = np.random.default_rng(seed)
    change = rng.normal(shift, 0.7, n)
    chance = 1 / (1 + np.exp(-better - by_length * np.tanh(change / change.std())))
    won = (rng.random(n) < chance).astype(float)
    won[rng.random(n) < 0.1] = 0.5
    return won, change


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("better", "by_length"), [(0.0, 0.0), (0.5, 1.5), (-1.0, 2.0)])
def test_the_value_is_the_librarys(seed: int, better: float, by_length: float) -> None:
    won, change = drawn(seed, 200, better, by_length)
    scaled = np.tanh(change / change.std())
    design = np.column_stack([np.ones(len(won)), scaled])
    family = statsmodels.families.Binomial()
    fitted = statsmodels.GLM(won, design, family=family).fit()
    expected = 1 / (1 + math.exp(-fitted.params[0]))
    found = length_controlled_win_rate(won.tolist(), change.tolist(), [None] * len(won))
    assert found.value == pytest.approx(expected, abs=2e-3)  # a small ridge keeps it finite
    # With independent prompts the interval is near the library's with robust errors.
    robust = statsmodels.GLM(won, design, family=family).fit(cov_type="HC1").conf_int()[0]
    theirs = [1 / (1 + math.exp(-end)) for end in robust]
    assert (found.low, found.high) == pytest.approx(theirs, abs=0.03)


def test_length_alone_wins_nothing_and_the_plain_rate_is_misled() -> None:
    """A judge that only counts words: half at equal length, far more as it is."""
    plain, controlled = [], []
    for seed in range(60):
        won, change = drawn(seed, 300, 0.0, 2.5)
        plain.append(win_rate(won.tolist(), [None] * 300).value)
        controlled.append(
            length_controlled_win_rate(won.tolist(), change.tolist(), [None] * 300).value
        )
    assert np.mean(plain) > 0.62
    assert np.mean(controlled) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_where_length_decides_all_there_is_no_value(sign: float) -> None:
    """The regression has no finite fit: its value would be the ridge's, and look like knowledge."""
    change = np.linspace(-1, 1, 40) * sign
    won = (np.linspace(-1, 1, 40) > 0.3).astype(float)
    names = [None] * 40
    found = length_controlled_win_rate(won.tolist(), change.tolist(), names)
    assert math.isnan(found.value) and math.isnan(found.low) and found.n == 40
    assert "length alone decides" in found.method
    assert math.isnan(win_rate_at_equal_length(won.tolist(), change.tolist(), names))
    won[0] = 1.0  # one that length does not decide
    found = length_controlled_win_rate(won.tolist(), change.tolist(), names)
    assert 0 <= found.low < found.value < found.high <= 1


def test_equal_answers_tell_what_is_won_at_equal_length() -> None:
    change = np.linspace(-1, 1, 41)
    won = np.where(change > 0, 1.0, np.where(change < 0, 0.0, 0.5))
    found = length_controlled_win_rate(won.tolist(), change.tolist(), [None] * 41)
    assert found.value == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize("all_won", [0.0, 0.5, 1.0])
def test_one_outcome_for_all_has_a_value(all_won: float) -> None:
    change = np.linspace(-1, 1, 40).tolist()
    found = length_controlled_win_rate([all_won] * 40, change, [None] * 40)
    assert found.value == pytest.approx(all_won, abs=1e-4)
    assert win_rate_at_equal_length([all_won] * 40, [0.0] * 40, [None] * 40) == pytest.approx(
        all_won, abs=1e-4
    )


@pytest.mark.slow
@pytest.mark.parametrize(("better", "by_length"), [(0.0, 1.5), (1.0, 1.5), (2.5, 0.0)])
def test_intervals_hold_the_truth(better: float, by_length: float) -> None:
    truth = 0.9 / (1 + math.exp(-better)) + 0.05  # a tenth are ties, whatever the length
    count, held = 400, 0
    for seed in range(count):
        won, change = drawn(seed, 200, better, by_length)
        found = length_controlled_win_rate(won.tolist(), change.tolist(), [None] * 200)
        held += found.low <= truth <= found.high
    assert held / count == pytest.approx(0.95, abs=3 * math.sqrt(0.05 * 0.95 / count))


def test_prompts_that_are_judged_often_are_one_draw_each() -> None:
    won, change = drawn(3, 60, 0.5, 1.0)
    once = length_controlled_win_rate(won.tolist(), change.tolist(), [str(n) for n in range(60)])
    names = [str(n) for n in range(60)] * 20
    many = length_controlled_win_rate([*won] * 20, [*change] * 20, names)
    assert many.value == pytest.approx(once.value, abs=2e-3)
    assert many.high - many.low == pytest.approx(once.high - once.low, rel=0.1)
