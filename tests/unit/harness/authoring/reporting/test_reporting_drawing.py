from __future__ import annotations

import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from harness.authoring.reporting.drawing import Axis, close_axis, full_axis, mark
from harness.types import Estimate


def between(low: float, high: float) -> Estimate:
    return Estimate((low + high) / 2, 0.1, low, high, 10, "m")


@pytest.mark.parametrize(
    ("low", "high", "percent", "axis"),
    [
        (0.2, 0.4, False, Axis(0, 1)),
        (-0.4, 0.1, False, Axis(-1, 1)),
        (-0.15, 0.3, False, Axis(-1, 1)),  # a value above 0, and an interval on both sides
        (0.2, 0.4, True, Axis(0, 100)),
        (26.0, 28.0, True, Axis(0, 100)),
        (0.0, 1.0, False, Axis(0, 1)),
    ],
)
def test_the_full_axis_is_the_range_of_the_metric(
    low: float, high: float, percent: bool, axis: Axis
) -> None:
    assert full_axis([between(low, high)], percent) == axis


def test_an_unbounded_metric_starts_at_zero() -> None:
    axis = full_axis([between(1174, 1297)])
    assert axis.low == 0
    assert 1297 <= axis.high <= 1500


def test_a_score_above_its_convention_widens_the_axis() -> None:
    assert full_axis([between(95, 110)], percent=True).high >= 110


@given(st.floats(-1e5, 1e5), st.floats(1e-3, 1e4))
@settings(deadline=None)
def test_a_close_axis_holds_its_values_and_little_more(low: float, width: float) -> None:
    high = low + width
    assume(high > low)
    axis = close_axis([between(low, high)])
    slack = 1e-6 * max(1, abs(low), abs(high))
    assert axis.low <= low + slack
    assert axis.high >= high - slack
    assert axis.high - axis.low <= 2 * (high - low) + slack


@given(st.floats(-10, 10), st.floats(-10, 10))
@settings(deadline=None)
def test_positions_grow_with_the_value_and_stay_on_the_axis(first: float, second: float) -> None:
    axis = Axis(-2, 3)
    low, high = sorted((first, second))
    assert 0 <= axis.position(low) <= axis.position(high) <= 100


def test_marks_leave_out_what_is_undefined() -> None:
    nan = math.nan
    assert mark(Estimate(nan, nan, nan, nan, 0, "m"), Axis(0, 1)) is None
    alone = mark(Estimate(0.25, nan, nan, nan, 1, "m"), Axis(0, 1), reference=7.0)
    assert alone is not None
    assert (alone.value, alone.low, alone.high, alone.reference) == (25.0, None, None, None)


def test_an_axis_without_values_is_still_an_axis() -> None:
    assert close_axis([]) == Axis(0, 1)
    assert close_axis([between(0.5, 0.5)]).position(0.5) == 50
