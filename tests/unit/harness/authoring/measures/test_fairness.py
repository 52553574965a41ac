"""Worked examples of gaps and ratios between groups."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.authoring.measures import fairness
from harness.authoring.metrics import Corpus, Mean
from harness.stats import estimates
from harness.types import Score


def group(ones: int, n: int) -> list[Score]:
    return [Score(str(i), "m", float(i < ones)) for i in range(n)]


def test_two_groups_by_hand() -> None:
    found = fairness.compare(Mean("m"), {"a": group(56, 70), "b": group(48, 80)})
    # Newcombe 1998, method 10, example 56/70 against 48/80: 0.2000, interval 0.0524 to 0.3339.
    gap = found["gap"]
    assert gap.value == pytest.approx(0.2, abs=0.003)  # chance adds next to nothing
    assert gap.method.endswith("debiased, 0.2 with what chance adds")
    assert (gap.low, gap.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert gap.n == 150
    assert gap.method.startswith("a against b")
    assert found["ratio"].value == pytest.approx(0.75, abs=0.003)
    assert found["ratio"].low < 0.75 < found["ratio"].high < 1
    assert found["ratio"].method.startswith("b against a")


def test_a_gap_is_the_largest_of_all_pairs_with_a_wider_interval() -> None:
    two = {"a": group(56, 70), "b": group(48, 80)}
    found = fairness.compare(Mean("m"), {**two, "c": group(53, 75)})
    alone = fairness.compare(Mean("m"), two)
    assert found["gap"].value < alone["gap"].value
    assert found["gap"].high == pytest.approx(alone["gap"].high)
    assert found["gap"].low < alone["gap"].low


def test_a_small_group_is_left_out_and_not_made_a_gap() -> None:
    groups = {"a": group(20, 40), "b": group(18, 40), "tiny": group(0, 9)}
    found = fairness.compare(Mean("m"), groups)
    assert found["gap"].n == 80
    assert 0 <= found["gap"].value < 0.05
    assert fairness.compare(Mean("m"), {"a": group(20, 40), "tiny": group(0, 9)}) == {}


def test_a_group_with_nothing_right_bounds_the_ratio() -> None:
    found = fairness.compare(Mean("m"), {"a": group(40, 50), "b": group(0, 50)})
    assert found["ratio"].value == 0
    assert found["ratio"].low == 0
    assert 0 < found["ratio"].high < 0.2
    assert found["ratio"].method.startswith("b against a")
    nothing = fairness.compare(Mean("m"), {"a": group(0, 50), "b": group(0, 50)})
    assert math.isnan(nothing["ratio"].value)
    assert nothing["gap"].value == 0
    assert nothing["gap"].high > 0


def test_no_ratio_below_zero() -> None:
    rows = [Score(str(i), "m", float(i % 3 - 1)) for i in range(30)]
    low = [Score(str(i), "m", -float(i % 2)) for i in range(30)]
    assert set(fairness.compare(Mean("m"), {"a": rows, "b": low})) == {"gap"}


def test_corpus_metrics_are_bootstrapped() -> None:
    metric = Corpus("m", lambda sums: sums[:, 0] / sums[:, 1])
    rows = {
        name: [Score(str(i), "m", (float(i % step == 0), 1.0)) for i in range(60)]
        for name, step in (("a", 2), ("b", 3))
    }
    found = fairness.compare(metric, rows)
    assert 0.1 < found["gap"].value < 1 / 2 - 1 / 3
    assert found["gap"].low == 0
    assert found["gap"].high > 1 / 6


def test_gap_intervals_cover() -> None:
    """Three groups of 60 with shares 0.6, 0.7, 0.75: the true gap is 0.15."""
    rng = np.random.default_rng(1)
    covered = 0
    trials = 150
    for _ in range(trials):
        groups = {
            name: [Score(str(i), "m", float(hit)) for i, hit in enumerate(rng.random(60) < share)]
            for name, share in (("a", 0.6), ("b", 0.7), ("c", 0.75))
        }
        gap = fairness.compare(Mean("m"), groups)["gap"]
        covered += gap.low <= 0.15 <= gap.high
    assert estimates.wilson(covered / trials, trials, 1.96)[1] > 0.95


def test_equal_groups_are_still_two() -> None:
    found = fairness.compare(Mean("m"), {"a": group(5, 20), "b": group(5, 20)})
    assert found["gap"].value == 0
    assert found["gap"].method.startswith("b against a")
    assert found["ratio"].value == 1


def test_opposed_groups_widen_each_others_interval() -> None:
    rng = np.random.default_rng(0)
    right = (rng.random(60) < 0.5).astype(float)

    def rows(values: NDArray[np.float64], shared: bool) -> list[Score]:
        names = [str(place) if shared else None for place in range(60)]
        return [
            Score(str(place), "m", float(value), cluster=name)
            for place, (value, name) in enumerate(zip(values, names, strict=True))
        ]

    def width(shared: bool) -> float:
        found = fairness.compare(
            Mean("m"), {"he": rows(right, shared), "she": rows(1 - right, shared)}
        )["gap"]
        return found.high - abs(2 * float(right.mean()) - 1)

    assert width(True) > 1.3 * width(False)  # √2: the difference varies by 2 where one does by 1


def test_the_gap_says_what_chance_makes() -> None:
    rng = np.random.default_rng(1)
    groups = {
        str(group): [Score(f"{group}{i}", "m", float(v)) for i, v in enumerate(values)]
        for group, values in enumerate((rng.random((10, 50)) < 0.5).astype(float))
    }
    gap = fairness.compare(Mean("m"), groups)["gap"]
    assert gap.low == 0
    chance = float(gap.method.partition("chance alone makes ")[2].partition(";")[0])
    assert chance == pytest.approx(3.08 * 0.5 / 50**0.5, abs=0.02)  # the range of ten normal draws
