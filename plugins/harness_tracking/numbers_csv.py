"""Every number of a run as CSV."""

from __future__ import annotations

import csv
import io
import math

from harness.authoring.io.files import write_atomically
from harness.protocols import ExportedRun, ExportOptions
from harness_tracking import numbers

COLUMNS = (
    "run", "model", "task", "version", "kind", "of", "metric", "measure", "value", "stderr", "low",
    "high", "n", "higher_is_better", "method",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def open_exporter(options: ExportOptions) -> CsvExporter:
    """The exporter."""
    return CsvExporter(options)


class CsvExporter:
    """See ``harness.protocols.Exporter``."""

    def __init__(self, options: ExportOptions) -> None:
        assert options.out is not None
        self._out = options.out

    def export(self, run: ExportedRun) -> str:
        """A row a number; what is undefined is empty, and the method says why."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        count = 0
        result = run.result
        model = result.model.get("spec", result.model.get("name", ""))
        for each in numbers.everything(result):
            found, count = each.estimate, count + 1
            better = None if each.result is None else each.result.higher_is_better
            row = (
                result.run_id, model, each.task.name, each.task.version, each.kind, each.of,
                each.metric, each.measure, found.value, found.stderr, found.low, found.high,
                found.n, "" if better is None else str(better).lower(), found.method,
            )  # fmt: skip
            writer.writerow([_cell(value) for value in row])
        write_atomically(self._out, text.getvalue())
        return f"{self._out}, {count} numbers"


def _cell(value: object) -> str:
    """The value as a cell; a text that a spreadsheet would compute is quoted with ``'``."""
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else ""
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text
