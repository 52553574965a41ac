"""Tables on the terminal; plain text without escape codes when piped."""

from __future__ import annotations

from pathlib import Path
from typing import IO, TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.types import RunResult
from harness_reports.groups import GroupTable
from harness_reports.text import one_line
from harness_reports.view import GateView, RunView, TaskView, notes, view

if TYPE_CHECKING:
    from rich.console import RenderableType

_STYLES = {"pass": "bold green", "block": "bold red", "inconclusive": "bold yellow"}
_SIGNS = {"pass": "✓", "block": "✗", "inconclusive": "?"}
_GROUPS_SHOWN = 5


class ConsoleReporter:
    """Prints to standard output, or to ``file``."""

    def __init__(self, file: IO[str] | None = None) -> None:
        self._file = file

    def render(self, result: RunResult, out: Path) -> None:
        """Prints the tables; nothing is read from or written to the run folder ``out``."""
        del out
        console = Console(file=self._file, highlight=False, emoji=False, markup=False)
        run = view(result)
        for part in _parts(run):
            if isinstance(part, Table):
                console.print()
            console.print(part)


def _parts(run: RunView) -> list[RenderableType]:
    parts: list[RenderableType] = [_title(run)]
    if not run.complete:
        parts.append(Text("The run is incomplete.", style="yellow"))
    parts.append(_metrics(run))
    parts.extend(_note(names, note) for names, note in notes(run.tasks))
    for task in run.tasks:
        parts.extend(_groups(task))
    if any(task.probes for task in run.tasks):
        parts.append(_probes(run))
    if run.gate is not None:
        parts.extend(_gate(run.gate))
    return parts


def _title(run: RunView) -> Text:
    return Text.assemble((one_line(run.model), "bold"), (f"  {one_line(run.run_id)}", "dim"))


def _table(title: str | None = None) -> Table:
    return Table(
        box=None,
        title=None if title is None else Text(title, style="bold"),
        title_justify="left",
        header_style="dim",
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )


def _value_columns(table: Table, value: str = "value") -> None:
    table.add_column(value, no_wrap=True)
    table.add_column("95 % interval", no_wrap=True)
    table.add_column("n", justify="right", no_wrap=True)


def _metrics(run: RunView) -> RenderableType:
    table = _table()
    table.add_column("task", overflow="fold")
    table.add_column("v", no_wrap=True)
    table.add_column("metric", overflow="fold")
    _value_columns(table)
    table.add_column("errors", justify="right", no_wrap=True)
    for task in run.tasks:
        errors = Text(task.errors, style="yellow" if task.has_errors else "dim")
        if not task.metrics:
            table.add_row(_text(task.name), _text(task.version), "—", "—", "", task.n, errors)
        for index, row in enumerate(task.metrics):
            first = index == 0
            table.add_row(
                _text(task.name) if first else "",
                _text(task.version, "dim") if first else "",
                _text(row.label),
                Text.assemble((row.number.value, "bold"), " ", (row.number.error, "dim")),
                Text(row.number.interval, style="dim"),
                row.number.n,
                errors if first else "",
            )
    return table


def _note(names: str, note: str) -> Text:
    return Text.assemble((f"{one_line(names)}: ", "yellow"), one_line(note))


def _groups(task: TaskView) -> list[RenderableType]:
    """One table for each attribute with several groups, by the first metric that has them."""
    first: dict[str, GroupTable] = {}
    for table in task.groups:
        first.setdefault(table.attribute, table)
    return [_group_table(task, table) for table in first.values() if len(table.rows) > 1]


def _group_table(task: TaskView, groups: GroupTable) -> RenderableType:
    title = f"{one_line(task.name)} by {one_line(groups.attribute)}, {groups.order}"
    table = _table(title)
    table.add_column("group", overflow="fold")
    _value_columns(table, one_line(groups.label))
    for row in groups.rows[:_GROUPS_SHOWN]:
        interval = "too small" if row.too_small else row.number.interval
        table.add_row(_text(row.group), row.number.short, Text(interval, style="dim"), row.number.n)
    left = len(groups.rows) - _GROUPS_SHOWN
    if left > 0:
        table.add_row(Text(f"… {left} more in the HTML report", style="dim"), "", "", "")
    if groups.gap is not None:
        pair = one_line(f"{groups.gap.worst} – {groups.gap.best}")
        table.add_row(_text("largest gap", "dim"), groups.gap.number.short, _text(pair, "dim"), "")
    return table


def _probes(run: RunView) -> RenderableType:
    table = _table("Probes")
    table.add_column("task", overflow="fold")
    table.add_column("probe", overflow="fold")
    table.add_column("measure", overflow="fold")
    _value_columns(table)
    for task in run.tasks:
        for row in task.probes:
            table.add_row(
                _text(task.name),
                _text(row.probe),
                _text(f"{row.metric}, {row.measure}"),
                row.number.short,
                Text(row.number.interval, style="dim"),
                row.number.n,
            )
    return table


def _gate(gate: GateView) -> list[RenderableType]:
    parts: list[RenderableType] = [
        Text.assemble(
            "\n",
            (f"{_SIGNS[gate.verdict]} {gate.headline}", _STYLES[gate.verdict]),
            f"  {one_line(gate.sentence)}",
        )
    ]
    for rule in gate.rules:
        parts.append(
            Text.assemble(
                (f"  {_SIGNS[rule.verdict]} ", _STYLES[rule.verdict]),
                (one_line(f"{rule.metric} {rule.rule}"), "bold"),
                f": {one_line(rule.sentence)}",
            )
        )
    return parts


def _text(text: str, style: str = "") -> Text:
    return Text(one_line(text), style=style)
