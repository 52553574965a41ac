"""Groups of samples: which stands worst, and how far apart they are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from harness.authoring.measures.fairness import MINIMUM
from harness.authoring.reporting import numbers
from harness.authoring.reporting.drawing import Mark, MeasureRow, Scale, close_axis, full_axis, mark
from harness.authoring.reporting.numbers import Number
from harness.types import Estimate, MetricResult, TaskResult

_NOTHING = Estimate(math.nan, math.nan, math.nan, math.nan, 0, "")


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One group's value.

    ``too_small`` where no interval could be given, ``small`` where the group is too small to be
    compared with others.
    """

    group: str
    number: Number
    mark: Mark | None
    too_small: bool
    small: bool

    @property
    def interval(self) -> str:
        """The interval in words, or why there is none."""
        if not self.too_small:
            return self.number.interval
        return "too small" if self.small else "no interval"


@dataclass(frozen=True, slots=True)
class FairnessTable:
    """How far apart the groups of an attribute are; the methods name the two groups."""

    attribute: str
    rows: tuple[MeasureRow, ...]

    @property
    def gaps(self) -> tuple[MeasureRow, ...]:
        """The rows that say how far the best group is from the worst."""
        return tuple(row for row in self.rows if row.measure == "gap")

    @property
    def largest_shown(self) -> MeasureRow | None:
        """The largest gap whose interval leaves out 0; None where none is shown."""
        shown = [row for row in self.gaps if row.estimate.low > 0]
        return max(shown, key=lambda row: row.estimate.value, default=None)


@dataclass(frozen=True, slots=True)
class GroupTable:
    """One metric by one attribute; ``order`` says what the first row is."""

    attribute: str
    metric: str
    label: str
    order: str
    rows: tuple[GroupRow, ...]
    overall: Number
    scale: Scale


def group_tables(task: TaskResult) -> list[GroupTable]:
    """A table for each attribute and metric, in the order of the task's metrics."""
    tables = []
    for attribute, groups in task.groups.items():
        present = {metric for metrics in groups.values() for metric in metrics}
        ordered = [name for name in task.metrics if name in present]
        for metric in [*ordered, *sorted(present.difference(ordered))]:
            results = {name: found[metric] for name, found in groups.items() if metric in found}
            tables.append(_group_table(attribute, metric, results, task.metrics.get(metric)))
    return tables


def fairness_tables(task: TaskResult) -> list[FairnessTable]:
    """A table for each attribute whose groups could be compared."""
    tables = []
    for attribute, metrics in task.fairness.items():
        rows = []
        for metric, measures in metrics.items():
            for measure, estimate in measures.items():
                axis = full_axis([estimate])
                rows.append(
                    MeasureRow(
                        metric=metric.replace("_", " ") if metric not in task.metrics else metric,
                        measure=measure.replace("_", " ").replace("@", ", "),
                        number=numbers.number(estimate),
                        mark=mark(estimate, axis),
                        scale=axis.scale,
                        estimate=estimate,
                    )
                )
        if rows:
            tables.append(FairnessTable(attribute, tuple(rows)))
    return tables


def _group_table(
    attribute: str,
    metric: str,
    results: Mapping[str, MetricResult],
    overall: MetricResult | None,
) -> GroupTable:
    estimates = {name: result.estimate for name, result in results.items()}
    first = next(iter(results.values()))
    higher_is_better, ideal = first.higher_is_better, first.ideal
    whole = overall.estimate if overall is not None else None
    centre = whole.value if whole is not None and math.isfinite(whole.value) else None
    solid = [estimate for estimate in estimates.values() if _is_bounded(estimate)]
    axis = close_axis(solid, [] if centre is None else [centre])
    digits = numbers.digits_for(estimates.values())
    ordered = worst_first(estimates, higher_is_better, ideal)
    rows = tuple(
        GroupRow(
            group=name,
            number=numbers.number(estimates[name], digits),
            mark=mark(estimates[name], axis, centre) if estimates[name] in solid else None,
            too_small=not _is_bounded(estimates[name]),
            small=estimates[name].n < MINIMUM,
        )
        for name in ordered
    )
    return GroupTable(
        attribute=attribute,
        metric=metric,
        label=numbers.label(metric, higher_is_better, ideal, first.calibration),
        order="largest first" if higher_is_better is None and ideal is None else "worst first",
        rows=rows,
        overall=numbers.number(whole if whole is not None else _NOTHING, digits),
        scale=axis.scale,
    )


def worst_first(
    estimates: Mapping[str, Estimate],
    higher_is_better: bool | None,
    ideal: float | None = None,
) -> list[str]:
    """Group names from the worst to the best; those without an interval come last.

    Where neither direction is better, the furthest from the ideal, by default from 0, comes first.
    """

    def key(name: str) -> tuple[bool, float, str]:
        estimate = estimates[name]
        if not math.isfinite(estimate.value):
            return True, math.inf, name
        if higher_is_better is None:
            rank = -abs(estimate.value - (ideal or 0.0))
        else:
            rank = estimate.value if higher_is_better else -estimate.value
        return not _is_bounded(estimate), rank, name

    return sorted(estimates, key=key)


def _is_bounded(estimate: Estimate) -> bool:
    return math.isfinite(estimate.low) and math.isfinite(estimate.high)
