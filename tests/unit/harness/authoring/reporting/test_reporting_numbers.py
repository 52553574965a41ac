from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.authoring.reporting.numbers import (
    count,
    decimal,
    digits_for,
    duration,
    moment,
    number,
    trimmed,
)
from harness.types import Estimate

NAN = math.nan


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (Estimate(0.713, 0.021, 0.672, 0.751, 500, "m"), "0.713 ± 0.021 [0.672, 0.751]"),
        (Estimate(0.71345, 0.0042, 0.705, 0.722, 9000, "m"), "0.7135 ± 0.0042 [0.7050, 0.7220]"),
        (Estimate(0.71345, 0.00004, 0.71, 0.72, 9, "m"), "0.7135 ± 0.0000 [0.7100, 0.7200]"),
        (Estimate(0.5, 0.2, 0.1, 0.9, 4, "m"), "0.500 ± 0.200 [0.100, 0.900]"),
        (Estimate(27.43, 0.61, 26.2, 28.6, 500, "m"), "27.43 ± 0.61 [26.20, 28.60]"),
        (Estimate(27.43, 6.1, 16.2, 38.6, 50, "m"), "27.4 ± 6.1 [16.2, 38.6]"),
        (Estimate(12_345.6, 310.0, 11_740, 12_970, 200, "m"), "12,346 ± 310 [11,740, 12,970]"),
        (Estimate(-0.031, 0.011, -0.053, -0.009, 400, "m"), "−0.031 ± 0.011 [−0.053, −0.009]"),
        (Estimate(1.0, 0.0, 0.9, 1.0, 40, "m"), "1.000 ± 0.000 [0.900, 1.000]"),
        (Estimate(0.4, NAN, NAN, NAN, 1, "m"), "0.400"),
        (Estimate(NAN, NAN, NAN, NAN, 0, "m"), "—"),
    ],
)
def test_an_estimate_in_words(estimate: Estimate, text: str) -> None:
    assert str(number(estimate)) == text


def test_a_change_carries_its_sign_and_zero_none() -> None:
    change = Estimate(0.02, 0.03, -0.04, 0.08, 9, "m")
    assert str(number(change, signed=True)) == "+0.020 ± 0.030 [−0.040, +0.080]"
    assert decimal(-0.0001, 3) == "0.000"


@given(
    st.floats(-1e6, 1e6),
    st.floats(1e-9, 1e3),
)
@settings(deadline=None)
def test_digits_stay_within_what_a_table_can_hold(value: float, stderr: float) -> None:
    digits = digits_for([Estimate(value, stderr, value, value, 10, "m")])
    assert 3 <= digits <= 4 if abs(value) <= 1 else 0 <= digits <= 3


def test_rows_of_one_table_share_their_digits() -> None:
    rows = [Estimate(0.2, 0.05, 0.1, 0.3, 5, "m"), Estimate(0.25, 0.004, 0.24, 0.26, 900, "m")]
    assert digits_for(rows) == 4


def test_counts_times_and_durations() -> None:
    assert moment("2026-01-02T03:04:05+00:00") == "2026-01-02 03:04 UTC"
    assert moment("yesterday") == "yesterday"
    assert [trimmed(value) for value in (0.0, -0.25, 1400.0, 0.30000000000000004)] == [
        "0",
        "−0.25",
        "1,400",
        "0.3",
    ]
    assert count(1234567) == "1,234,567"
    assert duration(45.21) == "45.2 s"
    assert duration(192) == "3 min 12 s"
    assert duration(7500) == "2 h 05 min"
