"""Every table of a run on the terminal: what ``--full`` prints below the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from harness.authoring.literal import one_line
from harness_reports.gate import GateView
from harness_reports.groups import GroupTable
from harness_reports.robustness import ProbeView
from harness_reports.view import RunView, TaskView, notes

if TYPE_CHECKING:
    from rich.console import RenderableType

_STYLES = {"pass": "bold green", "block": "bold red", "inconclusive": "bold yellow"}
_SIGNS = {"pass": "✓", "block": "✗", "inconclusive": "?"}
_GROUPS_SHOWN = 5


def parts(run: RunView) -> list[RenderableType]:
    """Metrics, notes, groups, probes and the gate's rules, in this order."""
    parts: list[RenderableType] = [_metrics(run)]
    parts.extend(_note(names, note) for names, note in notes(run.tasks))
    for task in run.tasks:
        parts.extend(_groups(task))
    for task in run.tasks:
        parts.extend(_probes(task))
    if run.gate is not None:
        parts.extend(_gate(run.gate))
    return parts


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
    table.add_column("metric", overflow="fold")
    _value_columns(table)
    table.add_column("err.", justify="right", no_wrap=True)
    for task in run.tasks:
        errors = Text(task.errors, style="yellow" if task.has_errors else "dim")
        if not task.metrics:
            table.add_row(_name(task), "—", "—", "", task.n, errors)
        for index, row in enumerate(task.metrics):
            first = index == 0
            table.add_row(
                _name(task, index),
                _text(row.label),
                Text.assemble((row.number.value, "bold"), " ", (row.number.error, "dim")),
                Text(row.number.interval, style="dim"),
                row.number.n,
                errors if first else "",
            )
    return table


def _name(task: TaskView, index: int = 0) -> Text:
    """The name; the version in the row below it, or beside it where there is no such row."""
    version = Text(f"v{one_line(task.version)}", style="dim")
    if index == 1:
        return version
    name = _text(task.name) if index == 0 else Text()
    return name if len(task.metrics) > 1 else Text.assemble(name, " ", version)


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
    hidden = {row.metric for row in task.metrics} - {groups.metric}
    for row in groups.rows[:_GROUPS_SHOWN]:
        interval = row.interval
        group = f"{row.group} (small)" if row.small else row.group
        table.add_row(_text(group), row.number.short, Text(interval, style="dim"), row.number.n)
    left = len(groups.rows) - _GROUPS_SHOWN
    if left > 0:
        table.add_row(Text(f"… {left} more in the HTML report", style="dim"), "", "", "")
    measures = [
        measure
        for fairness in task.fairness
        if fairness.attribute == groups.attribute
        for measure in fairness.rows
        # The metric shown, and what is measured of the task as a whole.
        if measure.metric not in hidden
    ]
    for measure in measures:
        is_shown = measure.metric == groups.metric
        table.add_row(
            _text(measure.measure if is_shown else f"{measure.metric}, {measure.measure}", "dim"),
            measure.number.short,
            Text(measure.number.interval, style="dim"),
            measure.number.n,
        )
    return table


def _probes(task: TaskView) -> list[RenderableType]:
    """One row a probe, by its first metric; then what was not asked, and why."""
    parts: list[RenderableType] = []
    shown = [(probe, probe.rows[0]) for probe in task.probes if probe.rows]
    if shown:
        metric = shown[0][1].label
        table = _table(f"{one_line(task.name)}: robustness of {one_line(metric)}")
        table.add_column("probe", overflow="fold")
        _value_columns(table, "mean change")
        table.add_column("worst case", no_wrap=True)
        table.add_column("flips", no_wrap=True)
        for probe, row in shown:
            other = "" if row.label == metric else f" ({row.label})"
            table.add_row(
                _text(probe.name + other),
                row.change.short,
                Text(row.change.interval, style="dim"),
                row.change.n,
                row.worst_case.value if row.worst_case else "",
                row.flip_rate.value if row.flip_rate else "",
            )
        parts.append(table)
        counted = dict.fromkeys(probe.flips_count for probe, _ in shown if probe.flips_count)
        if counted:
            parts.append(Text(f"flips: share of variants with {', or '.join(counted)}", "dim"))
    parts += measured(task, full=True)
    skipped = [
        f"{probe.name} {count} × {reason}"
        for probe in task.probes
        for reason, count in probe.skipped
    ]
    if skipped:
        text = f"{one_line(task.name)}, variants not asked: {one_line('; '.join(skipped))}"
        parts.append(Text(text, style="dim"))
    return parts


def measured(task: TaskView, full: bool = False) -> list[Text]:
    """What probes measured without a mean change: a line of the first metric, or of each."""
    lines = []
    for probe in task.probes:
        metrics = [] if probe.rows else list(dict.fromkeys(row.metric for row in probe.measures))
        lines += [_measured(task, probe, metric) for metric in (metrics if full else metrics[:1])]
    return lines


def _measured(task: TaskView, probe: ProbeView, metric: str) -> Text:
    told = [
        f"{row.measure} {row.number.value} {row.number.interval}".rstrip()
        for row in probe.measures
        if row.metric == metric
    ]
    name = one_line(f"{task.name}.{metric}, {probe.name}")
    return Text.assemble((name, "bold"), f": {one_line('; '.join(told))}")


def _gate(gate: GateView) -> list[RenderableType]:
    parts: list[RenderableType] = []
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
