"""Forest plots: many estimates in rows on one axis, with ticks, to be zoomed in the browser.

The plot is drawn by the macro ``forest`` of ``forest.html``; ``forest.js`` zooms it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.authoring.reporting import numbers
from harness.authoring.reporting.drawing import Axis, Mark, around_zero, full_axis, mark
from harness.authoring.reporting.numbers import Number
from harness.types import Estimate

_TICKS = 5
"""Spaces between ticks that are aimed at."""


@dataclass(frozen=True, slots=True)
class Item:
    """What one row shows.

    Attributes:
        label: What is estimated, with an arrow towards the better side.
        estimate: The value with its interval.
        number: The same in words.
        state: ``better``, ``worse``, ``changed`` or empty: how the row is coloured.
        link: Where the label leads, such as ``#samples?task=squad``; empty for nowhere.
        before: For a change, what it was before and is after; else empty.
        percent: The metric's convention is 0–100.
        ideal: The best value, marked by a line of its own.
    """

    label: str
    estimate: Estimate
    number: Number
    state: str = ""
    link: str = ""
    before: str = ""
    percent: bool = False
    ideal: float | None = None


@dataclass(frozen=True, slots=True)
class Tick:
    """A tick at ``position`` per cent of the axis."""

    position: float
    label: str


@dataclass(frozen=True, slots=True)
class Row:
    """An item at its place; ``ideal`` in per cent of the axis."""

    item: Item
    mark: Mark | None
    ideal: float | None


@dataclass(frozen=True, slots=True)
class Forest:
    """Rows on one axis; ``reference`` is the value of a line through all of them."""

    title: str
    axis: Axis
    ticks: tuple[Tick, ...]
    reference: float | None
    rows: tuple[Row, ...]


def ticks(axis: Axis) -> tuple[Tick, ...]:
    """Ticks at multiples of 1, 2 or 5 times a power of ten, some five of them."""
    raw = (axis.high - axis.low) / _TICKS
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * (1 - 1e-9))
    first = math.ceil(axis.low / step - 1e-9)
    last = math.floor(axis.high / step + 1e-9)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    return tuple(
        Tick(axis.position(place * step), numbers.decimal(place * step, digits))
        for place in range(first, last + 1)
    )


def values(items: Sequence[Item]) -> list[Forest]:
    """Plots of values: those with a range in common share one, the others stand alone."""
    grouped: dict[tuple[float, float], list[Item]] = {}
    alone: list[Item] = []
    for item in items:
        axis = full_axis([item.estimate], percent=item.percent)
        ends = (axis.low, axis.high)
        if ends in ((0.0, 1.0), (-1.0, 1.0), (0.0, 100.0)) and _known(item):
            grouped.setdefault(ends, []).append(item)
        else:
            alone.append(item)
    titles = {(0.0, 1.0): "Shares, 0 to 1", (-1.0, 1.0): "−1 to 1", (0.0, 100.0): "0 to 100"}
    made = [_forest(titles[ends], found, Axis(*ends)) for ends, found in grouped.items()]
    return made + [
        _forest(item.label, [item], full_axis([item.estimate], percent=item.percent))
        for item in alone
    ]


def changes(items: Sequence[Item], title: str = "Change, candidate − baseline") -> list[Forest]:
    """Plots of changes around 0: changes of shares share an axis, the others stand alone.

    What has no value gets a row without a mark.
    """
    shares = [item for item in items if not abs(item.estimate.value) > 1]
    others = [item for item in items if abs(item.estimate.value) > 1]
    made = []
    if shares:
        axis = around_zero(item.estimate for item in shares)
        made.append(_forest(title, shares, axis, 0.0))
    return made + [
        _forest(item.label, [item], around_zero([item.estimate]), 0.0) for item in others
    ]


def _known(item: Item) -> bool:
    return math.isfinite(item.estimate.value)


def _forest(
    title: str, items: Iterable[Item], axis: Axis, reference: float | None = None
) -> Forest:
    rows = tuple(
        Row(
            item,
            mark(item.estimate, axis, reference),
            None
            if item.ideal is None or not axis.low <= item.ideal <= axis.high
            else axis.position(item.ideal),
        )
        for item in items
    )
    if reference is None and axis.low < 0 < axis.high:
        reference = 0.0
    return Forest(title, axis, ticks(axis), reference, rows)
