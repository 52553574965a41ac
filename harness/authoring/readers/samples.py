"""From a data source to samples: which reader reads it, and the fields that all rows share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from harness.authoring.readers import rows, text_files
from harness.authoring.readers.rows import Header, Place
from harness.authoring.readers.text_files import Row
from harness.errors import DataError
from harness.types import DataSource, Sample

RowReader: TypeAlias = Callable[[Row, Place], Sample]
"""Makes a sample of one row; raises DataError for a row it cannot use."""

FileReader: TypeAlias = Callable[[Path], Iterator[Sample] | None]
"""Streams the samples of one file; None where it is not of the reader's format."""

SHARED = frozenset({"id", "cluster", "groups", "prompt"})
"""Fields that any own-data row may have."""


def read(
    source: DataSource,
    row_reader: RowReader,
    header: Header | None = None,
    files: Mapping[str, FileReader] | None = None,
    lines: Callable[[tuple[str, ...]], Iterator[Sample]] | None = None,
) -> Iterator[Sample]:
    """Streams a source's samples.

    Args:
        source: The hub's rows and files of any format of ``harness.authoring.readers`` go to
            ``row_reader``.
        row_reader: Makes a sample of one row.
        header: The columns of a table that may have no header.
        files: Suffix (``.txt``) → reader of a published format of another kind. It gives None
            for a file that is of rows after all.
        lines: Reader of line-aligned files, for a source of several paths.

    Raises:
        DataError: A file or row cannot be read.
    """
    if len(source.paths) > 1:
        if lines is None:
            raise DataError(
                f"{len(source.paths)} paths",
                path=":".join(source.paths),
                expected="one file: this task does not read line-aligned files",
            )
        yield from lines(source.paths)
        return
    if source.paths:
        path = Path(source.paths[0])
        file_reader = (files or {}).get(rows.suffix(path))
        found = file_reader(path) if file_reader is not None and not path.is_dir() else None
        if found is not None:
            yield from found
            return
    for row, place in rows.read(source, header):
        yield row_reader(row, place)


def aligned(paths: tuple[str, ...]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """(line number, one line of each file) of files that must have equally many lines.

    Raises:
        DataError: One of them ends before the others.
    """
    streams = [text_files.lines(path) for path in paths]
    number = 0
    while True:
        number += 1
        texts = [next(stream, None) for stream in streams]
        present = [text[1] for text in texts if text is not None]
        if not present:
            return
        if len(present) < len(paths):
            short = paths[texts.index(None)]
            raise DataError(
                f"ends after {number - 1} lines",
                path=short,
                expected=f"as many lines as {next(path for path in paths if path != short)}",
            )
        yield number, tuple(present)


def shared(row: Row, place: Place, input_text: str, known: frozenset[str]) -> dict[str, Any]:
    """``Sample`` arguments that every own-data row may set, and its further columns as metadata.

    Args:
        row: The row.
        place: Where it stands; an absent ``id`` is its number from 1.
        input_text: The sample's input, which a verbatim prompt is expected to contain.
        known: The fields that the task itself reads; further plain ones become metadata.
    """
    metadata: dict[str, object] = {
        name: value
        for name, value in row.items()
        if name not in known | SHARED
        and isinstance(value, str | int | float)
        and not (isinstance(value, float) and not math.isfinite(value))
    }
    if row.get("prompt") is not None:
        metadata["prompt"] = place.text(row, "prompt")
        metadata["prompt_input"] = input_text
    cluster = row.get("cluster")
    return {
        "id": identifier(row, "id", place),
        "cluster": None if cluster is None else str(cluster),
        "groups": _groups(row, place),
        "metadata": metadata,
    }


def identifier(row: Row, name: str, place: Place) -> str:
    """The row's own id as text; its number from 1 where it has none."""
    if row.get(name) in (None, ""):
        return str(place.ordinal)
    return str(place.field(row, name, (str, int)))


def named(source: DataSource, row: Row, *names: str) -> str:
    """Under which of its names a row holds a field: one that the user maps, else the first."""
    present = [name for name in names if name in row]
    mapped = {field for field, _ in source.columns}
    return next((name for name in present if name in mapped), (present or names[-1:])[0])


def _groups(row: Row, place: Place) -> dict[str, str]:
    if row.get("groups") is None:
        return {}
    groups = place.field(row, "groups", dict)
    return {str(attribute): str(group) for attribute, group in groups.items()}
