"""Reliability diagrams: how often answers of a given confidence are right.

For every task that chooses among options with probabilities (Guo et al. 2017, "On calibration of
modern neural networks").
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.authoring.measures import calibration
from harness.authoring.reporting import numbers
from harness.types import SampleRecord


@dataclass(frozen=True, slots=True)
class Bin:
    """One bin of a diagram of 100 × 100, y downwards, and the same in words.

    ``x`` is the mean confidence, ``y`` the share of right answers with its interval, ``size`` the
    bin's share of the samples, in per cent.
    """

    x: float
    y: float
    low: float
    high: float
    size: float
    confidence: str
    accuracy: str
    interval: str
    n: str


@dataclass(frozen=True, slots=True)
class Reliability:
    """The bins that hold samples, from the least confident on; their expected calibration error."""

    bins: tuple[Bin, ...]
    n: str
    error: str


class CalibrationCollector:
    """Fed with a task's records, keeps how sure each answer was."""

    def __init__(self) -> None:
        self._answers: list[tuple[float, bool]] = []

    @property
    def wants_more(self) -> bool:
        """Whether an answer had a probability: all samples of a task are asked in one way."""
        return bool(self._answers)

    def add(self, record: SampleRecord) -> None:
        """The next record; ``confidence`` says which ones count."""
        answer = calibration.confidence(record)
        if answer is not None:
            self._answers.append(answer)

    def found(self) -> Reliability | None:
        """None where no answer had a probability."""
        total = len(self._answers)
        if not total:
            return None
        bins = calibration.reliability(self._answers)
        error = (
            sum(each.count * abs(each.accuracy.value - each.confidence) for each in bins) / total
        )
        return Reliability(
            tuple(_bin(each, total) for each in bins),
            numbers.count(total),
            numbers.decimal(error, 3),
        )


def _bin(found: calibration.Bin, total: int) -> Bin:
    right = found.accuracy
    number = numbers.number(right, digits=3)
    return Bin(
        x=round(100 * found.confidence, 2),
        y=round(100 - 100 * right.value, 2),
        low=round(100 - 100 * right.low, 2),
        high=round(100 - 100 * right.high, 2),
        size=round(100 * found.count / total, 2),
        confidence=numbers.decimal(found.confidence, 3),
        accuracy=number.value,
        interval=number.interval,
        n=numbers.count(found.count),
    )
