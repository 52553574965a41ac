"""The terminal: the answer in one sentence, then a table of a screen; all tables on ``--full``.

Plain text without escape codes when piped. Nothing is cut: a table that does not fit becomes lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from harness.authoring.io import terminal
from harness.authoring.literal import one_line
from harness.authoring.reporting import answers
from harness.types import RunComparison, RunResult
from harness_reports import comparison, console_tables, provenance
from harness_reports.gate import GateView
from harness_reports.headline import SuiteLine, run_sentence, suite_lines
from harness_reports.view import MetricRow, RunView, TaskView, notes, view

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

SCREEN = 16
"""Rows of a table that fit on a screen together with what stands around it."""
NOTES_SHOWN = 3
MEASURED_SHOWN = 2
"""Probes without a table whose measures stand on the screen, each in some lines."""
LEGEND = "↑ higher is better, ↓ lower is better, → x is best; value ± standard error"
_STYLES = {"pass": "bold green", "block": "bold red", "inconclusive": "bold yellow"}
_SIGNS = {"pass": "✓", "block": "✗", "inconclusive": "?"}
_FINDINGS = {"worse": "red", "better": "green", "changed": "yellow"}


class ConsoleReporter:
    """Prints to standard output, or to ``file``; ``full`` leaves nothing out."""

    def __init__(self, file: IO[str] | None = None, full: bool = False) -> None:
        self._file, self._full = file, full

    def detailed(self) -> ConsoleReporter:
        """The same, with every table."""
        return ConsoleReporter(self._file, full=True)

    def render(self, result: RunResult, out: Path) -> None:
        """Prints the answer and the tables; only the suites asked for are read from ``out``."""
        console = terminal.console(self._file)
        run = view(result)
        _print(console, _answer(run))
        if self._full:
            _print(console, console_tables.parts(run))
        else:
            _print(console, _screen(run, suite_lines(run, provenance.read(out).suites)))

    def render_comparison(self, comparisons: Sequence[RunComparison], out: Path | None) -> None:
        """Prints tables; into a file the same is written as Markdown, which no terminal cuts."""
        if out is not None:
            comparison.write(comparisons, out)
            return
        console = terminal.console(self._file)
        for index, each in enumerate(comparisons):
            _print(console, [*([Text()] if index else []), *_comparison_answer(each)])
            if self._full:
                comparison.print_tables([each], console)
            else:
                _print(console, _comparison_screen(each))


def _print(console: Console, parts: Sequence[RenderableType]) -> None:
    for part in parts:
        if isinstance(part, Table):
            console.print()
            names = 2 if part.columns[0].header == "task" else 1
            terminal.print_table(console, part, names)
        else:
            console.print(part)


def _table(*columns: str, right: Sequence[str] = ()) -> Table:
    table = Table(box=None, header_style="dim", padding=(0, 1, 0, 0), pad_edge=False)
    for place, name in enumerate(columns):
        table.add_column(
            name,
            no_wrap=place > 0,
            overflow="fold",
            justify="right" if name in right else "left",
        )
    return table


# --------------------------------------------------------------------------- a run


def _answer(run: RunView) -> list[RenderableType]:
    """The sentence, and what must not be missed."""
    parts: list[RenderableType] = []
    if run.gate is not None:
        sign = f"{_SIGNS[run.gate.verdict]} {run.gate.headline}"
        parts.append(
            Text.assemble((sign, _STYLES[run.gate.verdict]), f": {one_line(run.gate.sentence)}")
        )
        parts.extend(_beside(run.gate))
    if not run.complete:
        parts.append(Text("The run is incomplete.", style="yellow"))
    parts.extend(_text(failure, "bold red") for failure in run.failures)
    parts.append(_text(run_sentence(run)))
    return parts


def _beside(gate: GateView) -> Iterator[Text]:
    """The baseline, and what fell without a rule."""
    if gate.baseline is not None:
        yield _text(f"Baseline: {gate.baseline.told}", "dim")
        if gate.baseline.renew:
            yield _text(gate.baseline.renew, "yellow")
    if gate.unruled:
        yield _text(gate.unruled, "red")


def _screen(run: RunView, suites: Sequence[SuiteLine]) -> list[RenderableType]:
    parts: list[RenderableType] = []
    if run.gate is not None and run.gate.rules:
        parts.append(_rules(run.gate))
    table, left_out = _scores(run, suites)
    parts.append(table)
    parts.append(_text(LEGEND, "dim"))
    measured = [line for task in run.tasks for line in console_tables.measured(task)]
    measured = measured[:MEASURED_SHOWN]
    parts.extend(measured)
    told = notes(run.tasks)
    parts.extend(_note(names, note) for names, note in told[:NOTES_SHOWN])
    more = [
        *([f"{left_out} more scores"] if left_out else []),
        *([f"{len(told) - NOTES_SHOWN} more notes"] if len(told) > NOTES_SHOWN else []),
        *(["groups"] if any(task.groups for task in run.tasks) else []),
        *(["probes"] if _hides_probes(run, len(measured)) else []),
    ]
    if more:
        parts.append(_text(f"Not shown: {', '.join(more)} (--full)", "dim"))
    return parts


def _hides_probes(run: RunView, measured: int) -> bool:
    """Whether ``--full`` says more of the probes than ``measured`` lines of the screen."""
    full = [line for task in run.tasks for line in console_tables.measured(task, full=True)]
    tables = any(probe.rows or probe.skipped for task in run.tasks for probe in task.probes)
    return tables or len(full) > measured


def _rules(gate: GateView) -> Table:
    """Rules that were not kept first; ``--full`` and the page have their evidence in sentences."""
    table = _table("rule", "", "before → after", "change", gate.interval_header)
    order = {"block": 0, "inconclusive": 1, "pass": 2}
    for rule in sorted(gate.rules, key=lambda each: order[each.verdict])[:SCREEN]:
        values = f"{rule.before} → {rule.after}" if rule.before else rule.after
        table.add_row(
            _text(f"{rule.metric} {rule.rule}"),
            Text(f"{_SIGNS[rule.verdict]} {rule.headline.lower()}", style=_STYLES[rule.verdict]),
            _text(values),
            _text(rule.change),
            _text(rule.interval, "dim"),
        )
    return table


def _scores(run: RunView, suites: Sequence[SuiteLine]) -> tuple[Table, int]:
    """One row a metric, or a task where that would be more than a screen; a line a suite."""
    folded = {name for suite in suites for name in suite.tasks}
    alone = [task for task in run.tasks if task.name not in folded]
    total = sum(len(task.metrics) for task in run.tasks)
    every = sum(max(1, len(task.metrics)) for task in alone) + len(suites) <= SCREEN
    rows: list[tuple[TaskView, MetricRow | None]] = [
        (task, row) for task in alone for row in (task.metrics if every else task.metrics[:1])
    ]
    rows += [(task, None) for task in alone if not task.metrics]
    shown = rows[: max(1, SCREEN - len(suites))]
    table = _table("metric", "value", "95 % interval", "n", "err.", right=("n", "err."))
    for task, row in shown:
        errors = Text(task.errors, style="yellow" if task.has_errors else "dim")
        if row is None:
            table.add_row(_text(task.name), "—", "", task.n, errors)
            continue
        value = Text.assemble((row.number.value, "bold"), " ", (row.number.error, "dim"))
        interval = Text(row.number.interval, style="dim")
        table.add_row(_text(f"{task.name}.{row.label}"), value, interval, row.number.n, errors)
    for suite in suites:
        row = suite.headline
        table.add_row(
            _text(suite.told),
            Text.assemble((row.number.value, "bold"), " ", (row.number.error, "dim")),
            Text(row.number.interval, style="dim"),
            row.number.n,
            Text(suite.errors, style="yellow" if suite.errors != "0" else "dim"),
        )
    shown_metrics = sum(row is not None for _, row in shown) + len(suites)
    return table, total - shown_metrics


def _note(names: str, note: str) -> Text:
    return Text.assemble((f"{one_line(names)}: ", "yellow"), one_line(note))


# --------------------------------------------------------------------------- a comparison


def _comparison_answer(each: RunComparison) -> list[RenderableType]:
    return [
        Text(one_line(answers.sentence(each)), style="bold"),
        _text(comparison.title(each), "dim"),
    ]


def _comparison_screen(each: RunComparison) -> list[RenderableType]:
    found = answers.changes(each)
    parts: list[RenderableType] = []
    if found:
        table = _table("metric", "before → after", "change", "95 % interval", "")
        for change in found[:SCREEN]:
            verdict = change.metric.verdict
            is_shown = verdict != "no difference shown"
            table.add_row(
                _text(change.label),
                _text(change.values),
                Text(change.change.value, style="bold" if is_shown else ""),
                Text(change.change.interval or "too few samples", style="dim"),
                Text(verdict if is_shown else "", style=_FINDINGS.get(verdict, "")),
                style=None if is_shown else "dim",
            )
        parts.append(table)
        parts.append(
            _text("change = candidate − baseline; ↑ higher is better, ↓ lower, → x is best", "dim")
        )
    warnings = [
        f"{task.task} is NOT COMPARABLE, forced: {task.forced}"
        for task in each.tasks
        if task.forced
    ]
    parts.extend(_text(line, "yellow") for line in warnings)
    parts.extend(_text(f"Note: {note}") for note in each.notes)
    left = len(found) - SCREEN
    more = f"{left} more metrics, " if left > 0 else ""
    parts.append(_text(f"Not shown: {more}tests, samples that changed, groups (--full)", "dim"))
    return parts


def _text(text: str, style: str = "") -> Text:
    return Text(one_line(text), style=style)
