"""The chance of a positive weighted sum agrees with exact distributions and with simulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betaincc

from harness.stats import gamma
from harness.stats.gamma import positive_chance


@settings(deadline=None)
@given(st.integers(1, 2000), st.integers(1, 2000), st.floats(0.01, 0.99))
def test_two_weights_are_a_beta_distribution(one: int, other: int, bound: float) -> None:
    # (1−b)·G₁ ≥ b·G₂ where G₁/(G₁+G₂) ≥ b.
    chance = positive_chance(np.array([1 - bound, -bound]), np.array([one, other], float))
    assert chance == pytest.approx(float(betaincc(one, other, bound)), rel=1e-6, abs=1e-10)


@pytest.mark.parametrize("count", [2, 3, 5, 30, 150])
def test_many_weights_are_as_simulated(count: int) -> None:
    rng = np.random.default_rng(count)
    weights = rng.normal(-0.3 / np.sqrt(count), 1, count)
    sums = rng.exponential(size=(40_000, count)) @ weights
    chance = positive_chance(weights, np.ones(count))
    assert chance == pytest.approx(float(np.mean(sums >= 0)), abs=0.01)


@settings(deadline=None, max_examples=50)
@given(st.integers(20, 90), st.floats(0.2, 4), st.integers(0, 100))
def test_the_formula_is_the_integral(count: int, shift: float, seed: int) -> None:
    weights = np.random.default_rng(seed).normal(-shift / np.sqrt(count), 1, count)
    if weights.sum() >= 0 or weights.max() <= 0:
        return
    shapes = np.ones(count)
    saddle = gamma._saddle(weights, shapes)
    exact = gamma._integral(weights, shapes, saddle)
    assert gamma._formula(weights, shapes, saddle) == pytest.approx(exact, rel=0.05, abs=1e-6)


def test_signs_alone_decide_where_they_agree() -> None:
    assert positive_chance(np.array([-1.0, -2.0]), np.ones(2)) == 0
    assert positive_chance(np.array([1.0, 0.0]), np.ones(2)) == 1
    assert positive_chance(np.array([0.0, 0.0]), np.ones(2)) == 1
    assert positive_chance(np.array([1.0, -1.0]), np.ones(2)) == pytest.approx(0.5)
    assert positive_chance(np.r_[np.ones(90), -np.ones(90)], np.ones(180)) == pytest.approx(0.5)
