from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from harness.authoring.reporting import forest, numbers
from harness.authoring.reporting.drawing import Axis
from harness.types import Estimate


def item(label: str, value: float, half: float = 0.05, **more: object) -> forest.Item:
    estimate = Estimate(value, half / 2, value - half, value + half, 100, "mean")
    return forest.Item(label, estimate, numbers.number(estimate), **more)  # type: ignore[arg-type]


def test_metrics_with_one_range_share_an_axis_and_the_others_stand_alone() -> None:
    plots = forest.values(
        [
            item("f1", 0.5),
            item("bias", -0.2),
            item("bleu", 27.0, percent=True),
            item("acc", 0.9),
            item("perplexity", 1_234.0),
            item("none", math.nan),
        ]
    )
    assert [(plot.title, [row.item.label for row in plot.rows]) for plot in plots] == [
        ("Shares, 0 to 1", ["f1", "acc"]),
        ("−1 to 1", ["bias"]),
        ("0 to 100", ["bleu"]),
        ("perplexity", ["perplexity"]),
        ("none", ["none"]),
    ]
    assert plots[1].reference == 0.0
    assert plots[-1].rows[0].mark is None


def test_changes_stand_around_no_change() -> None:
    shares, perplexity = forest.changes([item("f1", -0.4), item("ppl", 90.0), item("acc", 0.1)])
    assert [row.item.label for row in shares.rows] == ["f1", "acc"]
    assert shares.axis.low == -shares.axis.high
    assert shares.axis.position(shares.reference or 0.0) == 50
    assert [row.item.label for row in perplexity.rows] == ["ppl"]


def test_an_ideal_within_the_axis_has_its_place() -> None:
    (plot,) = forest.values([item("stereotype", 0.6, ideal=0.5), item("odd", 0.6, ideal=7.0)])
    assert [row.ideal for row in plot.rows] == [50.0, None]


def test_ticks_are_round_numbers_within_the_axis() -> None:
    assert [tick.label for tick in forest.ticks(Axis(0, 1))] == [
        "0.0", "0.2", "0.4", "0.6", "0.8", "1.0",
    ]  # fmt: skip
    assert next(tick.label for tick in forest.ticks(Axis(-0.05, 0.05))) == "−0.04"


@given(
    st.floats(-1e6, 1e6, allow_subnormal=False),
    st.floats(1e-6, 1e6),
)
def test_ticks_are_few_ordered_and_inside(low: float, width: float) -> None:
    axis = Axis(low, low + width)
    if axis.high <= axis.low or width < 1e-9 * abs(low):
        return
    found = forest.ticks(axis)
    assert 1 <= len(found) <= 7
    places = [tick.position for tick in found]
    assert places == sorted(places)
    assert all(0 <= place <= 100 for place in places)
