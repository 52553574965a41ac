"""Reading data sets: checked readers whose errors name file, line and what was expected.

Tasks and probes call these; nothing here knows of a particular benchmark.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.errors import DataError, MissingExtraError
from harness.types import HubDataset

Row = Mapping[str, Any]


def lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """(line number from 1, line without its end) of a UTF-8 file, gzipped if named so, streamed.

    Only ``\\n`` and ``\\r\\n`` end a line: Unicode's further separators occur inside texts.

    Raises:
        DataError: The file is missing, unreadable or not UTF-8.
    """
    number = 0
    opened = gzip.open if str(path).endswith(".gz") else open
    try:
        with opened(path, "rb") as file:
            for number, raw in enumerate(file, start=1):
                text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
                yield number, text.removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise DataError(
            f"byte {raw[error.start]:#04x} is not UTF-8",
            path=path,
            line=number,
            expected="UTF-8 text",
        ) from error
    except (OSError, EOFError) as error:  # EOFError: a gzip file that was cut off
        raise missing(path, error) from error


def read_text(path: str | Path) -> str:
    """The whole of a UTF-8 file."""
    return "\n".join(text for _, text in lines(path))


def missing(path: str | Path, error: OSError | EOFError) -> DataError:
    """The error for a file that cannot be opened."""
    return DataError(
        getattr(error, "strerror", None) or str(error),
        path=path,
        expected="a readable file at that path",
    )


def read_json(path: str | Path) -> Any:
    """A JSON document."""
    try:
        return json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise DataError(
            f"not valid JSON: {error.msg}", path=path, line=error.lineno, expected="a JSON document"
        ) from error


def read_jsonl(path: str | Path) -> Iterator[tuple[int, Row]]:
    """(line number, object) for every line that is not blank."""
    for number, text in lines(path):
        if not text.strip():
            continue
        try:
            row = json.loads(text)
        except json.JSONDecodeError as error:
            raise DataError(
                f"not valid JSON: {error.msg}",
                path=path,
                line=number,
                expected="one JSON object a line",
            ) from error
        if not isinstance(row, dict):
            raise DataError(
                f"a JSON {type(row).__name__}",
                path=path,
                line=number,
                expected="one JSON object a line",
            )
        yield number, row


def read_csv(path: str | Path, columns: Iterable[str]) -> Iterator[tuple[int, Row]]:
    """(line number, row) of a CSV file with a header that has at least ``columns``."""
    reader = csv.DictReader(text for _, text in lines(path))
    wanted = list(columns)
    absent = [name for name in wanted if name not in (reader.fieldnames or ())]
    if absent:
        raise DataError(
            f"no column {absent[0]!r}",
            path=path,
            line=1,
            expected=f"the columns {', '.join(wanted)}",
        )
    for row in reader:
        if any(row[name] is None for name in wanted):
            raise DataError(
                "too few fields", path=path, line=reader.line_num, expected=f"{', '.join(wanted)}"
            )
        yield reader.line_num, row


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
        raise DataError(f"field {name!r} is missing", path=path, line=line, expected=expected)
    value = row[name]
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise DataError(
            f"field {name!r} is {type(value).__name__} {str(value)[:60]!r}",
            path=path,
            line=line,
            expected=expected,
        )
    return value


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
    if path.is_file():
        return [path]
    found = sorted(path.glob(pattern))
    if not found:
        raise DataError(
            f"the folder holds no {pattern}", path=path, expected=f"a folder of {pattern}"
        )
    return found


def sha256(paths: Iterable[str | Path]) -> str:
    """SHA-256 (hex) over the bytes of files, and of folders' files in the order of their names."""
    digest = hashlib.sha256()
    for path in map(Path, paths):
        members = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        for member in members:
            try:
                with open(member, "rb") as file:
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
