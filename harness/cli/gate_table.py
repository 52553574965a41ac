"""A verdict's rules as a table, its baseline, and what fell without a rule."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from harness.authoring.io import terminal
from harness.authoring.literal import echo, one_line
from harness.authoring.reporting import numbers
from harness.types import Estimate

if TYPE_CHECKING:
    from rich.table import Table

    from harness.types import BaselineRun, Evidence, GateVerdict, MetricChange, RuleVerdict

SCREEN = 16
"""Rules, and sentences on those that were not kept, that fit on a screen."""
_STYLES = {"pass": "green", "block": "red", "inconclusive": "yellow"}
_SAID = {"pass": "✓ pass", "block": "✗ block", "inconclusive": "? inconclusive"}
_ORDER = {"block": 0, "inconclusive": 1, "pass": 2}


def show(verdict: GateVerdict, full: bool) -> None:
    """Prints the baseline, the table, and sentences: of every rule where ``full``."""
    from rich.text import Text

    baseline = verdict.baseline_run
    console = terminal.console()
    if baseline is not None:
        echo(f"Baseline: {_baseline(baseline)}")
        if baseline.renewal:
            echo(baseline.renewal)
    for line in _unruled(verdict.unruled_falls, full):
        console.print(Text(line, style="red"))
    ordered = sorted(verdict.rules, key=lambda each: _ORDER[each.verdict])
    terminal.print_table(console, _table(ordered if full else ordered[:SCREEN]), names=1)
    left = 0 if full else len(ordered) - SCREEN
    if left > 0:
        echo(f"… and {left} more rules (--full)")
    said = ordered if full else [each for each in ordered if each.verdict != "pass"][:SCREEN]
    for each in said:
        if full or len(verdict.rules) > 1:
            echo(f"{_tier(each)}{each.sentence}")


def _table(rules: list[RuleVerdict]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="dim", padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("rule", overflow="fold")
    for name in ("", "before → after", "change", "95 % interval"):
        table.add_column(name, no_wrap=True)
    confidence = {each.evidence.confidence for each in rules if each.evidence is not None}
    if len(confidence) == 1:
        table.columns[-1].header = f"{confidence.pop() * 100:.4g} % interval"
    for each in rules:
        values, change, interval = _cells(each.evidence)
        table.add_row(
            Text(one_line(f"{_tier(each)}{each.metric} {each.rule}")),
            Text(_SAID[each.verdict], style=_STYLES[each.verdict]),
            values,
            change,
            Text(interval, style="dim"),
        )
    return table


def _tier(rule: RuleVerdict) -> str:
    return "" if rule.decides else f"[{rule.tier}] "


def _cells(found: Evidence | None) -> tuple[str, str, str]:
    """Values, change and interval; the interval is the change's where there is one."""
    if found is None:
        return "–", "", ""
    if found.baseline is None or found.candidate is None:
        number = numbers.number(_estimate(found.value, found.low, found.high))
        return number.value, "", number.interval
    difference = found.candidate - found.baseline
    low, high = found.low, found.high
    if math.isclose(difference, -found.value, abs_tol=1e-12):  # a rule counts what got worse
        low, high = -found.high, -found.low
    elif not math.isclose(difference, found.value, abs_tol=1e-12):
        low = high = math.nan
    change = numbers.number(_estimate(difference, low, high), signed=True)
    digits = numbers.digits_for([_estimate(each) for each in (found.baseline, found.candidate)])
    before, after = (numbers.decimal(each, digits) for each in (found.baseline, found.candidate))
    return f"{before} → {after}", change.value, change.interval


def _estimate(value: float, low: float = math.nan, high: float = math.nan) -> Estimate:
    return Estimate(value, math.nan, low, high, 0, "")


def _baseline(facts: BaselineRun) -> str:
    parts = [facts.run_id]
    if facts.started:
        parts.append(numbers.moment(facts.started))
    if facts.git_commit:
        parts.append(f"commit {facts.git_commit[:12]}")
    if facts.age_days is not None and facts.age_days > 0:
        parts.append(f"{facts.age_days} day{'s' if facts.age_days > 1 else ''} older")
    return ", ".join(parts)


def _unruled(falls: tuple[MetricChange, ...], full: bool) -> Iterator[str]:
    ordered = sorted(falls, key=lambda fall: -abs(fall.difference.value))
    shown = ordered if full else ordered[:5]
    for each in shown:
        ends = [_estimate(each.baseline), _estimate(each.candidate)]
        digits = numbers.digits_for([*ends, each.difference])
        values = (numbers.decimal(end.value, digits) for end in ends)
        number = numbers.number(each.difference, digits, signed=True)
        yield one_line(
            f"Fell, but no rule covers it: {each.metric} {' → '.join(values)}, "
            f"{number.value} {number.interval}"
        )
    if len(falls) > len(shown):
        yield f"… and {len(falls) - len(shown)} more that fell without a rule (--full)"
