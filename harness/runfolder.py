"""The run folder: run.json, results.json, samples/<task>.jsonl; written whole or not at all."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import codec
from harness.errors import DataError, UsageError
from harness.types import RunResult, SampleRecord

if TYPE_CHECKING:
    from harness.config import RunSpec

RUNS = Path("runs")


def spec_to_json(spec: RunSpec) -> dict[str, Any]:
    """The spec as run.json holds it; where the run goes is not part of it."""
    fields = {each.name: getattr(spec, each.name) for each in dataclasses.fields(spec)}
    del fields["out"], fields["formats"]
    return json.loads(json.dumps(fields, default=str))  # type: ignore[no-any-return]


def claim(out: Path | None, started: datetime, slug: str, spec: Mapping[str, Any]) -> Path:
    """The folder of a new run.

    A folder given by the user is taken when it is missing or empty, or when it holds a run of
    the same spec, which is then made anew from the stored responses.

    Raises:
        UsageError: The folder holds something else, which would be lost.
    """
    if out is None:
        base = RUNS / f"{started:%Y%m%dT%H%M%SZ}-{slug}"
        folder, count = base, 1
        while folder.exists():  # two runs within a second
            count += 1
            folder = base.with_name(f"{base.name}-{count}")
        return folder
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return out
    try:
        earlier = json.loads((out / "run.json").read_text(encoding="utf-8"))["spec"]
    except (OSError, ValueError, KeyError, TypeError):
        earlier = None
    if earlier is None or _decisive(earlier) != _decisive(spec):
        what = "a run with other settings" if earlier is not None else "something else than a run"
        raise UsageError(f"{out} holds {what}", "Give another --out, or remove it first.")
    return out


def _decisive(spec: Mapping[str, Any]) -> dict[str, Any]:
    """What of a spec can change a result; where and at what price it is computed cannot."""
    indifferent = ("batch_size", "cache", "executor", "prices")
    return {name: value for name, value in spec.items() if name not in indifferent}


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
