"""What probes say of a task: the change of each metric, levels of strength, what was skipped."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from harness.authoring.reporting import numbers
from harness.authoring.reporting.drawing import (
    Axis,
    Mark,
    MeasureRow,
    Scale,
    around_zero,
    full_axis,
    mark,
)
from harness.authoring.reporting.numbers import Number
from harness.types import Estimate, TaskResult

_COLUMNS = ("score", "mean_change", "worst_case", "flip_rate")
"""The measures that have a column; others get a row."""


@dataclass(frozen=True, slots=True)
class ProbeRow:
    """One metric under one probe; ``mark`` draws the mean change around no change."""

    metric: str
    label: str
    change: Number
    mark: Mark | None
    scale: Scale
    score: Number | None
    worst_case: Number | None
    flip_rate: Number | None
    estimate: Estimate
    higher_is_better: bool | None

    @property
    def harm(self) -> float | None:
        """How much worse the probe is shown to make the score; None where it is not shown."""
        found = self.estimate
        if self.higher_is_better is None or not (found.low > 0 or found.high < 0):
            return None
        harm = -found.value if self.higher_is_better else found.value
        return harm if harm > 0 else None


@dataclass(frozen=True, slots=True)
class Level:
    """One level of strength, kind or group of a probe."""

    label: str
    score: Number
    change: Number
    mark: Mark | None


@dataclass(frozen=True, slots=True)
class StrengthPoint:
    """A score in a chart of 100 × 100, y downwards; whiskers where there is an interval."""

    x: float
    y: float
    low: float | None
    high: float | None
    title: str


@dataclass(frozen=True, slots=True)
class StrengthChart:
    """Score against strength, from the unchanged samples at 0 on."""

    points: tuple[StrengthPoint, ...]
    line: str
    x: Scale
    y: Scale


@dataclass(frozen=True, slots=True)
class Levels:
    """The first metric at each level; ``chart`` where the levels are strengths."""

    metric: str
    label: str
    rows: tuple[Level, ...]
    scale: Scale
    chart: StrengthChart | None


@dataclass(frozen=True, slots=True)
class ProbeView:
    """One probe of one task; ``skipped`` has the reasons and how many variants they cost."""

    name: str
    rows: tuple[ProbeRow, ...]
    measures: tuple[MeasureRow, ...]
    levels: Levels | None
    skipped: tuple[tuple[str, str], ...]

    @property
    def flips_count(self) -> str:
        """What a flip is, as the flip rate's method says; empty where there is no flip rate."""
        rates = [row.flip_rate.method for row in self.rows if row.flip_rate is not None]
        return rates[0].partition(";")[0] if rates else ""


def probe_views(task: TaskResult) -> list[ProbeView]:
    """The probes in their order, those that found nothing to change too."""
    skipped = {probe: reasons for probe, reasons in task.skipped_variants.items() if reasons}
    names = [*task.probes, *(name for name in skipped if name not in task.probes)]
    changes: dict[str, list[Estimate]] = {}
    for metrics in task.probes.values():
        for metric, measures in metrics.items():
            if "mean_change" in measures:
                changes.setdefault(metric, []).append(measures["mean_change"])
    axes = {metric: around_zero(estimates) for metric, estimates in changes.items()}
    return [_probe(task, name, axes, skipped.get(name, {})) for name in dict.fromkeys(names)]


def _probe(
    task: TaskResult, name: str, axes: Mapping[str, Axis], skipped: Mapping[str, int]
) -> ProbeView:
    metrics = task.probes.get(name, {})
    rows, others = [], []
    for metric, measures in metrics.items():
        if "mean_change" in measures:
            rows.append(_row(task, metric, measures, axes[metric]))
        others += [
            _measure(metric, measure, estimate)
            for measure, estimate in measures.items()
            if "@" not in measure and not ("mean_change" in measures and measure in _COLUMNS)
        ]
    first = next(
        (metric for metric, measures in metrics.items() if any("@" in name for name in measures)),
        None,
    )
    return ProbeView(
        name=name,
        rows=tuple(rows),
        measures=tuple(others),
        levels=None if first is None else _levels(task, first, metrics[first]),
        skipped=tuple((reason, numbers.count(count)) for reason, count in skipped.items()),
    )


def _row(task: TaskResult, metric: str, measures: Mapping[str, Estimate], axis: Axis) -> ProbeRow:
    change = measures["mean_change"]
    digits = numbers.digits_for([change])
    result = task.metrics.get(metric)
    found = {
        measure: numbers.number(measures[measure], digits) if measure in measures else None
        for measure in ("score", "worst_case", "flip_rate")
    }
    return ProbeRow(
        metric=metric,
        label=_label(task, metric),
        change=numbers.number(change, digits, signed=True),
        mark=mark(change, axis, 0.0),
        scale=axis.scale,
        estimate=change,
        higher_is_better=None if result is None else result.higher_is_better,
        **found,
    )


def _label(task: TaskResult, metric: str) -> str:
    result = task.metrics.get(metric)
    if result is None:
        return metric
    return numbers.label(metric, result.higher_is_better, result.ideal, result.calibration)


def _measure(metric: str, measure: str, estimate: Estimate) -> MeasureRow:
    is_change = any(word in measure for word in ("change", "difference", "worst_group"))
    axis = around_zero([estimate]) if is_change else full_axis([estimate])
    return MeasureRow(
        metric=metric,
        measure=measure.replace("_", " "),
        number=numbers.number(estimate, signed=is_change),
        mark=mark(estimate, axis, 0.0 if axis.low < 0 else None),
        scale=axis.scale,
        estimate=estimate,
    )


# --------------------------------------------------------------------------- levels


def _levels(task: TaskResult, metric: str, measures: Mapping[str, Estimate]) -> Levels | None:
    labels = [name.removeprefix("score@") for name in measures if name.startswith("score@")]
    labels = [label for label in labels if f"mean_change@{label}" in measures]
    if not labels:
        return None
    changes = [measures[f"mean_change@{label}"] for label in labels]
    axis, digits = around_zero(changes), numbers.digits_for(changes)
    return Levels(
        metric=metric,
        label=_label(task, metric),
        rows=tuple(
            Level(
                label=label,
                score=numbers.number(measures[f"score@{label}"], digits),
                change=numbers.number(change, digits, signed=True),
                mark=mark(change, axis, 0.0),
            )
            for label, change in zip(labels, changes, strict=True)
        ),
        scale=axis.scale,
        chart=_chart(labels, measures),
    )


def _chart(labels: list[str], measures: Mapping[str, Estimate]) -> StrengthChart | None:
    strengths = [_strength(label) for label in labels]
    scores = [measures[f"score@{label}"] for label in labels]
    known = [
        (strength, score)
        for strength, score in zip(strengths, scores, strict=True)
        if strength is not None and math.isfinite(score.value)
    ]
    if len(known) < max(2, len(labels)):
        return None
    known.sort(key=lambda pair: pair[0])
    # What the same samples score unchanged; its own interval is not that of the difference.
    change = measures[f"mean_change@{labels[0]}"].value
    original = Estimate(scores[0].value - change, math.nan, math.nan, math.nan, scores[0].n, "")
    if math.isfinite(original.value):
        known.insert(0, (0.0, original))
    horizontal = Axis(0.0, known[-1][0])
    vertical = full_axis([score for _, score in known])
    points = tuple(_point(strength, score, horizontal, vertical) for strength, score in known)
    return StrengthChart(
        points=points,
        line=" ".join(f"{point.x},{point.y}" for point in points),
        x=horizontal.scale,
        y=vertical.scale,
    )


def _strength(label: str) -> float | None:
    """A level's strength; None for kinds, groups and templates."""
    try:
        value = float(label)
    except ValueError:
        return None
    return value if math.isfinite(value) and value > 0 else None


def _point(strength: float, score: Estimate, horizontal: Axis, vertical: Axis) -> StrengthPoint:
    placed = mark(score, vertical)
    assert placed is not None  # the values are finite
    number = numbers.number(score)
    return StrengthPoint(
        x=horizontal.position(strength),
        y=100 - placed.value,
        low=None if placed.low is None else 100 - placed.low,
        high=None if placed.high is None else 100 - placed.high,
        title=f"{numbers.trimmed(strength) if strength else 'unchanged'}: {number}",
    )
