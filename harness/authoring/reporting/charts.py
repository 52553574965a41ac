"""Charts of values over steps: axes with ticks, several lines or points, a marker, an ideal.

They are drawn by the macro ``chart`` of ``charts.html`` in a frame of ``WIDTH`` × ``HEIGHT``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from harness.authoring.reporting import numbers
from harness.authoring.reporting.drawing import Axis, axis_over
from harness.authoring.reporting.forest import ticks
from harness.types import Estimate

WIDTH, HEIGHT = 360, 180
Placed: TypeAlias = Callable[[float], float]
LEFT, RIGHT, TOP, BOTTOM = 52, 10, 8, 24
"""Room around the drawing for the labels of the ticks."""


@dataclass(frozen=True, slots=True)
class Label:
    """A tick at ``at`` of the frame."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its name, its last value in words, its points for SVG."""

    name: str
    last: str
    points: str


@dataclass(frozen=True, slots=True)
class Dot:
    """One point, and what it stands for; a hollow one is beaten by another."""

    x: float
    y: float
    told: str
    is_hollow: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """One drawing.

    Attributes:
        title: What is drawn.
        across: What the horizontal axis counts.
        told: All of it in words.
        lines: The lines.
        dots: Points that stand alone.
        x: Ticks of the horizontal axis.
        y: Ticks of the vertical axis.
        marker: Where a vertical line stands, such as the step at which a training stopped; and
            what it says.
        ideal: Where a horizontal line stands, and what it says.
        band: Points of an area behind the lines, for SVG; empty for none.
        markers: Further vertical lines.
    """

    title: str
    across: str
    told: str
    lines: tuple[Line, ...]
    dots: tuple[Dot, ...]
    x: tuple[Label, ...]
    y: tuple[Label, ...]
    marker: Label | None = None
    ideal: Label | None = None
    band: str = ""
    markers: tuple[Label, ...] = ()


def over_steps(
    title: str,
    series: Mapping[str, Sequence[tuple[float, float]]],
    marker: tuple[float, str] | None = None,
    ideal: float | None = None,
) -> Chart | None:
    """A chart of (step, value) series; None where none has two finite values.

    Args:
        title: What is drawn.
        series: Name of a line → its points.
        marker: A step to mark, and what it is.
        ideal: The value that would be best.
    """
    known = {
        name: [point for point in points if all(map(math.isfinite, point))]
        for name, points in series.items()
    }
    known = {name: points for name, points in known.items() if len(points) > 1}
    if not known:
        return None
    steps = [step for points in known.values() for step, _ in points]
    values = [value for points in known.values() for _, value in points]
    across = Axis(min(steps), max(max(steps), min(steps) + 1))
    up = axis_over([*values, *([] if ideal is None else [ideal])])
    lines = tuple(
        Line(
            name,
            numbers.significant(points[-1][1]),
            " ".join(f"{_x(across, step)},{_y(up, value)}" for step, value in points),
        )
        for name, points in known.items()
    )
    told = "; ".join(f"{line.name} ends at {line.last}" for line in lines)
    shown = marker is not None and across.low <= marker[0] <= across.high
    return Chart(
        title=title,
        across="step",
        told=f"{title}, steps {across.low:g} to {across.high:g}: {told}",
        lines=lines,
        dots=(),
        x=_labels(across, lambda place: _x(across, place)),
        y=_labels(up, lambda place: _y(up, place)),
        marker=Label(_x(across, marker[0]), marker[1]) if marker and shown else None,
        ideal=None if ideal is None else Label(_y(up, ideal), f"ideal {numbers.trimmed(ideal)}"),
    )


def scatter(
    title: str, across: str, points: Sequence[tuple[float, float, str]], ends: tuple[str, str]
) -> Chart:
    """Points over a quantity.

    Args:
        title: What is drawn.
        across: What the horizontal axis is.
        points: (place in [0, 1], value, what it is).
        ends: What stands at the two ends of the horizontal axis.
    """
    up = axis_over([value for _, value, _ in points])
    unit = Axis(0.0, 1.0)
    return Chart(
        title=title,
        across=across,
        told=f"{title}: " + "; ".join(told for _, _, told in points),
        lines=(),
        dots=tuple(Dot(_x(unit, place), _y(up, value), told) for place, value, told in points),
        x=(Label(_x(unit, 0.0), ends[0]), Label(_x(unit, 1.0), ends[1])),
        y=_labels(up, lambda place: _y(up, place)),
    )


@dataclass(frozen=True, slots=True)
class Spot:
    """A point of ``prices``: what it took, what it is worth, what it is."""

    price: float
    value: float
    told: str
    is_best: bool


def prices(title: str, across: str, spots: Sequence[Spot]) -> Chart:
    """Quality against its price, with a line along the spots that no other beats in both.

    Args:
        title: What is drawn.
        across: What the price is.
        spots: At least one, the cheapest first; prices and values are finite.
    """
    side = axis_over([spot.price for spot in spots])
    up = axis_over([spot.value for spot in spots])
    best = [spot for spot in spots if spot.is_best]
    points = " ".join(f"{_x(side, spot.price)},{_y(up, spot.value)}" for spot in best)
    return Chart(
        title=title,
        across=across,
        told=f"{title}: " + "; ".join(spot.told for spot in spots[:40]),
        lines=(Line("front", numbers.significant(best[-1].value), points),) if best else (),
        dots=tuple(
            Dot(_x(side, spot.price), _y(up, spot.value), spot.told, not spot.is_best)
            for spot in spots
        ),
        x=_labels(side, lambda place: _x(side, place)),
        y=_labels(up, lambda place: _y(up, place)),
    )


def in_time(
    title: str,
    points: Sequence[tuple[Estimate, str]],
    ends: tuple[str, str],
    levels: Sequence[tuple[int, float]],
    changes: Sequence[tuple[int, str]],
) -> Chart:
    """A quantity over time, evenly spaced, with a band of its intervals and steps of its level.

    Args:
        title: What is drawn.
        points: (value, what it is), the earliest first; at least two, all finite. An interval that
            is undefined has no width.
        ends: What stands at the two ends of the horizontal axis.
        levels: (place where it begins, mean from there), in their order.
        changes: (place before which the level changed, what is said of it).
    """
    values = [estimate for estimate, _ in points]
    lows = [each.low if math.isfinite(each.low) else each.value for each in values]
    highs = [each.high if math.isfinite(each.high) else each.value for each in values]
    side, up = Axis(0.0, len(points) - 1.0), axis_over([*lows, *highs])
    band = [(place, low) for place, low in enumerate(lows)]
    band += [(place, high) for place, high in reversed(list(enumerate(highs)))]
    starts = [*[start for start, _ in levels][1:], len(points)]
    steps = [
        f"{_x(side, max(0.0, start - 0.5))},{_y(up, mean)} "
        f"{_x(side, min(len(points) - 1.0, end - 0.5))},{_y(up, mean)}"
        for (start, mean), end in zip(levels, starts, strict=True)
    ]
    lines = (
        Line("value", numbers.significant(values[-1].value), " ".join(
            f"{_x(side, place)},{_y(up, each.value)}" for place, each in enumerate(values))),
        Line("level", numbers.significant(levels[-1][1]), " ".join(steps)),
    )  # fmt: skip
    told = "; ".join(f"changed before {text}" for _, text in changes) or "no change is shown"
    return Chart(
        title=title,
        across="",
        told=f"{title}, {len(points)} runs: {told}",
        lines=lines,
        dots=tuple(
            Dot(_x(side, place), _y(up, each.value), text)
            for place, (each, text) in enumerate(points)
        ),
        x=(Label(_x(side, side.low), ends[0]), Label(_x(side, side.high), ends[1])),
        y=_labels(up, lambda place: _y(up, place)),
        band=" ".join(f"{_x(side, place)},{_y(up, value)}" for place, value in band),
        markers=tuple(Label(_x(side, place - 0.5), text) for place, text in changes),
    )


def _x(axis: Axis, value: float) -> float:
    return round(LEFT + axis.position(value) / 100 * (WIDTH - LEFT - RIGHT), 1)


def _y(axis: Axis, value: float) -> float:
    return round(HEIGHT - BOTTOM - axis.position(value) / 100 * (HEIGHT - TOP - BOTTOM), 1)


def _labels(axis: Axis, place: Placed) -> tuple[Label, ...]:
    size = axis.high - axis.low
    return tuple(
        Label(place(axis.low + tick.position / 100 * size), tick.label) for tick in ticks(axis)
    )
