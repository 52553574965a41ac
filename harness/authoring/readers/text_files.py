"""Reading text and JSON: checked readers whose errors name file, line and what was expected.

What is no text (a NUL, half of a surrogate pair) or no usable JSON (a number of 5,000 digits,
thousands of nested brackets) is refused here, where its line is known, so that nothing later
fails over it. ``harness.authoring.readers.rows`` reads rows of any format with these.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

from harness import regular_files
from harness.errors import DataError, MissingExtraError
from harness.types import HubDataset

Row = Mapping[str, Any]

MOST_LINE_BYTES = 256 * 1024**2
"""The longest line that is read, unpacked: a few megabytes of gzip can unfold to gigabytes."""
MOST_DOCUMENT_BYTES = 1024**3
"""The largest document that is read whole, unpacked."""
MOST_NESTED = 200
"""The most brackets within brackets in JSON: beyond it, writing the value again could fail."""

_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_SUSPECT_ESCAPE = re.compile(
    r"\\u(?:0000|d[89ab]..(?!\\ud[c-f])|(?<!\\ud[89ab]..\\u)d[c-f])", re.IGNORECASE
)
"""What writes a NUL or half a pair, where the backslash is not itself escaped."""
_NO_TEXT = re.compile("[\0\ud800-\udfff]")


def lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """(line number from 1, line without its end) of a UTF-8 file, gzipped if named so, streamed.

    A line ends at ``\\n`` or ``\\r\\n``, and at ``\\r`` in a file without any ``\\n``. Unicode's
    further separators occur inside texts.

    Raises:
        DataError: The file is missing, unreadable, not UTF-8, holds a NUL, or has a line longer
            than ``MOST_LINE_BYTES``.
    """
    number, raw = 0, b""
    try:
        with regular_files.open_binary(path) as opened:
            packed = str(path).lower().endswith(".gz")
            file = cast(BinaryIO, gzip.GzipFile(fileobj=opened)) if packed else opened
            for number, raw in enumerate(_raw_lines(file, path), 1):
                text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
                if "\0" in text:
                    raise DataError(
                        "a NUL character", path=path, line=number, expected="UTF-8 text without NUL"
                    )
                yield number, text.removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        what = f"byte {raw[error.start]:#04x} is not UTF-8"
        if number == 1 and raw.startswith(_UTF16_MARKS):
            what = "the file is UTF-16"
        raise DataError(
            what, path=path, line=number, expected="UTF-8 text (iconv and editors convert)"
        ) from error
    except (OSError, EOFError, zlib.error) as error:  # EOFError: a gzip file that was cut off
        raise missing(path, error) from error


def _raw_lines(file: BinaryIO, path: str | Path) -> Iterator[bytes]:
    """Lines with their ends; refuses one that is too long before it fills the memory."""
    number = 0
    while raw := file.readline(MOST_LINE_BYTES + 1):
        number += 1
        if len(raw) > MOST_LINE_BYTES:
            raise DataError(
                f"the line is longer than {MOST_LINE_BYTES / 1024**2:g} MiB",
                path=path,
                line=number,
                expected="one row a line",
            )
        if number == 1 and b"\r" in raw and not raw.endswith(b"\n"):  # the whole file
            yield from (match[0] for match in re.finditer(rb"[^\r]*\r|[^\r]+", raw))
        else:
            yield raw


def read_text(path: str | Path) -> str:
    """The whole of a UTF-8 file.

    Raises:
        DataError: As ``lines``, or it is larger than ``MOST_DOCUMENT_BYTES``.
    """
    found, size = [], 0
    for _, text in lines(path):
        size += len(text) + 1
        if size > MOST_DOCUMENT_BYTES:
            raise DataError(
                f"the text is larger than {MOST_DOCUMENT_BYTES / 1024**3:g} GiB",
                path=path,
                expected="a smaller document, or one row a line (JSONL)",
            )
        found.append(text)
    return "\n".join(found)


def missing(path: str | Path, error: OSError | EOFError | zlib.error) -> DataError:
    """The error for a file that cannot be opened or unpacked."""
    return DataError(
        getattr(error, "strerror", None) or str(error),
        path=path,
        expected="a readable file at that path",
    )


def parse_json(
    text: str, path: object = None, line: int | None = None, expected: str = "a JSON document"
) -> Any:
    """The value of JSON text from outside; the only way in which such text is read.

    NaN and infinities, which Python's own writer makes, become floats; whoever uses a number
    checks it.

    Args:
        text: The JSON text; a byte order mark before it is skipped.
        path: The file, for error messages.
        line: The line in it where the text begins; None where the text is the whole file.
        expected: What the text should be.

    Raises:
        DataError: It is no JSON, or JSON that could not be written again: a number of thousands
            of digits, more than ``MOST_NESTED`` brackets within brackets, half a surrogate pair
            or a NUL in a text.
    """

    def wrong(what: str, at: int | None) -> DataError:
        return DataError(what, path=path, line=at, expected=expected)

    try:
        value = json.loads(text.removeprefix("\ufeff"))
    except json.JSONDecodeError as error:
        at = error.lineno if line is None else line
        raise wrong(f"not valid JSON: {error.msg} (column {error.colno})", at) from error
    except RecursionError as error:
        raise wrong(f"more than {MOST_NESTED} brackets within brackets", line) from error
    except ValueError as error:  # Python's limit on the digits of an integer
        raise wrong(f"a number that is too long: {str(error).partition(':')[0]}", line) from error
    if text.count("[") + text.count("{") > MOST_NESTED and _depth(value) > MOST_NESTED:
        raise wrong(f"more than {MOST_NESTED} brackets within brackets", line)
    if found := _SUSPECT_ESCAPE.search(text):
        at = text.count("\n", 0, found.start()) + 1 if line is None else line
        check_text(value, path, at, expected)
    return value


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level:
        level = [
            each
            for holder in level
            if isinstance(holder, dict | list)
            for each in (holder.values() if isinstance(holder, dict) else holder)
        ]
        depth += 1
    return depth - 1


def check_text(
    value: Any, path: object, line: int | None = None, expected: str = "text without it"
) -> None:
    """Refuses a value in which some text, however deep, has a NUL or half a surrogate pair.

    Raises:
        DataError: It has.
    """
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            found = _NO_TEXT.search(each)
            if found is not None:
                bad = found[0]
                what = "a NUL" if bad == "\0" else f"half a surrogate pair (\\u{ord(bad):04x})"
                raise DataError(
                    f"{what} in {each[:40]!r}, which is no text",
                    path=path,
                    line=line,
                    expected=expected,
                )
        elif isinstance(each, dict):
            waiting += [*each, *each.values()]
        elif isinstance(each, list):
            waiting += each


def read_json(path: str | Path) -> Any:
    """A JSON document.

    Raises:
        DataError: The file cannot be read, or ``parse_json`` refuses it.
    """
    return parse_json(read_text(path), path)


def read_jsonl(path: str | Path) -> Iterator[tuple[int, Row]]:
    """(line number, object) for every line that is not blank.

    Raises:
        DataError: The file cannot be read, or a line is no JSON object.
    """
    expected = "one JSON object a line"
    for number, text in lines(path):
        if not text.strip():
            continue
        row = parse_json(text, path, number, expected)
        if not isinstance(row, dict):
            raise DataError(
                f"a JSON {type(row).__name__}", path=path, line=number, expected=expected
            )
        yield number, row


def read_fields(
    path: str | Path, delimiter: str = ",", quoted: bool = True
) -> Iterator[tuple[int, list[str]]]:
    """(line number of its beginning, fields) of every line of a CSV file that is not blank.

    Args:
        path: The file.
        delimiter: What separates fields.
        quoted: Whether double quotes enclose fields, which may then hold line ends.

    Raises:
        DataError: The file cannot be read, or a quote is not closed.
    """
    csv.field_size_limit(MOST_LINE_BYTES)
    # The reader wants line ends back: those within quotes belong to the field.
    reader = csv.reader(
        (f"{text}\n" for _, text in lines(path)),
        delimiter=delimiter,
        quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
        strict=True,
    )
    start = 1
    while True:
        try:
            fields = next(reader, None)
        except csv.Error as error:
            raise DataError(
                f"not valid CSV: {error}",
                path=path,
                line=start,
                expected='fields with a quote or a line end in them in "…", quotes doubled',
            ) from error
        if fields is None:
            return
        if fields:
            yield start, fields
        start = reader.line_num + 1


def read_csv(path: str | Path, columns: Iterable[str]) -> Iterator[tuple[int, Row]]:
    """(line number, row) of a CSV file with a header that has at least ``columns``.

    Raises:
        DataError: The file cannot be read, lacks a column, or a row has too few or many fields.
    """
    wanted = list(columns)
    fields = read_fields(path)
    _, header = next(fields, (1, []))
    absent = [name for name in wanted if name not in header]
    if absent:
        raise DataError(
            f"no column {absent[0]!r}",
            path=path,
            line=1,
            expected=f"the columns {', '.join(wanted)}",
        )
    for line, values in fields:
        yield line, by_column(header, values, path, line)


def by_column(header: list[str], values: list[str], path: str | Path, line: int) -> Row:
    """Column name → value of one row.

    Raises:
        DataError: There are not as many values as columns.
    """
    if len(values) != len(header):
        few = "few" if len(values) < len(header) else "many"
        raise DataError(
            f"too {few} fields: {len(values)} of {len(header)}",
            path=path,
            line=line,
            expected=f"a value for each of {', '.join(header)}",
        )
    return dict(zip(header, values, strict=True))


def field(
    row: Row, name: str, kind: type | tuple[type, ...], path: str | Path, line: int | None = None
) -> Any:
    """A field that must be there and of a type.

    Raises:
        DataError: It is missing or of another type.
    """
    kinds = kind if isinstance(kind, tuple) else (kind,)
    expected = f"a field {name!r} of type {' or '.join(each.__name__ for each in kinds)}"
    if name not in row:
        raise DataError(
            f"field {name!r} is missing", path=path, line=line, expected=f"{expected}{others(row)}"
        )
    value = row[name]
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise DataError(
            f"field {name!r} is {type(value).__name__} {str(value)[:60]!r}",
            path=path,
            line=line,
            expected=expected,
        )
    return value


def others(row: Row) -> str:
    """What a message about a missing field says of those that are there."""
    named = ", ".join(map(str, list(row)[:20])) or "none"
    return (
        f"; the row has {named}. Where one of these holds it under another name, say so with "
        "--set TASK.columns=FIELD:COLUMN"
    )


def files(path: str | Path, pattern: str) -> list[Path]:
    """The file itself, or a folder's files that match ``pattern``, sorted by name.

    Raises:
        DataError: Nothing is there or nothing matches.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(
            "no such file or folder", path=path, expected=f"a file or a folder of {pattern}"
        )
    if not path.is_dir():
        return [path]
    found = sorted(path.glob(pattern))
    if not found:
        raise DataError(
            f"the folder holds no {pattern}", path=path, expected=f"a folder of {pattern}"
        )
    return found


def sha256(paths: Iterable[str | Path]) -> str:
    """SHA-256 (hex) over the bytes of files, and of folders' files in the order of their names."""
    import hashlib

    digest = hashlib.sha256()
    for path in map(Path, paths):
        members = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        for member in members:
            try:
                with regular_files.open_binary(member) as file:
                    while block := file.read(1 << 20):
                        digest.update(block)
            except OSError as error:
                raise missing(member, error) from error
    return digest.hexdigest()


def read_hub(hub: HubDataset, split: str | None = None) -> Iterator[tuple[int, Row]]:
    """(row number from 1, row) of a data set on the Hugging Face hub, streamed from its files.

    Raises:
        MissingExtraError: ``datasets`` is not installed.
        DataError: The hub cannot be reached or has no such data set; names the other ways.
    """
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError("a data set from the hub", "tasks") from error
    import logging

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # its retries are no news
    try:
        rows = datasets.load_dataset(hub.path, hub.name, split=split or hub.split)
    except Exception as error:  # the library raises whatever its transport does
        raise DataError(
            f"data set {hub.path!r} cannot be loaded from the hub: {type(error).__name__}: "
            f"{str(error).splitlines()[0] if str(error) else 'no message'}",
            expected="a reachable hub; else give a local file with --data TASK=PATH, "
            "or take the small set that ships with the task with --data sample",
        ) from error
    yield from enumerate(rows, start=1)
