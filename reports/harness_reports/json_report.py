"""The numbers for other programs."""

from __future__ import annotations

from pathlib import Path

from harness.runfolder import write_result
from harness.types import RunResult


class JsonReporter:
    """Writes ``results.json``, whose schema is a public contract."""

    def render(self, result: RunResult, out: Path) -> Path:
        """Writes the file into the run folder ``out``."""
        write_result(out, result)
        return out / "results.json"
