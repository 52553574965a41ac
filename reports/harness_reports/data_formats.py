"""The numbers for other programs, spreadsheets, papers and data frames."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from harness import read_result, write_result
from harness.authoring.io.files import write_atomically
from harness.authoring.reporting import tables
from harness.errors import MissingExtraError
from harness.types import RunComparison, RunResult
from harness_reports import comparison


class JsonReporter:
    """Writes ``results.json``, whose schema is a public contract."""

    def render(self, result: RunResult, out: Path) -> Path:
        """Writes the file into the run folder ``out``; one that says the same stays as it is."""
        path = out / "results.json"
        if not path.is_file() or read_result(path) != result:
            write_result(out, result)
        return path

    def render_comparison(self, comparisons: Sequence[RunComparison], out: Path | None) -> None:
        """Writes a list with each candidate's comparison to ``out``, or prints it."""
        from harness.authoring.io.comparison_json import comparison_to_json

        documents = [comparison_to_json(each) for each in comparisons]
        comparison.show(json.dumps(documents, allow_nan=False, indent=2), out)


class CsvReporter:
    """Writes ``scores.csv``: a row a metric."""

    def render(self, result: RunResult, out: Path) -> Path:
        """Writes the file into the run folder ``out``."""
        path = out / "scores.csv"
        write_atomically(path, tables.csv_text([row.cells for row in tables.score_rows(result)]))
        return path


class LatexReporter:
    """Writes ``scores.tex``, a table with the rules of ``booktabs``."""

    def render(self, result: RunResult, out: Path) -> Path:
        """Writes the file into the run folder ``out``."""
        path = out / "scores.tex"
        write_atomically(path, tables.latex(result))
        return path


class ParquetReporter:
    """Writes ``scores.parquet``: a row a metric."""

    def render(self, result: RunResult, out: Path) -> Path:
        """Writes the file into the run folder ``out``.

        Raises:
            MissingExtraError: pyarrow is not installed.
        """
        try:
            import pyarrow
            from pyarrow import parquet
        except ImportError as error:
            raise MissingExtraError("--format parquet", "tasks") from error
        floats = ("value", "stderr", "low", "high", "ideal")
        types = {
            **dict.fromkeys(tables.COLUMNS, pyarrow.string()),
            **dict.fromkeys(floats, pyarrow.float64()),
            **dict.fromkeys(("n", "errors"), pyarrow.int64()),
            "higher_is_better": pyarrow.bool_(),
        }
        rows = [row.cells for row in tables.score_rows(result)]
        columns = {name: [row[name] for row in rows] for name in tables.COLUMNS}
        table = pyarrow.table(columns, schema=pyarrow.schema(list(types.items())))
        file = pyarrow.BufferOutputStream()
        parquet.write_table(table, file)
        path = out / "scores.parquet"
        write_atomically(path, file.getvalue().to_pybytes())
        return path
