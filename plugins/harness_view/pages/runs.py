"""The list of runs."""

from __future__ import annotations

from dataclasses import dataclass

from harness.authoring.reporting import numbers
from harness_view.index.entries import Entry, Measured
from harness_view.pages.site import Answer, View

MOST = 2_000
"""Runs that are listed, the latest ones."""
_SHOWN = 3
_STATES = ("complete", "running", "incomplete", "damaged")


@dataclass(frozen=True, slots=True)
class Row:
    """A run; ``values`` are its first tasks' first metrics."""

    entry: Entry
    values: tuple[tuple[str, str], ...]
    more: int
    tags: tuple[str, ...]
    tasks: str
    progress: str


def render(view: View) -> Answer:
    """The page."""
    entries = list(view.entries.values())
    first: dict[str, list[Measured]] = {}
    for each in view.index.measured(first_only=True):
        first.setdefault(each.run, []).append(each)
    tags = view.notes.tags_of_runs()
    rows = [_row(each, first.get(each.key, []), tags.get(each.path, [])) for each in entries[:MOST]]
    states = [each.state for each in entries]
    text = view.render(
        "runs.html",
        0,
        "Runs",
        rows=rows,
        names=view.names,
        root=str(view.index.root),
        total=len(entries),
        left_out=len(entries) - len(rows),
        states=[(state, states.count(state)) for state in _STATES if state in states],
        tasks=sorted({each.task for found in first.values() for each in found}),
        tags=sorted({tag for row in rows for tag in row.tags}),
        models=sorted({each.model for each in entries if each.model}),
    )
    return Answer(text)


def _row(entry: Entry, first: list[Measured], tags: list[str]) -> Row:
    values = [(each.name, numbers.number(each.estimate).short) for each in first[:_SHOWN]]
    return Row(
        entry,
        tuple(values),
        max(0, len(first) - _SHOWN),
        tuple(tags),
        "\n".join(each.task for each in first),
        progress(entry),
    )


def progress(entry: Entry) -> str:
    """How far a run is that goes on, in words; empty for others."""
    found = entry.progress
    if entry.state != "running" or not found:
        return ""
    role = f", {found['role']}" if found["role"] not in ("", "model") else ""
    where = f"round {found['round']}{role}: " if found["round"] > 1 or role else ""
    return f"{where}{found['done']:,} of {found['total']:,} answers, {numbers.moment(found['at'])}"
