"""Bounds without an end: counts, perplexities."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.stats import estimates
from harness.stats.compare import infer_paired
from harness.stats.estimates import infer_mean


@pytest.mark.parametrize("n", [8, 200])
def test_an_interval_is_finite_and_keeps_the_end_that_is_there(n: int) -> None:
    rng = np.random.default_rng(n)
    values = rng.exponential(size=n) * (rng.random(n) < 0.4)
    low, high = infer_mean(values, bounds=(0.0, math.inf)).interval(0.95)
    assert 0 <= low < values.mean() < high < math.inf
    change = infer_paired(values, rng.exponential(size=n), bounds=(0.0, math.inf))
    assert all(map(math.isfinite, change.interval(0.95)))


def test_equal_values_have_no_interval() -> None:
    for value in (0.0, 1.0, 3.0):
        found = estimates.mean([value] * 40, bounds=(0.0, math.inf))
        assert found.value == value
        assert math.isnan(found.low)
        assert math.isnan(found.high)
