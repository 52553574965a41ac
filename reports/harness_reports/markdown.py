"""Markdown for a pull-request comment or a job summary: the verdict first, details folded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from harness.authoring import literal
from harness.authoring.io.files import write_atomically
from harness.types import RunComparison, RunResult
from harness_reports import ci, comparison
from harness_reports.gate import Change, GateView, RuleView
from harness_reports.groups import GroupTable
from harness_reports.headline import run_sentence
from harness_reports.view import RunView, TaskView, notes, view

FILE_NAME = "report.md"
_SIGNS = {"pass": "✅", "block": "❌", "inconclusive": "❔"}
_ORDER = {"block": 0, "inconclusive": 1, "pass": 2}
_RULES_SHOWN = 10
"""Rules in the table above the fold; those that were not kept come first."""
_LENGTH_LIMIT = 500
COMMENT_LIMIT = 60_000
"""Characters; GitHub refuses comments of more than 65,536, so details beyond it are left out."""


class MarkdownReporter:
    """Writes ``report.md``."""

    def render(self, result: RunResult, out: Path) -> Path:
        """Writes the file into the run folder ``out``."""
        path = out / FILE_NAME
        write_atomically(path, text(result))
        return path

    def render_comparison(self, comparisons: Sequence[RunComparison], out: Path | None) -> None:
        """Writes the tables of each candidate to ``out``, or prints them."""
        comparison.write(comparisons, out)


def text(result: RunResult) -> str:
    """The report as GitHub-flavoured Markdown; every text in it is escaped."""
    run = view(result)
    blocks = [*_head(run), _metrics(run.tasks), *_notes(run.tasks)]
    details = [_made(run), *_groups(run.tasks), *_fairness(run.tasks), *_probes(run.tasks)]
    left = COMMENT_LIMIT - sum(len(block) + 2 for block in blocks)
    for index, block in enumerate(details):
        left -= len(block) + 2
        if left < 0:
            blocks.append(f"{len(details) - index} further tables are in the HTML report.")
            break
        blocks.append(block)
    return "\n\n".join(blocks) + "\n"


def escape(raw: str) -> str:
    """``raw`` on one line as literal text."""
    return literal.markdown(raw, _LENGTH_LIMIT)


def _head(run: RunView) -> Iterable[str]:
    if run.gate is None:
        yield f"### Evaluation of {escape(run.model)}"
    else:
        yield from _gate(run.gate)
        yield f"Model {escape(run.model)}"
    if not run.complete:
        yield "> **This run is incomplete.** The numbers cover what was answered."
    for failure in run.failures:
        yield f"> **{escape(failure)}**"
    yield escape(run_sentence(run))


def _gate(gate: GateView) -> Iterable[str]:
    yield f"### {_SIGNS[gate.verdict]} {gate.headline}"
    if gate.sentence:
        yield escape(gate.sentence)
    if gate.unruled:
        yield f"> **{escape(gate.unruled)}**"
    yield from _baseline(gate)
    if gate.rules:
        ordered = sorted(gate.rules, key=lambda rule: _ORDER[rule.verdict])
        yield _rules(gate, ordered[:_RULES_SHOWN])
        yield _details(
            f"Evidence of {len(ordered)} rule{'s' if len(ordered) > 1 else ''}",
            _table(
                ("Rule", "Evidence"),
                [
                    (f"{escape(rule.metric)} {escape(rule.rule)}".strip(), escape(rule.sentence))
                    for rule in ordered
                ],
            ),
        )
    if gate.changes:
        yield _details(f"What changed: {len(gate.changes)} metrics", _changes(gate.changes))


def _baseline(gate: GateView) -> Iterable[str]:
    """Which run it was, with links to its commit and to this job's artifacts, and its age."""
    links = [
        *([f"[its commit]({link})"] if (link := ci.commit_link(gate)) else []),
        *([f"[artifacts of this job]({link})"] if (link := ci.artifacts_address()) else []),
    ]
    if gate.baseline is not None:
        yield " · ".join([f"Baseline: {escape(gate.baseline.told)}", *links])
        if gate.baseline.renew:
            yield f"> {escape(gate.baseline.renew)}"
    elif links:
        yield " · ".join(links)


def _rules(gate: GateView, rules: Sequence[RuleView]) -> str:
    rows = [
        (
            f"{_SIGNS[rule.verdict]} {rule.headline}",
            f"{escape(rule.metric)} {escape(rule.rule)}".strip(),
            f"{rule.before} → {rule.after}" if rule.before else rule.after,
            rule.change,
            rule.interval,
        )
        for rule in rules
    ]
    head = ("Verdict", "Rule", "Before → after", "Change", gate.interval_header)
    return _table(head, rows)


def _changes(changes: Sequence[Change]) -> str:
    order = {"worse": 0, "better": 1, "changed": 2}
    rows = [
        (
            escape(each.label),
            f"{each.before} → {each.after}",
            each.number.value,
            each.number.interval,
            f"**{each.verdict}**" if each.verdict in order else "",
            "" if each.ruled else "no rule",
        )
        for each in sorted(changes, key=lambda each: order.get(each.verdict, 3))
    ]
    return _table(("Metric", "Before → after", "Change", "95 % interval", "", ""), rows)


def _metrics(tasks: Iterable[TaskView]) -> str:
    rows = []
    for task in tasks:
        name = f"{escape(task.name)} (v{escape(task.version)})"
        errors = f"**{task.errors}**" if task.has_errors else task.errors
        if not task.metrics:
            rows.append((name, "—", "—", "", task.n, errors))
        for index, row in enumerate(task.metrics):
            rows.append(
                (
                    name if index == 0 else "",
                    escape(row.label),
                    row.number.short,
                    row.number.interval,
                    row.number.n,
                    errors if index == 0 else "",
                )
            )
    return _table(("Task", "Metric", "Value", "95 % interval", "n:", "Errors:"), rows)


def _notes(tasks: Sequence[TaskView]) -> Iterable[str]:
    for names, note in notes(tasks):
        yield f"> **{escape(names)}**: {escape(note)}"


def _groups(tasks: Iterable[TaskView]) -> Iterable[str]:
    for task in tasks:
        for table in task.groups:
            title = f"{task.name} by {table.attribute}: {table.label}, {table.order}"
            yield _details(title, _group_table(table))


def _group_table(table: GroupTable) -> str:
    rows = [
        (
            escape(row.group) + (" (small)" if row.small else ""),
            row.number.short,
            row.interval,
            row.number.n,
        )
        for row in table.rows
    ]
    return _table(("Group", "Value", "95 % interval", "n:"), rows)


def _fairness(tasks: Iterable[TaskView]) -> Iterable[str]:
    for task in tasks:
        for table in task.fairness:
            rows = [
                (
                    escape(row.metric),
                    escape(row.measure),
                    row.number.short,
                    row.number.interval,
                    escape(row.number.method),
                )
                for row in table.rows
            ]
            head = ("Metric", "Measure", "Value", "95 % interval", "Groups and method")
            yield _details(f"{task.name}: fairness by {table.attribute}", _table(head, rows))


def _probes(tasks: Iterable[TaskView]) -> Iterable[str]:
    for task in tasks:
        rows = [
            (
                escape(probe.name),
                escape(row.label),
                row.change.short,
                row.change.interval,
                row.worst_case.value if row.worst_case else "",
                row.flip_rate.value if row.flip_rate else "",
                row.change.n,
            )
            for probe in task.probes
            for row in probe.rows
        ]
        others = [
            (
                escape(probe.name),
                escape(f"{row.metric}, {row.measure}"),
                row.number.short,
                row.number.interval,
                "",
                "",
                row.number.n,
            )
            for probe in task.probes
            for row in probe.measures
        ]
        head = ("Probe", "Metric", "Mean change", "95 % interval", "Worst case", "Flips", "n:")
        skipped = [
            f"{escape(probe.name)}: {count} variants not asked, {escape(reason)}."
            for probe in task.probes
            for reason, count in probe.skipped
        ]
        parts = [_table(head, [*rows, *others])] if rows or others else []
        if parts or skipped:
            yield _details(f"{task.name}: robustness", "\n\n".join([*parts, *skipped]))


def _made(run: RunView) -> str:
    rows = [("Run", escape(run.run_id))]
    for task in run.tasks:
        rows.append(
            (f"{escape(task.name)} data", f"{escape(task.source)}, sha256 {escape(task.sha256)}")
        )
        rows.extend(
            (f"{escape(task.name)} {escape(name)}", escape(value)) for name, value in task.settings
        )
    for facts in (run.model_facts, run.usage, run.timing):
        rows.extend((escape(f"{facts.title} {name}"), escape(value)) for name, value in facts.rows)
    return _details("How it was made", _table(("What", "Value"), rows))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a head that ends in a colon is aligned to the right."""
    titles = [title.removesuffix(":") for title in head]
    rules = ["---:" if title.endswith(":") else "---" for title in head]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (titles, rules, *rows))


def _details(summary: str, body: str) -> str:
    """A folded part; its summary is HTML, where Markdown's backslashes would show."""
    title = literal.html(summary, _LENGTH_LIMIT)
    return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"
