"""Metrics where there is nothing to divide by, or nothing at all."""

import numpy as np

from harness.authoring.metrics import Corpus, ratio


def test_ratio_is_undefined_where_the_denominator_is_zero() -> None:
    top, bottom = np.array([1.0, 2.0, 0.0]), np.array([2.0, 0.0, 0.0])
    np.testing.assert_array_equal(ratio(top, bottom), [0.5, np.nan, np.nan])
    np.testing.assert_array_equal(ratio(top, bottom, undefined=0.0), [0.5, 0.0, 0.0])


def test_a_corpus_metric_of_no_samples_is_undefined() -> None:
    found = Corpus("precision", lambda sums: ratio(sums[:, 0], sums[:, 1])).aggregate([])
    assert found.n == 0
    assert np.isnan(found.value)
    assert np.isnan(found.high)
