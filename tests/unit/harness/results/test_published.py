"""A metric as it was published, against the samples in the same file."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.protocols import ImportedMetric
from harness.results.published import UNIT, published_estimate, settle
from harness.types import Score


def rows(values: list[float]) -> list[Score]:
    return [Score(f"s{place}", "acc", value) for place, value in enumerate(values)]


def settled(published: ImportedMetric, values: list[float], n: int | None = None):
    return settle("acc", published, rows(values), len(values), len(values) if n is None else n)


def test_the_samples_stand_where_their_mean_is_what_is_published() -> None:
    result, why = settled(ImportedMetric(2 / 3), [1.0, 0.0, 1.0])
    assert (result.kind, why) == ("mean", "")
    rounded, why = settled(ImportedMetric(0.6667), [1.0, 0.0, 1.0])
    assert (rounded.kind, why) == ("mean", "")
    assert rounded.estimate.value == 2 / 3


@pytest.mark.parametrize(
    ("published", "values", "n", "said"),
    [
        (0.67, [1.0, 0.0, 1.0], 3, "the mean of the samples' scores is 0.666667, not 0.67"),
        (0.0, [0.0] * 99 + [1.0], 100, "is 0.01, not 0"),
        (2 / 3, [1.0, 0.0, 1.0], 4, "the file holds 3 of 4 samples"),
        (0.5, [], 0, "the file holds no sample's score"),
        (0.5, [math.nan, 1.0], 2, "the mean of the samples' scores is nan"),
        (None, [], 0, "no sample has a score"),
    ],
)
def test_else_the_published_value_stands(
    published: float | None, values: list[float], n: int, said: str
) -> None:
    result, why = settled(ImportedMetric(published), values, n)
    assert result.kind == "published"
    assert said in why
    if published is not None:
        assert result.estimate.value == published


@given(st.integers(2, 400), st.data())
def test_a_share_is_known_from_its_value_and_error(n: int, data: st.DataObject) -> None:
    """What lm-eval, Inspect and others publish of 0/1 scores gives the interval of the scores."""
    hits = data.draw(st.integers(0, n))
    value, freed = hits / n, data.draw(st.sampled_from([0, 1]))
    stderr = math.sqrt(value * (1 - value) / (n - freed))
    found = published_estimate(ImportedMetric(value, stderr, bounds=UNIT), n)
    assert found.value == value
    assert 0 <= found.low <= value <= found.high <= 1
    assert found.low < found.high  # an error of 0 makes nothing certain
    assert "exact" in found.method


def test_an_error_that_is_no_share_s_makes_a_normal_interval() -> None:
    found = published_estimate(ImportedMetric(0.43, 0.01, bounds=UNIT), 100)
    assert (found.low, found.high) == pytest.approx((0.43 - 0.0196, 0.43 + 0.0196), abs=1e-5)
    assert found.method == "published"
    clipped = published_estimate(ImportedMetric(0.99, 0.02, bounds=UNIT), 1000)
    assert clipped.high == 1.0


@pytest.mark.parametrize(
    "metric",
    [
        ImportedMetric(12.5),
        ImportedMetric(12.5, 0.0),
        ImportedMetric(12.5, -1.0),
        ImportedMetric(12.5, math.nan),
        ImportedMetric(12.5, low=13.0, high=14.0),
        ImportedMetric(12.5, low=12.5, high=12.5),
        ImportedMetric(12.5, low=12.0, high=13.0, confidence=95.0),
        ImportedMetric(None, 0.5),
    ],
)
def test_no_interval_is_made_up(metric: ImportedMetric) -> None:
    found = published_estimate(metric, 50)
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_a_share_without_an_error_has_the_widest_that_it_can() -> None:
    found = published_estimate(ImportedMetric(0.4312, bounds=UNIT), 1000)
    assert found.stderr == pytest.approx(math.sqrt(0.4312 * 0.5688 / 1000))
    assert found.low < 0.41
    assert found.high > 0.45
    rng = np.random.default_rng(0)
    for _ in range(50):  # no scores from 0 to 1 with that mean have a larger error
        a, b = rng.uniform(0.05, 5, 2).tolist()
        values = rng.beta(a, b, 1000)
        mean = float(values.mean())
        most = published_estimate(ImportedMetric(mean, bounds=UNIT), 1000).stderr
        assert values.std() / math.sqrt(1000) <= most + 1e-12
