"""Ratios of arrays that stay silent where they are undefined."""

import numpy as np

from harness.metrics import ratio


def test_ratio_is_undefined_where_the_denominator_is_zero() -> None:
    top, bottom = np.array([1.0, 2.0, 0.0]), np.array([2.0, 0.0, 0.0])
    np.testing.assert_array_equal(ratio(top, bottom), [0.5, np.nan, np.nan])
    np.testing.assert_array_equal(ratio(top, bottom, undefined=0.0), [0.5, 0.0, 0.0])
