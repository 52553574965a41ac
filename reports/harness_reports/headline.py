"""A run in one sentence, and its suites in one line each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness_reports.view import MetricRow, RunView


@dataclass(frozen=True, slots=True)
class SuiteLine:
    """A suite that was asked for; ``headline`` is the score furthest from where it should be."""

    name: str
    tasks: tuple[str, ...]
    samples: str
    errors: str
    worst: str
    headline: MetricRow

    @property
    def told(self) -> str:
        """``bias, 5 tasks; worst: crows_pairs.stereotype_share → 0.5``."""
        return f"{self.name}, {len(self.tasks)} tasks; worst: {self.worst}"


def suite_lines(run: RunView, suites: Mapping[str, Sequence[str]]) -> list[SuiteLine]:
    """A line for each suite with at least two tasks that have a score."""
    lines = []
    taken: set[str] = set()
    for name, members in suites.items():
        tasks = [task for task in run.tasks if task.name in members and task.name not in taken]
        scored = [(task, row) for task in tasks for row in task.metrics if row.badness is not None]
        if len(tasks) < 2 or not scored:
            continue
        task, row = max(scored, key=lambda pair: pair[1].badness or 0.0)
        taken |= {each.name for each in tasks}
        lines.append(
            SuiteLine(
                name=name,
                tasks=tuple(each.name for each in tasks),
                samples=_sum(each.n for each in tasks),
                errors=_sum(each.errors for each in tasks),
                worst=f"{task.name}.{row.label}",
                headline=row,
            )
        )
    return lines


def _sum(counts: Iterator[str]) -> str:
    return f"{sum(int(count.replace(',', '')) for count in counts):,}"


# --------------------------------------------------------------------------- sentences


def run_sentence(run: RunView) -> str:
    """``ckpt: 8 tasks, 640 samples, 0 errors; largest gap shown between groups: …``."""
    count = len(run.tasks)
    parts = [
        f"{run.model}: {count} task{'' if count == 1 else 's'}, {run.samples} samples, "
        f"{run.errors} error{'' if run.errors == '1' else 's'}",
        *_probes(run),
        *_gaps(run),
    ]
    return "; ".join(parts) + "."


def _probes(run: RunView) -> Iterator[str]:
    """How many probes are shown to do harm, and which does most."""
    rows = [
        (task, probe.name, row)
        for task in run.tasks
        for probe in task.probes
        for row in probe.rows[:1]
    ]
    if not rows:
        return
    harmful = [each for each in rows if each[2].harm is not None]
    if not harmful:
        yield f"none of {len(rows)} probes is shown to lower a score"
        return
    shares = [each for each in harmful if abs(each[2].estimate.value) <= 1]
    task, name, row = max(shares or harmful, key=lambda each: each[2].harm or 0.0)
    yield (
        f"{len(harmful)} of {len(rows)} probes lower a score, most: {name} on "
        f"{task.name}.{row.metric} {row.change.value} {row.change.interval}"
    )


def _gaps(run: RunView) -> Iterator[str]:
    tables = [(task, table) for task in run.tasks for table in task.fairness if table.gaps]
    if not tables:
        return
    shown = [(task, table, row) for task, table in tables if (row := table.largest_shown)]
    if not shown:
        yield "no gap between groups is shown"
        return
    task, table, row = max(shown, key=lambda each: each[2].estimate.value)
    yield (
        f"largest gap shown between groups: {task.name}.{row.metric} by {table.attribute} "
        f"{row.number.value} {row.number.interval}"
    )
