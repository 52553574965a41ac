"""Weighted correlations against scipy's and scikit-learn's, and the bootstrap that uses them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from harness.stats.correlation import (
    AreaUnderCurve,
    BalancedAccuracy,
    Kendall,
    Pearson,
    SystemLevel,
    average_ranks,
)
from harness.stats.inference import Unknown, estimate
from harness.stats.weighted import FEWEST, Accelerated, infer_weighted

seeds = st.integers(0, 10_000)


def drawn(seed: int, n: int = 40):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n).round(1)
    y = (x + rng.normal(size=n)).round(0)
    weights = rng.multinomial(n, np.full(n, 1 / n)).astype(float)
    places = np.repeat(np.arange(n), weights.astype(int))
    return x, y, weights[None, :], places, rng


@given(seeds)
@settings(max_examples=30)
def test_weights_are_copies(seed: int) -> None:
    x, y, weights, places, _ = drawn(seed)
    positive = y > np.median(y)
    assert Pearson(x, y)(weights)[0] == pytest.approx(stats.pearsonr(x[places], y[places])[0])
    assert Pearson(x, y, ranked=True)(weights)[0] == pytest.approx(
        stats.spearmanr(x[places], y[places])[0]
    )
    assert Kendall(x, y)(weights)[0] == pytest.approx(stats.kendalltau(x[places], y[places])[0])
    assert AreaUnderCurve(x, positive)(weights)[0] == pytest.approx(
        roc_auc_score(positive[places], x[places])
    )
    assert BalancedAccuracy(x, positive, 0.2)(weights)[0] == pytest.approx(
        balanced_accuracy_score(positive[places], x[places] >= 0.2)
    )
    assert average_ranks(x, weights)[0][places] == pytest.approx(stats.rankdata(x[places]))


@given(seeds)
@settings(max_examples=20)
def test_a_partial_correlation_is_that_of_the_residuals(seed: int) -> None:
    x, y, weights, places, rng = drawn(seed)
    controls = np.stack([rng.normal(size=40), rng.integers(0, 2, 40).astype(float)], axis=1)
    design = np.c_[np.ones(len(places)), controls[places]]

    def residuals(values):
        return values - design @ np.linalg.lstsq(design, values, rcond=None)[0]

    expected = stats.pearsonr(residuals(x[places]), residuals(y[places]))[0]
    assert Pearson(x, y, controls)(weights)[0] == pytest.approx(expected)
    ranks = [residuals(stats.rankdata(v[places])) for v in (x, y)]
    found = Pearson(x, y, controls, ranked=True)(weights)[0]
    assert found == pytest.approx(stats.pearsonr(*ranks)[0])


def test_a_control_that_explains_all_leaves_nothing_to_correlate() -> None:
    x = np.arange(30.0)
    assert np.isnan(Pearson(x, x % 7, x[:, None] * 2 + 1)(np.ones((1, 30)))[0])


def test_large_values_keep_their_digits() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=50)
    y = x + rng.normal(size=50)
    ones = np.ones((1, 50))
    assert Pearson(x + 1e9, y)(ones)[0] == pytest.approx(Pearson(x, y)(ones)[0], abs=1e-5)


def test_undefined_is_not_a_number() -> None:
    flat, x, ones = np.ones(25), np.arange(25.0), np.ones((1, 25))
    for compute in (Pearson(flat, x), Pearson(flat, x, ranked=True), Kendall(flat, x)):
        assert np.isnan(compute(ones)[0])
    assert np.isnan(AreaUnderCurve(x, flat > 0)(ones)[0])
    found = infer_weighted(Pearson(flat, x), 25)
    assert isinstance(found, Unknown)
    assert np.isnan(found.value)
    assert isinstance(infer_weighted(Pearson(x[:0], x[:0]), 0), Unknown)


@pytest.mark.parametrize("coefficient", ["pearson", "spearman", "kendall"])
def test_systems_are_correlated_by_their_means(coefficient: str) -> None:
    rng = np.random.default_rng(3)
    systems = np.repeat(np.arange(7), 10)
    x, y = rng.normal(size=70) + systems, rng.normal(size=70) + systems / 3
    means = [[v[systems == each].mean() for each in range(7)] for v in (x, y)]
    oracle = {"pearson": stats.pearsonr, "spearman": stats.spearmanr, "kendall": stats.kendalltau}
    expected = oracle[coefficient](*means)[0]
    ones = np.ones((3, 70))
    assert SystemLevel(x, y, systems, coefficient)(ones) == pytest.approx([expected] * 3)
    ones[0, systems == 2] = 0  # a resample without one of the systems
    assert np.isnan(SystemLevel(x, y, systems, coefficient)(ones)[0])


def test_pairs_beyond_what_is_held_are_counted_too(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y, weights, _, _ = drawn(5)
    whole = Kendall(x, y)(weights)
    monkeypatch.setattr("harness.stats.correlation._PAIRS_HELD", 7)
    assert Kendall(x, y)(weights) == pytest.approx(whole)


def test_few_clusters_give_no_interval_and_clusters_widen_it() -> None:
    rng = np.random.default_rng(7)
    x = np.repeat(rng.normal(size=30), 10)
    y = x + np.repeat(rng.normal(size=30), 10)
    few = infer_weighted(Pearson(x, y), 300, [str(each % (FEWEST - 1)) for each in range(300)])
    assert isinstance(few, Unknown)
    clusters = [str(each // 10) for each in range(300)]
    alone = estimate(infer_weighted(Pearson(x, y), 300), 300)
    together = estimate(infer_weighted(Pearson(x, y), 300, clusters), 300)
    assert together.high - together.low > 2 * (alone.high - alone.low)
    assert "30 clusters" in together.method


def test_a_test_and_its_interval_agree() -> None:
    x, y, _, _, _ = drawn(11, 80)
    found = infer_weighted(Pearson(x, y), 80)
    assert isinstance(found, Accelerated)
    low, high = found.interval(0.95)
    assert found.above(low) == pytest.approx(0.025, abs=0.005)
    assert found.below(high) == pytest.approx(0.025, abs=0.005)
    assert found.below(low) > 0.9
    assert found.above(-1) < 0.01
    assert found.below(2) < 0.01


@pytest.mark.parametrize("rho", [0.0, 0.6])
def test_intervals_hold_the_truth(rho: float) -> None:
    """Coverage of 95 % intervals at n = 60 in 25 clusters; limits are 3 Monte-Carlo errors."""
    truth = {"pearson": rho, "spearman": 6 / np.pi * np.arcsin(rho / 2)}
    hits = dict.fromkeys(truth, 0)
    times = 150
    for seed in range(times):
        rng = np.random.default_rng([seed, 60])
        x = rng.normal(size=60)
        y = rho * x + np.sqrt(1 - rho**2) * rng.normal(size=60)
        for name in truth:
            found = infer_weighted(Pearson(x, y, ranked=name == "spearman"), 60, resamples=400)
            low, high = found.interval(0.95)
            hits[name] += low <= truth[name] <= high
    for name, count in hits.items():
        assert count / times >= 0.935 - 3 * 0.0178, name
