"""Probes × tasks: how each probe changes each task's first metric, at one glance."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness_reports.robustness import ProbeRow
from harness_reports.view import RunView

_STEPS = (0.02, 0.05, 0.15)
"""Changes, as shares of the metric's scale, from which a cell gets the next shade."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A probe on a task; ``shade`` is −3 (much worse) to 3 (much better), ``shown`` whether the
    interval leaves out no change."""

    task: str
    text: str
    told: str
    shade: int
    shown: bool


@dataclass(frozen=True, slots=True)
class HeatMap:
    """One row a probe, one column a task; None where a probe has nothing to say."""

    tasks: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell | None, ...]], ...]


def heat_map(run: RunView) -> HeatMap | None:
    """The map; None where there are no two cells to compare."""
    tasks = [task for task in run.tasks if any(probe.rows for probe in task.probes)]
    names = list(dict.fromkeys(probe.name for task in tasks for probe in task.probes if probe.rows))
    found = {
        (task.name, probe.name): probe.rows[0]
        for task in tasks
        for probe in task.probes
        if probe.rows
    }
    if len(found) < 2:
        return None
    return HeatMap(
        tuple(task.name for task in tasks),
        tuple(
            (name, tuple(_cell(task.name, found.get((task.name, name))) for task in tasks))
            for name in names
        ),
    )


def _cell(task: str, row: ProbeRow | None) -> Cell | None:
    if row is None:
        return None
    value, low, high = row.estimate.value, row.estimate.low, row.estimate.high
    scale = max(1.0, abs(value))
    size = sum(abs(value) / scale >= step for step in _STEPS) if math.isfinite(value) else 0
    sign = 0 if row.higher_is_better is None else 1 if row.higher_is_better == (value > 0) else -1
    return Cell(
        task=task,
        text=row.change.value,
        told=f"{row.label} {row.change}, n = {row.change.n}",
        shade=sign * size,
        shown=low > 0 or high < 0,
    )
