"""Where an estimate stands on an axis: positions in per cent, ready for SVG or CSS."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.authoring.reporting.numbers import Number, trimmed
from harness.types import Estimate


@dataclass(frozen=True, slots=True)
class Scale:
    """The ends of an axis in words."""

    low: str
    high: str


@dataclass(frozen=True, slots=True)
class Axis:
    """A linear scale from ``low`` to ``high`` (low < high), in the metric's own unit."""

    low: float
    high: float

    def position(self, value: float) -> float:
        """Per cent from the left end, in [0, 100]; what lies outside stands at the end."""
        share = (value - self.low) / (self.high - self.low)
        return round(100 * min(1.0, max(0.0, share)), 2)

    @property
    def scale(self) -> Scale:
        """What stands at the two ends."""
        return Scale(trimmed(self.low), trimmed(self.high))


@dataclass(frozen=True, slots=True)
class Mark:
    """A point with its whiskers on an axis, positions in per cent; None where undefined."""

    value: float
    low: float | None
    high: float | None
    reference: float | None


@dataclass(frozen=True, slots=True)
class MeasureRow:
    """A measure of a metric that stands in a table of its own kind, drawn on its own scale."""

    metric: str
    measure: str
    number: Number
    mark: Mark | None
    scale: Scale
    estimate: Estimate


def full_axis(estimates: Sequence[Estimate], percent: bool = False) -> Axis:
    """The whole range the metric can take: [0, 1], [−1, 1], [0, 100], or what the values span.

    Args:
        estimates: All that is drawn on this axis.
        percent: The metric's convention is 0–100, whatever its values.
    """
    numbers = _numbers(estimates)
    low, high = min(numbers, default=0.0), max(numbers, default=1.0)
    if percent and low >= 0 and high <= 100:
        return Axis(0.0, 100.0)
    if low >= 0 and high <= 1:
        return Axis(0.0, 1.0)
    if low >= -1 and high <= 1:
        return Axis(-1.0, 1.0)
    if low >= 0:
        return _rounded(0.0, high)
    return _rounded(low, high)


def close_axis(estimates: Iterable[Estimate], include: Iterable[float] = ()) -> Axis:
    """A range that just holds the values, so that differences between them show."""
    numbers = [*_numbers(estimates), *(value for value in include if math.isfinite(value))]
    if not numbers:
        return Axis(0.0, 1.0)
    return _rounded(min(numbers), max(numbers))


def axis_over(values: Iterable[float]) -> Axis:
    """A range that just holds the finite ones of ``values``."""
    known = [value for value in values if math.isfinite(value)]
    return _rounded(min(known), max(known)) if known else Axis(0.0, 1.0)


def around_zero(estimates: Iterable[Estimate]) -> Axis:
    """A range that holds the values with no change in its middle."""
    size = max((abs(value) for value in _numbers(estimates)), default=0.0)
    end = _rounded(0.0, size or 0.01).high
    return Axis(-end, end)


def mark(estimate: Estimate, axis: Axis, reference: float | None = None) -> Mark | None:
    """``estimate`` on ``axis``; None where it has no value.

    Args:
        estimate: What to draw.
        axis: The scale.
        reference: A value to mark with a line, such as no change or the overall score.
    """
    if not math.isfinite(estimate.value):
        return None
    bounded = math.isfinite(estimate.low) and math.isfinite(estimate.high)
    return Mark(
        axis.position(estimate.value),
        axis.position(estimate.low) if bounded else None,
        axis.position(estimate.high) if bounded else None,
        None
        if reference is None or not axis.low <= reference <= axis.high
        else axis.position(reference),
    )


def _numbers(estimates: Iterable[Estimate]) -> list[float]:
    return [
        number
        for estimate in estimates
        for number in (estimate.value, estimate.low, estimate.high)
        if math.isfinite(number)
    ]


def _rounded(low: float, high: float) -> Axis:
    """Ends on multiples of 1, 2 or 5 times a power of ten, about ten of them apart."""
    if high <= low:
        pad = abs(low) / 10 or 0.5
        low, high = low - pad, high + pad
    raw = (high - low) / 8
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * (1 - 1e-9))
    return Axis(math.floor(low / step) * step, math.ceil(high / step) * step)
