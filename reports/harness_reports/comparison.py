"""Comparisons as console tables and as Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.authoring import literal
from harness.authoring.io import terminal
from harness.authoring.io.files import write_atomically
from harness.authoring.literal import one_line
from harness.authoring.reporting import answers, numbers
from harness.types import (
    Estimate,
    FlippedSample,
    MetricComparison,
    RunComparison,
    TaskComparison,
)
from harness_reports import ci
from harness_reports.gate import baseline_view

if TYPE_CHECKING:
    from rich.console import Console

HEADINGS = ("metric", "baseline", "candidate", "change", "95 % interval", "p", "p (Holm)", "n", "")
FOLDED = ("metric", "95 % interval")
"""Columns that give way where the terminal is narrow; the others would be cut."""
SUMMARY_ROWS = 20
FLIPS_SHOWN = 5
GROUPS_SHOWN = 5
STYLES = {"better": "green", "worse": "red", "changed": "yellow"}


def print_tables(comparisons: Sequence[RunComparison], console: Console | None = None) -> None:
    """Prints each candidate's comparison."""
    from rich.table import Table
    from rich.text import Text

    console = console or terminal.console()
    for comparison in comparisons:
        for task in comparison.tasks:
            console.print()
            title = (one_line(task.task), "bold")
            console.print(Text.assemble(title, f"  {one_line(_counts(task))}"))
            table = Table(box=None, pad_edge=False, header_style="dim")
            for heading in HEADINGS:
                left = heading in ("metric", "")
                whole = heading not in FOLDED
                table.add_column(heading, justify="left" if left else "right", no_wrap=whole)
            for metric in task.metrics:
                style = STYLES.get(metric.verdict)
                table.add_row(*(Text(one_line(cell)) for cell in _row(metric)), style=style)
            terminal.print_table(console, table, names=1)
            for line in _remarks(task):
                console.print(Text(f"  {literal.visible(line)}", style="dim"))
        for note in comparison.notes:
            console.print(Text(f"Note: {one_line(note)}"))


def write(comparisons: Sequence[RunComparison], out: Path | None) -> None:
    """Writes each candidate's comparison as Markdown to a file; prints it where there is none."""
    show("\n\n".join(map(markdown, comparisons)), out)


def show(text: str, out: Path | None) -> None:
    """Writes a text that is escaped already to a file; prints it where there is none."""
    if out is None:
        print(text)
    else:
        write_atomically(out, text + "\n")


def markdown(comparison: RunComparison) -> str:
    """The comparison for a pull request or a file."""
    lines = [f"# {literal.markdown(title(comparison))}", ""]
    lines += [literal.markdown(answers.sentence(comparison)), ""]
    lines += [*_origin(comparison), *_summary(comparison)]
    for task in comparison.tasks:
        lines += ["", f"## {literal.markdown(task.task)}", "", literal.markdown(_counts(task)), ""]
        lines += [_line(HEADINGS), "|---|" + "---:|" * 7 + "---|"]
        lines += [_line(_row(metric)) for metric in task.metrics]
        lines += ["", *(f"- {literal.markdown(line)}" for line in _remarks(task))]
    lines += ["", *(f"Note: {literal.markdown(note)}" for note in comparison.notes)]
    return "\n".join(lines).rstrip()


def _origin(comparison: RunComparison) -> Iterator[str]:
    """Which baseline it is, with links where a CI job knows them."""
    if comparison.baseline is None:
        return
    run = baseline_view(comparison.baseline)
    link, artifacts = ci.commit_address(run.commit), ci.artifacts_address()
    yield " · ".join(
        [
            f"Baseline: {literal.markdown(run.told)}",
            *([f"[its commit]({link})"] if link else []),
            *([f"[artifacts of this job]({artifacts})"] if artifacts else []),
        ]
    )
    yield ""
    if run.renew:
        yield f"> {literal.markdown(run.renew)}"
        yield ""


def _summary(comparison: RunComparison) -> Iterator[str]:
    found = answers.changes(comparison)
    if not found:
        return
    yield _line(("metric", "before → after", "change", "95 % interval", ""))
    yield "|---|---:|---:|---:|---|"
    for each in found[:SUMMARY_ROWS]:
        verdict = each.metric.verdict
        shown = "" if verdict == "no difference shown" else verdict
        yield _line((each.label, each.values, each.change.value, each.change.interval, shown))
    if len(found) > SUMMARY_ROWS:
        yield ""
        yield f"… and {len(found) - SUMMARY_ROWS} more metrics below."


def title(comparison: RunComparison) -> str:
    """``CANDIDATE against BASELINE``."""
    return f"{comparison.candidate_id} against {comparison.baseline_id}"


def _counts(task: TaskComparison) -> str:
    text = f"{task.shared} shared samples"
    for count, role in ((task.only_baseline, "baseline"), (task.only_candidate, "candidate")):
        if count:
            text += f", {count} only in the {role}"
    if task.baseline_errors or task.candidate_errors:
        text += f"; errors: {task.baseline_errors} baseline, {task.candidate_errors} candidate"
    if task.forced:
        text += f"; NOT COMPARABLE, forced: {task.forced}"
    return text


def _row(metric: MetricComparison) -> list[str]:
    difference = metric.difference
    shown = metric.verdict != "no difference shown"
    return [
        numbers.label(metric.metric, None, None, metric.calibration),
        f"{metric.baseline.value:.4g}",
        f"{metric.candidate.value:.4g}",
        f"{difference.value:+.3g}",
        _interval(difference),
        _p_value(metric.p_value),
        _p_value(math.nan if metric.adjusted_p_value is None else metric.adjusted_p_value),
        str(difference.n),
        metric.verdict if shown else "",
    ]


def _interval(difference: Estimate) -> str:
    if math.isnan(difference.low):
        return "too few samples"
    return f"{difference.low:+.3g} … {difference.high:+.3g}"


def _p_value(p_value: float) -> str:
    return "–" if math.isnan(p_value) else "<0.001" if p_value < 0.001 else f"{p_value:.3f}"


def _remarks(task: TaskComparison) -> Iterator[str]:
    """What the table has no column for: tests and power, what went unscored, flips, groups."""
    for metric in task.metrics:
        text = f"{metric.metric}: {metric.test}"
        if metric.randomization_p_value is not None:
            text += f"; approximate randomization p = {_p_value(metric.randomization_p_value)}"
        if metric.false_discovery_p_value is not None:
            text += f"; Benjamini–Hochberg p = {_p_value(metric.false_discovery_p_value)}"
        if metric.minimum_detectable > 0:
            text += f"; could detect {metric.minimum_detectable:.2g}"
        if metric.baseline_unscored or metric.candidate_unscored:
            text += f"; unscored in the baseline alone {metric.baseline_unscored}"
            text += f", in the candidate alone {metric.candidate_unscored}"
        if metric.changed:
            text += f"; {metric.changed} samples changed"
            if metric.higher_is_better is not None:
                text += f" ({metric.worsened} worse, {metric.improved} better)"
        yield text
        yield from map(_flip, metric.flips[:FLIPS_SHOWN])
    groups = sorted(task.groups, key=lambda change: change.p_value)
    for change in groups[:GROUPS_SHOWN]:
        difference = change.difference
        yield (
            f"{change.attribute} = {change.group}: {change.metric} {difference.value:+.3g} "
            f"({_interval(difference)}), p = {_p_value(change.p_value)}, n = {difference.n}"
        )
    if len(groups) > GROUPS_SHOWN:
        yield f"… and {len(groups) - GROUPS_SHOWN} more groups (--format json has all)"
    for name, reason in task.skipped.items():
        yield f"{name} not compared: {reason}"


def _flip(flip: FlippedSample) -> str:
    text = f"  {flip.id}: {flip.baseline:.3g} → {flip.candidate:.3g}"
    if flip.baseline_response is not None and flip.candidate_response is not None:
        text += f"  {_short(flip.baseline_response)} → {_short(flip.candidate_response)}"
    return text


def _short(text: str, limit: int = 60) -> str:
    text = " ".join(text.split())
    return repr(text if len(text) <= limit else text[: limit - 1] + "…")


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(literal.markdown(cell) for cell in cells) + " |"
