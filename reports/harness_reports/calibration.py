"""Reliability diagrams: how often answers of a given confidence are right.

Drawn from the statistics that the calibration error ``ece`` keeps of each sample: for each of
its bins of confidence a count, the confidence and whether the answer was right (Guo et al. 2017,
"On calibration of modern neural networks").
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.stats.inference import wilson
from harness.types import SampleRecord
from harness_reports import numbers

METRIC = "ece"
_Z = 1.959963984540054  # the 97.5 % point of the normal distribution


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
    """The bins that hold samples, from the least confident on."""

    bins: tuple[Bin, ...]
    n: str


class CalibrationCollector:
    """Fed with a task's records, sums the statistics of the originals."""

    def __init__(self) -> None:
        self._sums: list[float] = []

    def add(self, record: SampleRecord) -> None:
        """The next record; variants of probes and records of another shape do not count."""
        value = record.scores.get(METRIC)
        if record.probe is not None or not isinstance(value, tuple) or len(value) % 3:
            return
        numeric = [item for item in value if isinstance(item, float | int)]
        if len(numeric) != len(value):
            return
        self._sums = self._sums or [0.0] * len(numeric)
        if len(self._sums) == len(numeric):
            self._sums = [total + item for total, item in zip(self._sums, numeric, strict=True)]

    def found(self) -> Reliability | None:
        """None where no sample carried the statistics."""
        total = sum(self._sums[0::3])
        if total <= 0:
            return None
        bins = tuple(
            _bin(count, confidence, right, total)
            for count, confidence, right in zip(
                self._sums[0::3], self._sums[1::3], self._sums[2::3], strict=True
            )
            if count > 0
        )
        return Reliability(bins, numbers.count(round(total)))


def _bin(count: float, confidence: float, right: float, total: float) -> Bin:
    share = min(1.0, max(0.0, right / count))
    mean = min(1.0, max(0.0, confidence / count))
    low, high = wilson(share, count, _Z)
    return Bin(
        x=round(100 * mean, 2),
        y=round(100 - 100 * share, 2),
        low=round(100 - 100 * low, 2),
        high=round(100 - 100 * high, 2),
        size=round(100 * count / total, 2),
        confidence=numbers.decimal(mean, 3),
        accuracy=numbers.decimal(share, 3),
        interval=f"[{numbers.decimal(low, 3)}, {numbers.decimal(high, 3)}]",
        n=numbers.count(round(count)),
    )
