"""Sample records as compact JSON for the page's sample browser."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from harness import read_samples
from harness.authoring.io import files
from harness.authoring.reporting import records
from harness.authoring.reporting.records import Clipper
from harness.types import SampleRecord, TaskResult

RECORD_LIMIT = 20_000
"""Records of one task that a page holds; the rest stay in the run folder, and the page says so."""


class Collector(Protocol):
    """Something else that a page shows of a task's records."""

    @property
    def wants_more(self) -> bool:
        """Whether further records can change what it shows."""
        ...

    def add(self, record: SampleRecord) -> None:
        """The next record, in the order of the file."""
        ...


def payload(
    folder: Path, task: TaskResult, clip: Clipper, collectors: Sequence[Collector] = ()
) -> dict[str, Any] | None:
    """What the browser needs of one task; None where the folder holds no samples of it.

    Args:
        folder: The run folder.
        task: The task whose samples are read, once.
        clip: Cuts long texts.
        collectors: Each is fed every record on the way.

    Raises:
        DataError: The file of samples is malformed.
    """
    path = folder / "samples" / f"{task.name}.jsonl"
    if not path.exists():
        return None
    samples = []
    total = 0
    for record in read_samples(folder, task.name):
        total += 1
        for collector in collectors:
            collector.add(record)
        if total <= RECORD_LIMIT:
            samples.append(records.entry(record, clip))
        elif not any(each.wants_more for each in collectors):
            total = _lines(path)
            break
    metrics = list(task.metrics)
    metrics += sorted({name for entry in samples for name in entry["scores"]}.difference(metrics))
    primary = records.primary_metric(task.metrics, [entry["scores"] for entry in samples])
    inverted = primary is not None and task.metrics[primary].higher_is_better is False
    for entry in samples:
        entry["verdict"] = records.verdict(entry, primary, inverted)
        entry["scores"] = [entry["scores"].get(name) for name in metrics]
    return {
        "task": task.name,
        "metrics": metrics,
        "primary": primary,
        "total": total,
        "samples": samples,
    }


def _lines(path: Path) -> int:
    with files.open_binary(path) as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
