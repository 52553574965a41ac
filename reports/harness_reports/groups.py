"""Groups of samples: which stands worst, and how far apart they are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.types import Estimate, MetricResult, TaskResult
from harness_reports import numbers
from harness_reports.drawing import Mark, Scale, close_axis, mark
from harness_reports.numbers import Number

_NOTHING = Estimate(math.nan, math.nan, math.nan, math.nan, 0, "")


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One group's value; ``too_small`` where no interval could be given."""

    group: str
    number: Number
    mark: Mark | None
    too_small: bool


@dataclass(frozen=True, slots=True)
class Gap:
    """The largest difference between two groups, ``worst`` first."""

    worst: str
    best: str
    number: Number


@dataclass(frozen=True, slots=True)
class GroupTable:
    """One metric by one attribute; ``order`` says what the first row is."""

    attribute: str
    metric: str
    label: str
    order: str
    rows: tuple[GroupRow, ...]
    gap: Gap | None
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


def _group_table(
    attribute: str,
    metric: str,
    results: Mapping[str, MetricResult],
    overall: MetricResult | None,
) -> GroupTable:
    estimates = {name: result.estimate for name, result in results.items()}
    higher_is_better = next(iter(results.values())).higher_is_better
    whole = overall.estimate if overall is not None else None
    centre = whole.value if whole is not None and math.isfinite(whole.value) else None
    solid = [estimate for estimate in estimates.values() if _is_bounded(estimate)]
    axis = close_axis(solid, [] if centre is None else [centre])
    digits = numbers.digits_for(estimates.values())
    ordered = worst_first(estimates, higher_is_better)
    rows = tuple(
        GroupRow(
            group=name,
            number=numbers.number(estimates[name], digits),
            mark=mark(estimates[name], axis, centre) if estimates[name] in solid else None,
            too_small=not _is_bounded(estimates[name]),
        )
        for name in ordered
    )
    return GroupTable(
        attribute=attribute,
        metric=metric,
        label=numbers.label(metric, higher_is_better),
        order="largest first" if higher_is_better is None else "worst first",
        rows=rows,
        gap=_gap([(name, estimates[name]) for name in ordered], digits),
        overall=numbers.number(whole if whole is not None else _NOTHING, digits),
        scale=axis.scale,
    )


def worst_first(estimates: Mapping[str, Estimate], higher_is_better: bool | None) -> list[str]:
    """Group names from the worst to the best; those without an interval come last.

    Where neither direction is better, the largest in size comes first: the further a bias
    score is from 0, the worse.
    """

    def key(name: str) -> tuple[bool, float, str]:
        estimate = estimates[name]
        if not math.isfinite(estimate.value):
            return True, math.inf, name
        if higher_is_better is None:
            rank = -abs(estimate.value)
        else:
            rank = estimate.value if higher_is_better else -estimate.value
        return not _is_bounded(estimate), rank, name

    return sorted(estimates, key=key)


def _is_bounded(estimate: Estimate) -> bool:
    return math.isfinite(estimate.low) and math.isfinite(estimate.high)


def _gap(ordered: Sequence[tuple[str, Estimate]], digits: int) -> Gap | None:
    """Between the extremes; groups too small for an interval take no part.

    The standard error treats groups as independent: sqrt(SE₁² + SE₂²). The largest of several
    differences overstates the true one, and the method says so.
    """
    solid = [(name, estimate) for name, estimate in ordered if _is_bounded(estimate)]
    if len(solid) < 2:
        return None
    low = min(solid, key=lambda pair: pair[1].value)
    high = max(solid, key=lambda pair: pair[1].value)
    first, second = (low, high) if solid[0][0] != high[0] else (high, low)
    difference = high[1].value - low[1].value
    stderr = math.hypot(high[1].stderr, low[1].stderr)
    estimate = Estimate(
        difference,
        stderr,
        math.nan,
        math.nan,
        high[1].n + low[1].n,
        f"largest of {len(solid)} groups, taken as independent; tends to overstate",
    )
    return Gap(first[0], second[0], numbers.number(estimate, digits))
