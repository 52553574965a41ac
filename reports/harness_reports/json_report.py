"""The numbers for other programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from harness import read_result, write_result
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
