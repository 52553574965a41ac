"""Corrected estimates: hand-worked values, coverage, and what must never be a silent number."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats.estimates import infer_mean
from harness.stats.inference import Unknown
from harness.stats.prediction_powered import (
    FEWEST_LABELS,
    CorrectedCombination,
    infer_corrected_combination,
    infer_corrected_share,
    infer_powered,
)


def calibration(
    right_ones: int, ones: int, right_zeros: int, zeros: int
) -> list[tuple[float, float]]:
    return [
        *[(1.0, 1.0)] * right_ones,
        *[(0.0, 1.0)] * (ones - right_ones),
        *[(0.0, 0.0)] * right_zeros,
        *[(1.0, 0.0)] * (zeros - right_zeros),
    ]


def test_corrected_share_by_hand():
    # p = .6, se = .9, sp = .8: θ = (.6 + .8 − 1)/(.9 + .8 − 1) = 4/7
    found = infer_corrected_share([1.0] * 60 + [0.0] * 40, calibration(45, 50, 40, 50))
    assert found.value == pytest.approx(4 / 7)
    low, high = found.interval(0.95)
    assert 0 < low < 4 / 7 < high < 1
    assert "corrected" in found.method and "100 labels" in found.method
    # With rates that are known well it is the share's own interval, stretched.
    known = infer_corrected_share(
        [1.0] * 60 + [0.0] * 40, calibration(900_000, 1_000_000, 800_000, 1_000_000)
    )
    assert known.stderr == pytest.approx(math.sqrt(0.6 * 0.4 / 100) / 0.7, rel=0.02)
    assert known.interval(0.95)[1] - known.interval(0.95)[0] < high - low


@given(st.integers(1, 60), st.integers(0, 40), st.integers(30, 40), st.integers(25, 40))
def test_interval_and_tests_are_one_thing(ones, zeros, right_ones, right_zeros):
    found = infer_corrected_share(
        [1.0] * ones + [0.0] * zeros, calibration(right_ones, 40, right_zeros, 40)
    )
    low, high = found.interval(0.90)
    assert 0 <= low <= found.value <= high <= 1
    if 0 < low < found.value:
        assert found.above(low) == pytest.approx(0.05, abs=1e-6)
    if found.value < high < 1:
        assert found.below(high) == pytest.approx(0.05, abs=1e-6)
    assert found.below(1.5) == 0 and found.above(-0.5) == 0
    assert found.below(-0.5) == 1 and found.above(1.5) == 1


@pytest.mark.parametrize(
    ("judged", "labels", "why"),
    [
        ([1.0, 0.0], [(1.0, 1.0), (0.0, 1.0)], "one class"),
        ([1.0, 0.0], [], "one class"),
        ([1.0, 0.0], calibration(10, 20, 10, 20), "no better than chance"),
        ([1.0, 0.0], calibration(2, 20, 4, 20), "no better than chance"),
        ([], calibration(18, 20, 18, 20), "no samples"),
        ([1.0, math.nan], calibration(18, 20, 18, 20), "is nan"),
    ],
)
def test_no_silent_share(judged, labels, why):
    found = infer_corrected_share(judged, labels)
    assert isinstance(found, Unknown) and why in found.method
    assert math.isnan(found.value)


def test_a_change_of_corrected_shares_by_hand():
    # p = .6 and .5, se = .9, sp = .8: the change is −.1/.7; with rates known well, so is its error
    pairs = calibration(900_000, 1_000_000, 800_000, 1_000_000)
    before, after = [1.0] * 60 + [0.0] * 40, [1.0] * 45 + [0.0] * 50 + [1.0] * 5
    found = infer_corrected_combination(before, after, (-1.0, 1.0), pairs)
    assert found.value == pytest.approx(-0.1 / 0.7)
    difference = np.array(after) - np.array(before)
    error = difference.std(ddof=1) / math.sqrt(100)
    assert found.stderr == pytest.approx(error / 0.7, rel=0.01)
    half = 1.98422 * error / 0.7  # Student's t of 99 degrees of freedom
    assert found.interval(0.95) == pytest.approx((-0.1 / 0.7 - half, -0.1 / 0.7 + half), abs=1e-3)
    # Few labels leave the sign as it is, and the size open.
    few = infer_corrected_combination(before, after, (-1.0, 1.0), calibration(45, 50, 40, 50))
    assert few.value == found.value
    assert few.interval(0.95)[0] < found.interval(0.95)[0] - 0.01
    assert few.below(0.0) == pytest.approx(found.below(0.0), rel=0.2)


@given(
    st.integers(1, 60),
    st.integers(1, 60),
    st.integers(30, 40),
    st.integers(25, 40),
    st.sampled_from([(-1.0, 1.0), (-0.9, 1.0), (0.0, 1.0), (1.0, 1.0)]),
)
def test_intervals_and_tests_of_a_combination_are_one_thing(
    ones, others, right_ones, right_zeros, weights
):
    before, after = ([1.0] * count + [0.0] * (70 - count) for count in (ones, others))
    pairs = calibration(right_ones, 40, right_zeros, 40)
    found = infer_corrected_combination(before, after[::-1], weights, pairs)
    assert isinstance(found, CorrectedCombination)
    low, high = found.interval(0.90)
    least, most = found.bounds
    assert least <= low <= found.value <= high <= most
    if least < low < found.value:
        assert found.above(low) == pytest.approx(0.05, abs=1e-6)
    if found.value < high < most:
        assert found.below(high) == pytest.approx(0.05, abs=1e-6)
    assert found.below(most + 1) == 0 and found.above(least - 1) == 0
    assert found.below(least - 1) == 1 and found.above(most + 1) == 1


def test_equal_runs_have_a_change_of_zero_with_an_interval():
    same = [1.0] * 60 + [0.0] * 40
    found = infer_corrected_combination(same, same, (-1.0, 1.0), calibration(45, 50, 40, 50))
    low, high = found.interval(0.95)
    assert found.value == 0 and low < -0.02 and high > 0.02


def test_no_silent_change():
    same = [1.0] * 60 + [0.0] * 40
    for pairs, why in (([(1.0, 1.0)], "one class"), (calibration(10, 20, 10, 20), "than chance")):
        found = infer_corrected_combination(same, same, (-1.0, 1.0), pairs)
        assert isinstance(found, Unknown) and why in found.method and math.isnan(found.value)
    one = infer_corrected_combination(
        same, same, (-1.0, 1.0), calibration(45, 50, 40, 50), ["a"] * 100
    )
    assert isinstance(one, Unknown) and one.value == 0


def test_changes_are_covered_in_short():
    """From 80 % to 40 % by a judge right in 80 %, 80 labels: the calibration errs as much as n."""
    rng = np.random.default_rng(11)

    def change():
        good = [rng.random(1000) < share for share in (0.8, 0.4)]
        says = [np.where(each, rng.random(1000) < 0.8, rng.random(1000) < 0.2) for each in good]
        known = np.arange(80) < 40
        pairs = np.where(known, rng.random(80) < 0.8, rng.random(80) < 0.2) * 1.0
        both = list(zip(pairs.tolist(), (known * 1.0).tolist(), strict=True))
        return infer_corrected_combination(says[0], says[1], (-1.0, 1.0), both), -0.4, None

    held, _ = coverage(change, 600)
    assert 0.923 <= held <= 0.985


def test_powered_is_the_formula_without_clusters():
    rng = np.random.default_rng(5)
    n, more = 60, 240
    y = rng.normal(size=n + more)
    f = y + rng.normal(size=n + more)
    labels = np.where(np.arange(n + more) < n, y, np.nan)
    found = infer_powered(f, labels)
    covariance = np.cov(y[:n], f[:n])[0, 1]
    spread = f[:n].var(ddof=1) / n + f[n:].var(ddof=1) / more
    weight = covariance / n / spread
    assert found.value == pytest.approx(weight * f[n:].mean() + (y[:n] - weight * f[:n]).mean())
    variance = weight**2 * f[n:].var(ddof=1) / more + (y[:n] - weight * f[:n]).var(ddof=1) / n
    assert found.stderr == pytest.approx(math.sqrt(variance))
    assert "60 labels and 240 judgements" in found.method


def test_powered_without_judgements_that_help_is_the_labels():
    rng = np.random.default_rng(6)
    y = rng.random(200)
    alone = infer_mean(y[:100])
    for judged in (np.zeros(200), -y, np.full(200, 3.5)):
        found = infer_powered(judged, np.where(np.arange(200) < 100, y, np.nan))
        assert found.value == alone.value and found.interval(0.95) == alone.interval(0.95)
        assert "labels alone" in found.method


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        ([1.0, 0.0] * (FEWEST_LABELS // 2 - 1) + [math.nan] * 100, "fewer than 30"),
        ([1.0] * 50 + [math.nan] * 50, "rarer class"),
        ([1.0] * 47 + [0.0] * 3 + [math.nan] * 50, "rarer class"),
        ([1.0, 0.0] * 50, "every item has one"),
    ],
)
def test_powered_says_when_it_leans_on_labels_alone(labels, why):
    rng = np.random.default_rng(7)
    found = infer_powered(rng.random(len(labels)), labels)
    known = [each for each in labels if not math.isnan(each)]
    assert why in found.method
    assert found.interval(0.95) == infer_mean(known).interval(0.95)


def test_powered_of_nothing():
    assert isinstance(infer_powered([], []), Unknown)
    assert isinstance(infer_powered([0.5, 1.0], [math.nan, math.nan]), Unknown)
    assert isinstance(infer_powered([0.5, math.nan], [1.0, math.nan]), Unknown)


def test_clusters_count_once():
    """Every item twice says no more than once."""
    rng = np.random.default_rng(8)
    y = rng.normal(size=300)
    f = y + rng.normal(size=300)
    labels = np.where(np.arange(300) < 100, y, np.nan)
    once = infer_powered(f, labels)
    names = [str(place) for place in range(300)] * 2
    twice = infer_powered(np.tile(f, 2), np.tile(labels, 2), names)
    assert twice.value == pytest.approx(once.value)
    assert twice.stderr == pytest.approx(once.stderr)
    assert infer_powered(np.tile(f, 2), np.tile(labels, 2)).stderr < 0.8 * once.stderr


def coverage(draw, repeats: int) -> tuple[float, float]:
    held, ratios = [], []
    for _ in range(repeats):
        inference, truth, alone = draw()
        low, high = inference.interval(0.95)
        held.append(low <= truth <= high)
        if alone is not None:
            ends = alone.interval(0.95)
            ratios.append((high - low) / (ends[1] - ends[0]))
    return float(np.mean(held)), float(np.mean(ratios)) if ratios else math.nan


def test_coverage_in_short():
    """Limits for 600 repeats: 95 % ± 2.7; ``benchmarks/judge_corrections.py`` has the long form."""
    rng = np.random.default_rng(9)

    def share():
        truth = rng.random(1000) < 0.7
        says = np.where(truth, rng.random(1000) < 0.85, rng.random(1000) < 0.3) * 1.0
        known = rng.random(150) < 0.5  # labels of other items, of another mix
        pairs = np.where(known, rng.random(150) < 0.85, rng.random(150) < 0.3) * 1.0
        both = list(zip(pairs.tolist(), (known * 1.0).tolist(), strict=True))
        return infer_corrected_share(says, both), 0.7, None

    held, _ = coverage(share, 600)
    assert 0.923 <= held <= 0.977

    for strength in (0.0, 0.8):

        def mean(strength=strength):
            y = rng.normal(size=600)
            f = strength * y + math.sqrt(1 - strength**2) * rng.normal(size=600) + 1
            labels = np.where(np.arange(600) < 100, y, np.nan)
            return infer_powered(f, labels), 0.0, infer_mean(y[:100])

        held, width = coverage(mean, 600)
        assert 0.923 <= held <= 0.977
        assert width <= (1.05 if strength == 0 else 0.75)
