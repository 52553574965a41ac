from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from harness.authoring.reporting import charts


def places(points: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in points.split())]


def test_a_chart_has_axes_a_marker_and_an_ideal() -> None:
    drawn = charts.over_steps(
        "bias", {"bias": [(0, 0.7), (10, 0.6), (20, 0.55)]}, (10.0, "kept"), ideal=0.5
    )
    assert drawn is not None
    (line,) = drawn.lines
    (first, *_, last) = places(line.points)
    assert first[0] == charts.LEFT and last[0] == charts.WIDTH - charts.RIGHT
    assert first[1] < last[1], "y grows downwards"
    assert [label.text for label in drawn.x] == ["0", "5", "10", "15", "20"]
    assert len(drawn.y) >= 3
    assert drawn.marker is not None and drawn.marker.at == (first[0] + last[0]) / 2
    assert drawn.ideal is not None and drawn.ideal.at >= last[1]
    assert drawn.ideal.text == "ideal 0.5"
    assert "bias ends at 0.55" in drawn.told


def test_what_has_no_two_values_is_no_chart_and_a_marker_outside_is_not_drawn() -> None:
    assert charts.over_steps("x", {"a": [(1, 1.0)], "b": [(1, math.nan), (2, 3.0)]}) is None
    drawn = charts.over_steps("x", {"a": [(1, 1.0), (2, 1.0)]}, (9.0, "kept"))
    assert drawn is not None and drawn.marker is None


@given(
    st.lists(
        st.tuples(st.integers(0, 10_000), st.floats(-1e9, 1e9, allow_subnormal=False)),
        min_size=2,
        max_size=30,
    )
)
def test_every_point_and_tick_stays_in_the_frame(points: list[tuple[int, float]]) -> None:
    drawn = charts.over_steps("x", {"x": [(float(step), value) for step, value in points]})
    assert drawn is not None
    for x, y in places(drawn.lines[0].points):
        assert charts.LEFT <= x <= charts.WIDTH - charts.RIGHT
        assert charts.TOP <= y <= charts.HEIGHT - charts.BOTTOM
    for label in drawn.x:
        assert charts.LEFT <= label.at <= charts.WIDTH - charts.RIGHT
    for label in drawn.y:
        assert charts.TOP <= label.at <= charts.HEIGHT - charts.BOTTOM


def test_points_of_a_search_stand_between_its_ends() -> None:
    drawn = charts.scatter(
        "f1 by beta", "beta", [(0.0, 0.2, "one"), (1.0, 0.8, "two")], ("0.1", "9")
    )
    assert [dot.told for dot in drawn.dots] == ["one", "two"]
    assert drawn.dots[0].y > drawn.dots[1].y
    assert [label.text for label in drawn.x] == ["0.1", "9"]
