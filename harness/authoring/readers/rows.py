"""Reading rows: one reader for all the formats in which people have data.

The suffix decides the format, with ``.gz`` after any of text: JSONL, JSON, CSV, TSV, Parquet,
Arrow, a folder that ``datasets`` saved, or a folder of several files of one format.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from harness.authoring.readers import tables, text_files
from harness.authoring.readers.text_files import Row
from harness.errors import DataError
from harness.types import DataSource

FORMATS = (
    "JSONL (.jsonl, .ndjson), JSON (.json: a list of objects, {'data': [...]} or lists by column), "
    "CSV (.csv), TSV (.tsv), each also gzipped (.gz); Parquet (.parquet), Arrow (.arrow), a folder "
    "saved by datasets, or a folder of several files of one of these formats"
)
"""What can be read, in words."""

_IN_SUFFIX = re.compile(r"\.gz$", re.IGNORECASE)
_SHARD = re.compile(r"[-_.]?\d+(?:[-_]of[-_]\d+)?$")
_PARTS = ("train", "validation", "valid", "dev", "test")
_BESIDE = ("dataset_info.json", "dataset_infos.json", "state.json", "metadata.json")
"""Files that lie beside the rows and hold none."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row stands, for error messages and for ids that default to its number.

    Attributes:
        path: Its file.
        line: Its line there, from 1; None where the format has no lines.
        number: Its number among all rows of the source, from 1; 0 stands for ``line``.
        typed: Whether the format tells numbers and lists from text; CSV and TSV do not.
        guessed: Whether the columns were named by their place, as the file has no header.
    """

    path: str | Path
    line: int | None
    number: int = 0
    typed: bool = True
    guessed: bool = False

    @property
    def ordinal(self) -> int:
        """The row's number from 1."""
        return self.number or self.line or 0

    def field(self, row: Row, name: str, kind: type | tuple[type, ...]) -> Any:
        """A field that must be there and of a type, read from its text where the format has none.

        Raises:
            DataError: It is missing or of another type.
        """
        value = row.get(name)
        kinds = kind if isinstance(kind, tuple) else (kind,)
        if not self.typed and isinstance(value, str) and str not in kinds:
            row = {name: _from_text(value, kinds)}
        elif isinstance(value, float) and float not in kinds and int in kinds and value % 1 == 0:
            row = {name: int(value)}  # whole numbers beside missing ones become floats in pandas
        elif name in row and value is None:
            raise self.error(f"field {name!r} has no value", f"a value in {name!r}")
        return text_files.field(row, name, kind, self._where, self.line)

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
        if self.guessed and self.ordinal == 1:
            expected += (
                "; or, if this is a header with other names, "
                "--set TASK.columns=FIELD:COLUMN, which maps them"
            )
        return DataError(message, path=self._where, line=self.line, expected=expected)

    @property
    def _where(self) -> str | Path:
        return self.path if self.line is not None else f"{self.path}, row {self.ordinal}"


Rows: TypeAlias = Iterator[tuple[Row, Place]]


@dataclass(frozen=True, slots=True)
class Header:
    """What a task knows of the columns of a table that may come without a header.

    Attributes:
        known: Names of fields; a first line that holds one of them is a header.
        absent: The columns, in their order, of a file without a header.
    """

    known: Collection[str] = ()
    absent: Sequence[str] = ()


def read(source: DataSource, header: Header | None = None) -> Rows:
    """Streams the rows of a task's data, its columns named as the source maps them.

    Args:
        source: The hub's data set, or one file or folder.
        header: Says whether a CSV or TSV file may have no header; None means that it has one.

    Raises:
        DataError: A file or row cannot be read, or a mapped column is not there.
    """
    if source.kind == "hub":
        assert source.hub is not None
        found: Rows = (
            (row, Place(source.hub.path, None, number))
            for number, row in text_files.read_hub(source.hub)
        )
    else:
        if header is not None and source.columns:
            named = [column for _, column in source.columns]
            header = Header([*header.known, *named], header.absent)
        found = (each for path in source.paths for each in read_rows(path, header))
    for row, place in found:
        yield _renamed(row, place, source.columns), place


def read_rows(path: str | Path, header: Header | None = None, pattern: str = "*") -> Rows:
    """Streams the rows of a file or folder, whatever their format; not-a-number becomes None.

    Args:
        path: The file or folder; rows of several files are numbered on.
        header: See ``read``.
        pattern: Which files of a folder to read.

    Raises:
        DataError: It cannot be read, or is of no known format; names those that are.
    """
    number = 0
    for file in row_files(path, pattern):
        typed = suffix(file) not in (".csv", ".tsv")
        for line, row, guessed in _reader(file)(file, header):
            number += 1
            plain = {
                name: None if isinstance(value, float) and math.isnan(value) else value
                for name, value in row.items()
            }
            yield plain, Place(file, line, number, typed, guessed)


def suffix(path: str | Path) -> str:
    """The suffix that tells a file's format, in small letters, without a ``.gz`` after it."""
    return Path(_IN_SUFFIX.sub("", str(path))).suffix.lower()


def is_known(path: str | Path) -> bool:
    """Whether a file's suffix names a format of rows."""
    return suffix(path) in _READERS


def row_files(path: str | Path, pattern: str = "*") -> list[Path]:
    """The file itself, a folder saved by ``datasets``, or a folder's files of rows in order.

    Raises:
        DataError: There is none, or they are of several formats or parts of a data set.
    """
    path = Path(path)
    if not path.is_dir() or (path / "state.json").exists():
        return text_files.files(path, pattern) if not path.is_dir() else [path]
    if (path / "dataset_dict.json").exists():
        parts = sorted(each.name for each in path.iterdir() if each.is_dir())
        raise DataError(
            f"the folder holds the parts {', '.join(parts)}",
            path=path,
            expected=f"the folder of one of them, such as {path / (parts or ['test'])[0]}",
        )
    found = [
        each
        for each in sorted(path.glob(pattern), key=_in_order)
        if not each.is_dir() and suffix(each) in _READERS and each.name not in _BESIDE
    ]
    if not found:
        raise DataError("the folder holds no files of rows", path=path, expected=FORMATS)
    _check_one_set(path, found)
    return found


def _in_order(path: Path) -> tuple[tuple[int, str], ...]:
    """A key that puts part 2 before part 10."""
    pieces = re.split(r"(\d+)", path.name)
    return tuple((int(each), "") if each.isdecimal() else (-1, each) for each in pieces)


def _check_one_set(path: Path, found: Sequence[Path]) -> None:
    formats = sorted({suffix(each) for each in found})
    if len(formats) > 1:
        raise DataError(
            f"the folder holds files of {' and '.join(formats)}",
            path=path,
            expected="one file, or a folder of files of one format",
        )
    stems = {_SHARD.sub("", _IN_SUFFIX.sub("", each.name).partition(".")[0]) for each in found}
    parts = sorted(stem for stem in stems if stem.lower() in _PARTS)
    if len(parts) > 1:
        raise DataError(
            f"the folder holds the parts {', '.join(parts)} of a data set",
            path=path,
            expected="the file of one part, or a folder of its files alone",
        )


# --------------------------------------------------------------------------- one file

Reader: TypeAlias = Callable[[Path, Header | None], Iterator[tuple[int | None, Row, bool]]]


def _reader(path: Path) -> Reader:
    if path.is_dir():
        return _whole(tables.saved_rows)
    reader = _READERS.get(suffix(path))
    if reader is None:
        raise DataError(
            f"the suffix {suffix(path)!r} names no format of rows", path=path, expected=FORMATS
        )
    return reader


def _read_lines(path: Path, header: Header | None) -> Iterator[tuple[int | None, Row, bool]]:
    del header
    for line, row in text_files.read_jsonl(path):
        yield line, row, False


def _read_json(path: Path, header: Header | None) -> Iterator[tuple[int | None, Row, bool]]:
    if tables.is_json_lines(path):
        yield from _read_lines(path, header)
        return
    for row in tables.json_rows(text_files.read_json(path), path, FORMATS):
        yield None, row, False


def _read_table(path: Path, header: Header | None) -> Iterator[tuple[int | None, Row, bool]]:
    delimiter = "\t" if suffix(path) == ".tsv" else tables.delimiter(path)
    known = None if header is None else header.known
    absent = () if header is None else header.absent
    yield from tables.read(path, delimiter, known, absent, FORMATS)


def _whole(rows_of: Callable[[Path], Iterator[Row]]) -> Reader:
    """A reader of a format that has neither lines nor headers."""

    def read_file(path: Path, header: Header | None) -> Iterator[tuple[int | None, Row, bool]]:
        del header
        for row in rows_of(path):
            yield None, row, False

    return read_file


_READERS: Mapping[str, Reader] = {
    ".jsonl": _read_lines,
    ".ndjson": _read_lines,
    ".json": _read_json,
    ".csv": _read_table,
    ".tsv": _read_table,
    ".parquet": _whole(lambda path: tables.parquet_rows(path, FORMATS)),
    ".arrow": _whole(lambda path: tables.arrow_rows(path, FORMATS)),
}

# --------------------------------------------------------------------------- columns


def parse_columns(text: str) -> tuple[tuple[str, str], ...]:
    """``FIELD:COLUMN,FIELD:COLUMN`` as pairs.

    Raises:
        DataError: It is not of that form, or names a field twice.
    """
    pairs = [each.partition(":") for each in text.split(",")]
    fields = [field.strip() for field, _, _ in pairs]
    if not all(field.strip() and column.strip() for field, _, column in pairs) or len(
        set(fields)
    ) < len(fields):
        raise DataError(
            f"columns={text}",
            expected="FIELD:COLUMN pairs, separated by commas: "
            "columns=question:prompt,answer:gold takes the question from the column prompt",
        )
    return tuple((field.strip(), column.strip()) for field, _, column in pairs)


def _renamed(row: Row, place: Place, columns: Sequence[tuple[str, str]]) -> Row:
    if not columns:
        return row
    for _, column in columns:
        if column not in row:
            raise place.error(
                f"there is no column {column!r}", f"one of {', '.join(map(repr, row))}"
            )
    taken = {column for _, column in columns}
    rest = {name: value for name, value in row.items() if name not in taken}
    return {**rest, **{field: row[column] for field, column in columns}}


def _from_text(text: str, kinds: tuple[type, ...]) -> Any:
    """The value that a field without a type means, where its text is of one of the kinds."""
    bare = text.strip()
    if bool in kinds and bare.lower() in ("true", "false"):
        return bare.lower() == "true"
    for kind in (int, float):
        if kind in kinds:
            try:
                return kind(bare)
            except ValueError:
                continue
    if (list in kinds and bare.startswith("[")) or (dict in kinds and bare.startswith("{")):
        return structure(bare)
    return text


def structure(text: str) -> Any:
    """A list or object written as JSON or as Python writes it; the text itself where neither."""
    try:
        return text_files.parse_json(text)
    except DataError:
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            return text
