"""From a data source to samples: which reader reads it, and the fields that all rows share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from harness import data
from harness.data import Row
from harness.errors import DataError
from harness.types import DataSource, Sample

RowReader: TypeAlias = Callable[[Row, "Place"], Sample]
"""Makes a sample of one row; raises DataError for a row it cannot use."""

FileReader: TypeAlias = Callable[[Path], Iterator[Sample]]
"""Streams the samples of one file."""

SHARED = frozenset({"id", "cluster", "groups", "prompt"})
"""Fields that any own-data row may have."""


class Place:
    """Where a row stands, for error messages and for ids that default to its number."""

    __slots__ = ("line", "path")

    def __init__(self, path: str | Path, line: int) -> None:
        self.path = path
        self.line = line

    def field(self, row: Row, name: str, kind: type | tuple[type, ...]) -> Any:
        """A field that must be there and of a type; see ``harness.data.field``."""
        return data.field(row, name, kind, self.path, self.line)

    def text(self, row: Row, name: str) -> str:
        """A field that must be a text with something in it."""
        value: str = self.field(row, name, str)
        if not value.strip():
            raise self.error(f"field {name!r} is empty", f"some text in {name!r}")
        return value

    def texts(self, row: Row, name: str) -> tuple[str, ...]:
        """A field that must be a list of texts."""
        values = self.field(row, name, list)
        if not all(isinstance(value, str) for value in values):
            raise self.error(f"field {name!r} holds something other than texts", "a list of texts")
        return tuple(values)

    def error(self, message: str, expected: str) -> DataError:
        """An error that names this place."""
        return DataError(message, path=self.path, line=self.line, expected=expected)


def read(
    source: DataSource,
    row_reader: RowReader,
    files: Mapping[str, FileReader] | None = None,
    lines: Callable[[tuple[str, ...]], Iterator[Sample]] | None = None,
) -> Iterator[Sample]:
    """Streams a source's samples.

    Args:
        source: The hub's rows and JSONL files go to ``row_reader``.
        row_reader: Reads one row of JSONL or of the hub's data set.
        files: Suffix (``.json``) → reader of a published format that is not JSONL.
        lines: Reader of line-aligned files, for a source of several paths.

    Raises:
        DataError: A file or row cannot be read.
    """
    if source.kind == "hub":
        assert source.hub is not None
        for number, row in data.read_hub(source.hub):
            yield row_reader(row, Place(source.hub.path, number))
        return
    if len(source.paths) > 1:
        if lines is None:
            raise DataError(
                f"{len(source.paths)} paths",
                path=":".join(source.paths),
                expected="one file: this task does not read line-aligned files",
            )
        yield from lines(source.paths)
        return
    path = Path(source.paths[0])
    file_reader = (files or {}).get(path.suffix.lower())
    if file_reader is not None:
        yield from file_reader(path)
        return
    for number, row in data.read_jsonl(path):
        yield row_reader(row, Place(path, number))


def aligned(paths: tuple[str, ...]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """(line number, one line of each file) of files that must have equally many lines.

    Raises:
        DataError: One of them ends before the others.
    """
    streams = [data.lines(path) for path in paths]
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
        place: Where it stands; an absent ``id`` is its line number.
        input_text: The sample's input, which a verbatim prompt is expected to contain.
        known: The fields that the task itself reads; further plain ones become metadata.
    """
    metadata: dict[str, object] = {
        name: value
        for name, value in row.items()
        if name not in known | SHARED and isinstance(value, str | int | float)
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
    """The row's own id as text; its line number where it has none."""
    if row.get(name) is None:
        return str(place.line)
    return str(place.field(row, name, (str, int)))


def _groups(row: Row, place: Place) -> dict[str, str]:
    if row.get("groups") is None:
        return {}
    groups = place.field(row, "groups", dict)
    return {str(attribute): str(group) for attribute, group in groups.items()}
