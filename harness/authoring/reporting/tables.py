"""The scores of a run as one table: for data frames, CSV and LaTeX."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.authoring.literal import one_line
from harness.authoring.reporting import numbers
from harness.types import MetricResult, RunResult

COLUMNS = (
    *("run", "model", "task", "version", "metric", "value", "stderr", "low", "high", "n", "errors"),
    *("higher_is_better", "ideal", "kind", "method"),
)
Cell = str | float | int | bool | None

_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "→": r"$\to$",
    "−": "$-$",
    "±": r"$\pm$",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """One metric of one task of one run."""

    result: RunResult
    task: str
    metric: str
    found: MetricResult

    @property
    def label(self) -> str:
        """The metric with an arrow towards the better side, or the ideal; or uncalibrated."""
        found = self.found
        return numbers.label(self.metric, found.higher_is_better, found.ideal, found.calibration)

    @property
    def cells(self) -> dict[str, Cell]:
        """Its values by ``COLUMNS``; None for what is undefined."""
        estimate, task = self.found.estimate, self.result.tasks[self.task]
        model = self.result.model
        return {
            "run": self.result.run_id,
            "model": str(model.get("spec") or model.get("name") or ""),
            "task": self.task,
            "version": task.version,
            "metric": self.metric,
            "value": _known(estimate.value),
            "stderr": _known(estimate.stderr),
            "low": _known(estimate.low),
            "high": _known(estimate.high),
            "n": estimate.n,
            "errors": task.errors,
            "higher_is_better": self.found.higher_is_better,
            "ideal": self.found.ideal,
            "kind": self.found.kind,
            "method": estimate.method,
        }


def score_rows(result: RunResult) -> Iterator[ScoreRow]:
    """Every metric of every task, in their order."""
    for task in result.tasks.values():
        for metric, found in task.metrics.items():
            yield ScoreRow(result, task.name, metric, found)


def csv_text(rows: Sequence[dict[str, Cell]], columns: Sequence[str] = COLUMNS) -> str:
    """A table for spreadsheets; a text that would be a formula there begins with an apostrophe."""
    file = io.StringIO()
    writer = csv.DictWriter(file, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _plain(row.get(name)) for name in columns} for row in rows)
    return file.getvalue()


def latex(result: RunResult) -> str:
    """A table with the rules of ``booktabs``: value ± standard error, the interval, n."""
    lines = [
        r"% needs \usepackage{booktabs}",
        r"\begin{tabular}{llrrr}",
        r"\toprule",
        r"task & metric & value & 95\,\% interval & $n$ \\",
        r"\midrule",
    ]
    previous = None
    for row in score_rows(result):
        number = numbers.number(row.found.estimate)
        label = row.label
        name = row.task if row.task != previous else ""
        previous = row.task
        cells = (name, label, number.short, number.interval, number.n)
        lines.append(" & ".join(map(latex_text, cells)) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def latex_text(text: str) -> str:
    """``text`` as LaTeX prints it: no character of it is a command."""
    return "".join(_LATEX.get(character, character) for character in one_line(text))


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _plain(value: Cell) -> Cell:
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return value
