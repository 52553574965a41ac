"""The run folder: run.json, results.json, samples/<task>.jsonl; written whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from harness import codec
from harness.errors import DataError
from harness.types import RunResult, SampleRecord


def write_atomically(path: Path, text: str) -> None:
    """Writes a file so that a reader sees the old content or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Writes indented JSON atomically."""
    write_atomically(path, codec.dumps(value, indent=2) + "\n")


def write_samples(folder: Path, task: str, records: Iterable[SampleRecord]) -> Path:
    """Writes ``samples/<task>.jsonl``."""
    path = folder / "samples" / f"{task}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("w", encoding="utf-8") as file:
            file.writelines(codec.dumps(codec.record_to_json(record)) + "\n" for record in records)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def read_samples(folder: Path, task: str) -> Iterator[SampleRecord]:
    """Streams ``samples/<task>.jsonl``.

    Raises:
        DataError: The file is missing or malformed.
    """
    from harness.data import read_jsonl

    path = folder / "samples" / f"{task}.jsonl"
    for line, row in read_jsonl(path):
        try:
            yield codec.record_from_json(row)
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"not a sample record: {error!r}",
                path=path,
                line=line,
                expected="a line as harness writes it",
            ) from error


def write_result(folder: Path, result: RunResult) -> None:
    """Writes results.json."""
    write_json(folder / "results.json", codec.result_to_json(result))


def read_result(path: Path) -> RunResult:
    """Reads results.json, given the file or its run folder.

    Raises:
        DataError: There is none, or it is malformed.
    """
    path = path / "results.json" if path.is_dir() else path
    try:
        return codec.result_from_json(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise DataError(
            error.strerror or str(error), path=path, expected="a run folder that holds results.json"
        ) from error
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise DataError(
            f"not a results file: {error}", path=path, expected="results.json as harness writes it"
        ) from error
