"""The formats of rows one by one: tables of text, JSON documents, Parquet and Arrow."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import regular_files
from harness.authoring.readers import text_files
from harness.authoring.readers.text_files import Row
from harness.errors import DataError, MissingExtraError

if TYPE_CHECKING:
    import pyarrow

_BATCH = 1024
_LOOK = 200
"""Lines of a table that are looked at to find how it is written."""

# --------------------------------------------------------------------------- tables of text


def delimiter(path: Path) -> str:
    """What separates the fields of a CSV file: commas, or what its first line has without any."""
    _, first = next(text_files.lines(path), (1, ""))
    return next((each for each in (",", ";", "\t") if each in first), ",")


def read(
    path: Path,
    separator: str,
    known: Collection[str] | None,
    absent: Sequence[str],
    formats: str,
) -> Iterator[tuple[int, Row, bool]]:
    """(line, row, whether its columns were named by their place) of a CSV or TSV file.

    Args:
        path: The file.
        separator: What separates fields.
        known: Names of which a header has at least one; None: the first line is the header.
        absent: The columns of a file without a header.
        formats: What can be read, for error messages.

    Raises:
        DataError: It is no such table, or has neither a header nor the columns ``absent``.
    """
    quoted = separator != "\t" or _is_quoted(path)
    rows = text_files.read_fields(path, separator, quoted)
    line, first = next(rows, (1, []))
    if not first:
        return
    names = [each.strip() for each in first]
    headed = known is None or not set(names).isdisjoint(known)
    if not headed and len(first) != len(absent):
        raise DataError(
            f"the first line holds {', '.join(names)[:120]!r}, none of which is a known field",
            path=path,
            line=line,
            expected=(f"a header with some of {', '.join(sorted(known or ()))}; name others with "
            "--set TASK.columns=FIELD:COLUMN"
            + (f". Without a header: {', '.join(absent)}" if absent else "")),
        )  # fmt: skip
    if headed and len(set(names)) < len(names):
        twice = next(each for each in names if names.count(each) > 1)
        raise DataError(
            f"the column {twice!r} stands twice in the header", path=path, line=line,
            expected=f"columns with different names. Formats: {formats}",
        )  # fmt: skip
    if not headed:
        names = list(absent)
        yield line, text_files.by_column(names, first, path, line), True
    for line, values in rows:
        yield line, text_files.by_column(names, values, path, line), not headed


def _is_quoted(path: Path) -> bool:
    """Whether a TSV file encloses fields in quotes; many are written without any such rule.

    It does where reading it so works and some quotes are needed: around a tab, a line end or a
    doubled quote; or where every field of some column is enclosed.
    """
    if not any('"' in text for _, text in text_files.lines(path)):
        return False
    try:
        rows = [fields for _, fields in text_files.read_fields(path, "\t", quoted=True)]
    except DataError:
        return False
    if len({len(row) for row in rows}) != 1:
        return False
    if any(mark in field for row in rows for field in row for mark in '\t\n"'):
        plain = [fields for _, fields in text_files.read_fields(path, "\t", quoted=False)]
        return rows != plain
    plain = [fields for _, fields in text_files.read_fields(path, "\t", quoted=False)]
    enclosed = [[len(each) > 1 and each[0] == each[-1] == '"' for each in row] for row in plain[1:]]
    return bool(enclosed) and any(map(all, zip(*enclosed, strict=True)))


# --------------------------------------------------------------------------- JSON documents


def is_json_lines(path: Path) -> bool:
    """Whether a file named ``.json`` holds an object a line, as many do."""
    texts = [text for _, text in islice(text_files.lines(path), _LOOK) if text.strip()][:2]
    if len(texts) < 2 or not texts[0].lstrip().startswith("{"):
        return False
    try:
        return isinstance(text_files.parse_json(texts[0]), dict)
    except DataError:
        return False


def json_rows(document: Any, path: Path, formats: str) -> list[Row]:
    """The rows of a JSON document.

    It is a list of objects; an object of lists of equal length, the columns; or an object with
    such a list under ``data`` or as its only list of objects.

    Raises:
        DataError: It is none of these.
    """
    if isinstance(document, dict):
        lists = [each for each in document.values() if _are_objects(each)]
        if _are_objects(document.get("data")):
            document = document["data"]
        elif len(lists) == 1:
            document = lists[0]
        elif _are_columns(document):
            return [
                dict(zip(document, values, strict=True))
                for values in zip(*document.values(), strict=True)
            ]
    if isinstance(document, list):
        for number, row in enumerate(document, start=1):
            if not isinstance(row, dict):
                raise DataError(
                    f"a JSON {type(row).__name__}",
                    path=f"{path}, row {number}",
                    expected="a JSON list of objects",
                )
        return document
    what = (
        f"a JSON object with {', '.join(map(repr, list(document)[:8]))}"
        if isinstance(document, dict)
        else f"a JSON {type(document).__name__}"
    )
    raise DataError(f"{what} is no table of rows", path=path, expected=formats)


def _are_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)


def _are_columns(document: dict[str, Any]) -> bool:
    columns = list(document.values())
    return (
        bool(columns)
        and all(isinstance(each, list) for each in columns)
        and len({len(each) for each in columns}) == 1
    )


# --------------------------------------------------------------------------- Arrow


def parquet_rows(path: Path, formats: str) -> Iterator[Row]:
    """The rows of a Parquet file.

    Raises:
        MissingExtraError: pyarrow is not installed.
        DataError: It is no Parquet file, or a text in it is no text.
    """
    return _batched(path, "a Parquet file", formats, _parquet_batches)


def arrow_rows(path: Path, formats: str) -> Iterator[Row]:
    """The rows of an Arrow file, in the stream or the file format.

    Raises:
        MissingExtraError: pyarrow is not installed.
        DataError: It is no Arrow file, or a text in it is no text.
    """
    return _batched(path, "an Arrow file", formats, _arrow_batches)


def _parquet_batches(path: Path) -> Iterator[pyarrow.RecordBatch]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        yield from file.iter_batches(_BATCH)


def _arrow_batches(path: Path) -> Iterator[pyarrow.RecordBatch]:
    import pyarrow as pa

    with open(path, "rb") as file:
        opened = pa.ipc.open_file if file.read(6) == b"ARROW1" else pa.ipc.open_stream
    with pa.memory_map(str(path)) as mapped, opened(mapped) as reader:
        if opened is pa.ipc.open_stream:
            yield from reader
        else:
            yield from map(reader.get_batch, range(reader.num_record_batches))


def _batched(
    path: Path,
    what: str,
    formats: str,
    batches: Callable[[Path], Iterator[pyarrow.RecordBatch]],
) -> Iterator[Row]:
    """The rows of a file that pyarrow reads."""
    if find_spec("pyarrow") is None:
        raise MissingExtraError(what, "tasks")
    try:
        regular_files.open_binary(path).close()
    except OSError as error:
        raise text_files.missing(path, error) from error
    try:
        yield from _rows_of(batches(path), path)
    except (OSError, ValueError) as error:
        name = what.split()[1]
        raise DataError(
            f"cannot be read as {name}: {str(error).partition(chr(10))[0]}",
            path=path,
            expected=formats,
        ) from error


def saved_rows(path: Path) -> Iterator[Row]:
    """The rows of a folder that ``datasets.Dataset.save_to_disk`` wrote.

    Raises:
        MissingExtraError: ``datasets`` is not installed.
        DataError: The folder is not whole.
    """
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError("a folder saved by datasets", "tasks") from error
    try:
        regular_files.check_folder(path)
        saved = datasets.Dataset.load_from_disk(str(path))
    except Exception as error:  # the library raises whatever its reader does
        raise DataError(
            f"cannot be loaded: {type(error).__name__}: {str(error).partition(chr(10))[0]}",
            path=path,
            expected="a folder written by save_to_disk",
        ) from error
    # As Arrow: pictures and sounds are not decoded.
    tables = saved.with_format("arrow").iter(_BATCH)
    yield from _rows_of((batch for table in tables for batch in table.to_batches()), path)


def _rows_of(batches: Iterator[pyarrow.RecordBatch], path: Path) -> Iterator[Row]:
    number = 0
    for batch in batches:
        for row in batch.to_pylist():
            number += 1
            text_files.check_text(row, f"{path}, row {number}")
            yield row
