"""What a comparison found, in one sentence, and its metrics with the most telling first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from harness.authoring.reporting import numbers
from harness.types import MetricComparison, RunComparison

Finding: TypeAlias = Literal["worse", "better", "changed", "no difference shown"]
FINDINGS: tuple[Finding, ...] = ("worse", "better", "changed", "no difference shown")
NOT_TOLD_APART = "not told apart"
"""What ``no difference shown`` is called where there is room for few words."""


@dataclass(frozen=True, slots=True)
class NamedChange:
    """A metric of a task in both runs."""

    task: str
    metric: MetricComparison

    @property
    def name(self) -> str:
        """``TASK.METRIC``."""
        return f"{self.task}.{self.metric.metric}"

    @property
    def label(self) -> str:
        """``TASK.METRIC`` with an arrow towards the better side, or the ideal; or uncalibrated."""
        metric = self.metric
        return numbers.label(self.name, metric.higher_is_better, metric.ideal, metric.calibration)

    @property
    def said(self) -> str:
        """The name as a sentence says it."""
        return numbers.label(self.name, None, None, self.metric.calibration)

    @property
    def digits(self) -> int:
        """Decimals for both values and their difference."""
        metric = self.metric
        return numbers.digits_for([metric.baseline, metric.candidate, metric.difference])

    @property
    def values(self) -> str:
        """``0.713 → 0.043``."""
        before, after = self.metric.baseline.value, self.metric.candidate.value
        return f"{numbers.decimal(before, self.digits)} → {numbers.decimal(after, self.digits)}"

    @property
    def change(self) -> numbers.Number:
        """Candidate − baseline with its interval, signed."""
        return numbers.number(self.metric.difference, self.digits, signed=True)

    @property
    def size(self) -> float:
        """The change as a share of its scale: of 1 for fractions, else of the larger value."""
        metric = self.metric
        before, after = abs(metric.baseline.value), abs(metric.candidate.value)
        size = abs(metric.difference.value) / max(1.0, before, after)
        return size if math.isfinite(size) else 0.0


def changes(comparison: RunComparison) -> list[NamedChange]:
    """Every compared metric: worse, better, changed, each with the largest change first; the rest.

    The rest begins with what is nearest to being told apart.
    """
    found = [NamedChange(task.task, metric) for task in comparison.tasks for metric in task.metrics]
    return sorted(found, key=_rank)


def _rank(change: NamedChange) -> tuple[int, float]:
    place = FINDINGS.index(change.metric.verdict)
    if change.metric.verdict != "no difference shown":
        return place, -change.size
    return place, change.metric.p_value if math.isfinite(change.metric.p_value) else math.inf


def sentence(comparison: RunComparison) -> str:
    """``Worse on 2 of 11 metrics, better on 1, 8 not told apart; largest: …``."""
    found = changes(comparison)
    skipped = sum(len(task.skipped) for task in comparison.tasks)
    left_out = f"; {skipped} could not be compared" if skipped else ""
    if not found:
        return f"No metric could be compared{left_out}."
    shown = [each for each in found if each.metric.verdict != "no difference shown"]
    if not shown:
        return f"{_nothing_shown(found)}{left_out}."
    largest = max(shown, key=lambda each: each.size)
    return f"{_counted(found)}; largest: {_told(largest)}{left_out}."


def _nothing_shown(found: Sequence[NamedChange]) -> str:
    if len(found) == 1:
        return f"No difference shown: {_told(found[0])}"
    return f"No difference shown on any of {len(found)} metrics; nearest to one: {_told(found[0])}"


def _counted(found: Sequence[NamedChange]) -> str:
    counts = {name: sum(each.metric.verdict == name for each in found) for name in FINDINGS}
    words = {"worse": "worse on", "better": "better on", "changed": "changed on"}
    parts = [f"{words[name]} {counts[name]}" for name in FINDINGS[:3] if counts[name]]
    parts[0] += f" of {len(found)} metric{'s' if len(found) > 1 else ''}"
    if counts["no difference shown"]:
        parts.append(f"{counts['no difference shown']} {NOT_TOLD_APART}")
    text = ", ".join(parts)
    return text[0].upper() + text[1:]


def _told(change: NamedChange) -> str:
    number = change.change
    return " ".join(part for part in (change.said, number.value, number.interval) if part)
