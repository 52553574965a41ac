"""Any finished run, for exporters: a run folder, a baseline file, or another program's results."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harness.plugins import Registry
from harness.protocols import ExportedRun
from harness.results import baseline, imported, runfolder
from harness.types import SampleRecord


def load(path: Path, registry: Registry) -> ExportedRun:
    """Reads a run with its samples, as far as it holds them.

    Raises:
        DataError: It cannot be read.
    """
    if not imported.is_own(path):
        found = imported.read(path, registry)
        return ExportedRun(found.result, lambda task: iter(found.records[task]), found.spec)
    scored = baseline.load_run(path)
    folder = path if path.is_dir() else path.parent

    def records(task: str) -> Iterator[SampleRecord]:
        if runfolder.samples_file(folder, task).is_file():
            yield from (each for each in runfolder.read_samples(folder, task) if not each.probe)

    if scored.result.run_id and (folder / "results.json").is_file():
        return ExportedRun(scored.result, records, scored.spec)
    return ExportedRun(scored.result, spec=scored.spec)
