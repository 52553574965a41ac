"""The rows that are answered and then judged."""

from __future__ import annotations

from collections.abc import Iterator

from harness.authoring.readers import samples
from harness.authoring.readers.rows import Place
from harness.authoring.readers.text_files import Row
from harness.types import DataSource, Sample

INPUTS = ("input", "prompt", "instruction", "question", "message", "brief", "document", "source")
"""Columns that hold what is asked; the first that is there."""
REFERENCES = ("reference", "target", "answer", "summary", "output")
FURTHER = ("policy", "facts")
"""Columns that the ready-made rubrics show where they are there."""


def read(data: DataSource) -> Iterator[Sample]:
    """Streams rows with an input, and a reference and further columns where there are some.

    Raises:
        DataError: A file or row cannot be read, or has no input.
    """
    return samples.read(data, _sample)


def _sample(row: Row, place: Place) -> Sample:
    column = next((name for name in INPUTS if isinstance(row.get(name), str)), None)
    if column is None:
        raise place.error(
            f"there is no text to answer; the columns are {', '.join(map(repr, row))}",
            f"a column {', '.join(map(repr, INPUTS[:3]))} or the like",
        )
    reference = next((name for name in REFERENCES if isinstance(row.get(name), str)), None)
    shown = {name: str(value) for name, value in row.items() if isinstance(value, str)}
    further = {**dict.fromkeys((*FURTHER, "reference"), ""), **shown}
    if reference is not None:
        further["reference"] = row[reference]
    cluster = row.get("cluster")
    return Sample(
        str(row["id"]) if row.get("id") is not None else str(place.ordinal),
        place.text(row, column),
        () if reference is None else (row[reference],),
        cluster=None if cluster is None else str(cluster),
        metadata=further,
    )
