"""An alignment on the terminal: the answer, a table of targets and guards; all on ``--full``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.authoring.io import terminal
from harness.authoring.literal import one_line
from harness.authoring.reporting import answers, numbers
from harness_align import report
from harness_align.evaluation.verdict import gain_of, role

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from harness_align.loop import AlignResult

STYLES = {"pass": "green", "block": "red", "inconclusive": "yellow"}
SIGNS = {"pass": "✓", "block": "✗", "inconclusive": "?"}
SCREEN = 16
"""Rows that fit on a screen together with what is around them."""


def show(result: AlignResult, console: Console, full: bool = False) -> None:
    """Prints the verdict and what it rests on; ``full`` adds all metrics and held-out prompts."""
    from rich.text import Text

    verdict = result.verdict
    said = f"{SIGNS[verdict.verdict]} {report.HEADLINES[verdict.verdict]}"
    console.print(
        Text.assemble((said, f"bold {STYLES[verdict.verdict]}"), f": {one_line(verdict.sentence)}")
    )
    if result.comparison is not None:
        console.print(Text(one_line(answers.sentence(result.comparison))))
    if result.kept_step is not None:
        console.print(Text(report.kept_weights(result.kept_step)))
    if result.spent is not None:
        told = "; ".join(f"{name} {text}" for name, text in numbers.spent(result.spent))
        console.print(Text(one_line(f"Training: {told}")))
    rules = list(result.aims.rules)
    terminal.print_table(console, _aims(result, len(rules) if full else SCREEN), names=1)
    if len(rules) > SCREEN and not full:
        console.print(Text(f"… and {len(rules) - SCREEN} more targets and guards (--full)"))
    if result.gate is not None:
        console.print(
            Text.assemble(
                (f"gate {SIGNS[result.gate.verdict]}", STYLES[result.gate.verdict]),
                f" {one_line(result.gate.sentence)}",
            )
        )
    for note in result.verdict.notes:
        console.print(Text(one_line(f"Note: {note}")))
    if not full:
        console.print(Text("Not shown: all metrics, held-out prompts, evidence (--full)", "dim"))
        return
    for each in rules:
        console.print(Text(one_line(f"{role(each)}: {each.sentence}")))
    _print_details(result, console)


def _aims(result: AlignResult, most: int) -> Table:
    from rich.text import Text

    table = _table("target or guard", "", "before → after", "gain", "95 % interval")
    for each in result.aims.rules[:most]:
        gain = gain_of(each)
        number = None if gain is None else numbers.number(gain, signed=True)
        table.add_row(
            Text(one_line(f"{each.metric} ({role(each)})")),
            Text(f"{SIGNS[each.verdict]} {each.verdict}", style=STYLES[each.verdict]),
            report.values(each),
            "" if number is None else number.value,
            Text("" if number is None else number.interval, style="dim"),
        )
    return table


def _print_details(result: AlignResult, console: Console) -> None:
    from rich.text import Text

    if result.comparison is not None:
        table = _table("metric", "before → after", "change", "95 % interval", "p")
        for change in answers.changes(result.comparison):
            table.add_row(
                Text(one_line(change.label)),
                change.values,
                change.change.value,
                Text(change.change.interval, style="dim"),
                numbers.p_value(change.metric.p_value),
            )
        console.print()
        terminal.print_table(console, table, names=1)
    rows = list(report.held_out(result))
    if rows:
        table = _table("on held-out prompts", "value", "n", "meaning")
        for name, value, n, note in rows:
            table.add_row(Text(one_line(name)), value, n, Text(one_line(note), style="dim"))
        console.print()
        terminal.print_table(console, table, names=1)


def _table(*columns: str) -> Table:
    from rich.table import Table

    table = Table(box=None, header_style="dim", padding=(0, 1, 0, 0), pad_edge=False)
    for place, name in enumerate(columns):
        table.add_column(name, no_wrap=place > 0 and name != "meaning", overflow="fold")
    return table
