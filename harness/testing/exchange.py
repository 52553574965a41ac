"""Checks of importers and exporters."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from harness.errors import HarnessError
from harness.protocols import ExportedRun, Exporter, ImportedRun, Importer
from harness.types import Unscored


def check_importer(importer: Importer, source: Path, other: Path) -> Sequence[ImportedRun]:
    """Asserts that an importer knows its own format alone, and reads samples that can be paired.

    Args:
        importer: What is checked.
        source: Results of its format.
        other: A file or folder of another kind.

    Returns:
        What it read.

    Raises:
        AssertionError: It does not; the message says what.
    """
    assert isinstance(importer, Importer), "lacks a member of harness.protocols.Importer"
    assert importer.recognises(source), f"does not recognise {source}"
    try:
        assert not importer.recognises(other), f"takes {other} for its own"
    except HarnessError as error:  # what it cannot read is not its own, too
        raise AssertionError(f"recognises raised on {other}: {error}") from error
    runs = importer.read(source)
    assert runs, "read no run"
    assert [_ids(run) for run in importer.read(source)] == [_ids(run) for run in runs], (
        "a second reading gives other samples"
    )
    for run in runs:
        assert run.model, "a run without the model's name"
        for task in run.tasks:
            assert task.metrics, f"{task.name} has no metrics"
            counted = Counter(record.sample.id for record in task.records)
            twice = [name for name, count in counted.items() if count > 1]
            assert not twice, f"{task.name} has the sample {twice[0]!r} twice"
            for record in task.records:
                for name, value in record.scores.items():
                    assert isinstance(value, float | Unscored), f"{name} of a sample is {value!r}"
                    assert isinstance(value, Unscored) or math.isfinite(value), f"{name} is {value}"
    return runs


def _ids(run: ImportedRun) -> list[list[str]]:
    return [[record.sample.id for record in task.records] for task in run.tasks]


def check_exporter(exporter: Exporter, run: ExportedRun, out: Path | None = None) -> str:
    """Asserts that an exporter writes a run, twice alike, and says in a line what it wrote.

    Args:
        exporter: What is checked.
        run: A finished run.
        out: Where it was told to write; None where it writes to no path.

    Returns:
        What it said.

    Raises:
        AssertionError: It does not; the message says what.
    """
    assert isinstance(exporter, Exporter), "lacks a member of harness.protocols.Exporter"
    told = exporter.export(run)
    assert isinstance(told, str), f"gave {told!r}, expected a line of text"
    assert told, "says nothing"
    assert "\n" not in told, "says more than a line"
    if out is not None:
        assert out.exists(), f"wrote nothing at {out}"
        before = sorted(path.relative_to(out) for path in out.rglob("*"))
        exporter.export(run)
        after = sorted(path.relative_to(out) for path in out.rglob("*"))
        assert before == after, "a second export leaves other files"
    return told
