"""The run folder: run.json, samples/<task>.jsonl, results.json, and last manifest.json.

A run holds the folder's lock while it writes; each file is written whole or not at all.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

from harness import regular_files
from harness.authoring.io import secrets, serialization
from harness.authoring.io.files import replacing
from harness.authoring.readers import text_files
from harness.config import RUNS, RunSpec
from harness.errors import DataError, UsageError
from harness.results import manifest, result_json
from harness.types import RunResult, SampleRecord

if TYPE_CHECKING:
    from pydantic import TypeAdapter


MANIFEST_SINCE = 2
"""The first schema of results.json whose folders end with a manifest."""
_LOCK = ".lock"
Span: TypeAlias = tuple[int, int]
"""A line's first byte in its file, and the one after its last."""


def spec_to_json(spec: RunSpec) -> dict[str, Any]:
    """The spec as run.json holds it, secrets masked; where the run goes is not part of it."""
    fields = {each.name: getattr(spec, each.name) for each in dataclasses.fields(spec)}
    del fields["out"], fields["formats"]
    for name, value in _SINCE.items():
        if fields[name] == value:  # run folders of earlier versions are without it
            del fields[name]
    plain = json.loads(json.dumps(fields, default=str))
    return secrets.redact_value(plain)  # type: ignore[no-any-return]


_SINCE: Mapping[str, Any] = {
    "declared": {},
    "system": None,
    "roles": {},
    "repeats": 1,
    "reducers": (),
    "metrics": (),
    "temperature": None,
    "max_seconds": None,
    "allow_unsafe_code": False,
    "machine_hour": None,
    "energy": None,
}
"""Fields that specs of earlier versions lack → the value that leaves them out."""


def check(out: Path | None, spec: Mapping[str, Any]) -> None:
    """Raises, before the model is opened, what would keep the run's folder from being written.

    Raises:
        UsageError: The folder holds something else, or is being written by another run.
        OSError: It cannot be written.
    """
    if out is None:
        out = RUNS
    elif out.exists():
        _refuse_other(out, spec)
    parent = out.absolute()
    while not parent.exists():
        parent = parent.parent
    try:
        with tempfile.TemporaryFile(dir=parent) as file:
            file.write(b" " * 4096)
    except OSError as error:
        error.filename = str(out)
        raise


@contextmanager
def claimed(
    out: Path | None, started: datetime, slug: str, spec: Mapping[str, Any]
) -> Iterator[Path]:
    """The folder of a new run, which nobody else writes as long as the context lasts.

    A folder given by the user is taken when it is missing or empty, or when it holds a run of
    the same spec, which is then made anew from the stored responses. From here on until
    ``write_result`` the folder has no manifest, so that nobody takes it for a finished run.

    Raises:
        UsageError: The folder holds something else, which would be lost; or another run writes it.
        OSError: It cannot be made.
    """
    folder = _new_folder(started, slug) if out is None else out
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
    with locked(folder):
        _refuse_other(folder, spec)
        (folder / manifest.FILE).unlink(missing_ok=True)
        yield folder


def _new_folder(started: datetime, slug: str) -> Path:
    RUNS.mkdir(parents=True, exist_ok=True)
    for count in itertools.count(1):
        folder = RUNS / f"{started:%Y%m%dT%H%M%SZ}-{slug}{f'-{count}' if count > 1 else ''}"
        with suppress(FileExistsError):  # two runs within a second
            folder.mkdir(mode=0o700)
            return folder
    raise AssertionError


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keeps other processes from writing into the folder; a killed process holds no lock.

    Raises:
        UsageError: Another process writes it.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / _LOCK, timeout=0, mode=0o600)
    try:
        lock.acquire()
    except Timeout as error:
        raise UsageError(
            f"{folder} is being written by another run", "Give another --out, or wait for its end."
        ) from error
    try:
        yield
    finally:
        (folder / _LOCK).unlink(missing_ok=True)
        lock.release()


def _refuse_other(folder: Path, spec: Mapping[str, Any]) -> None:
    if folder.is_dir() and all(each.name == _LOCK for each in folder.iterdir()):
        return
    try:
        earlier = manifest.read_run(folder / "run.json")["spec"] or None
    except (OSError, DataError):
        earlier = None
    if earlier is None or _decisive(earlier) != _decisive(spec):
        what = "a run with other settings" if earlier is not None else "something else than a run"
        raise UsageError(f"{folder} holds {what}", "Give another --out, or remove it first.")


def _decisive(spec: Mapping[str, Any]) -> dict[str, Any]:
    """What of a spec can change a result; where and at what price it is computed cannot."""
    indifferent = (
        *("batch_size", "cache", "executor", "metrics", "allow_unsafe_code"),
        *("prices", "machine_hour", "energy", "max_seconds"),
    )
    found = {name: value for name, value in spec.items() if name not in indifferent}
    if "roles" in spec:
        found["roles"] = {role: _decisive(table) for role, table in spec["roles"].items()}
    return found


def write_samples(folder: Path, task: str, records: Iterable[SampleRecord]) -> Path:
    """Writes ``samples/<task>.jsonl``; results of earlier samples are removed first."""
    for stale in (manifest.FILE, "results.json"):
        (folder / stale).unlink(missing_ok=True)
    path = samples_file(folder, task)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.writelines(
            serialization.dumps(serialization.record_to_json(record)) + "\n" for record in records
        )
    return path


def read_samples(
    folder: Path | str, task: str, spans: Iterable[tuple[int, int]] | None = None
) -> Iterator[SampleRecord]:
    """Streams the records of a task's samples, probes' variants among them, from a run folder.

    Args:
        folder: The run folder.
        task: The task's name.
        spans: (first byte, byte after the last) of each line that is wanted; None for all.

    Raises:
        DataError: ``samples/<task>.jsonl`` is missing or malformed.
    """
    from harness.results import row_schemas

    path = samples_file(folder, task)
    for line, _, row in _rows(path, row_schemas.SAMPLE_ROW, spans):
        try:
            yield serialization.record_from_json(row)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _no_sample(path, line, repr(error)) from error


def samples_file(folder: Path | str, task: str) -> Path:
    """Where a run folder keeps a task's samples."""
    return Path(folder) / "samples" / f"{task}.jsonl"


def read_scores(folder: Path, task: str) -> Iterator[tuple[Span, dict[str, Any]]]:
    """Streams what ``samples/<task>.jsonl`` says of scores: id, scores, cluster, groups, probe,
    error, each with the span of its line; several times as fast as ``read_samples``.

    Raises:
        DataError: The file is missing or malformed.
    """
    from harness.results import row_schemas

    path = samples_file(folder, task)
    end = 0
    for _, size, row in _rows(path, row_schemas.SCORES_ROW):
        start, end = end, end + size
        yield (start, end), row


def _rows(
    path: Path, kind: TypeAdapter[Any], spans: Iterable[Span] | None = None
) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """(line number from 1, or number of the span; its length in bytes; checked row)."""
    from pydantic import ValidationError

    from harness.results import schemas

    number = 0
    try:
        with regular_files.open_binary(path) as file:
            lines = file if spans is None else _spanned(file, spans)
            for number, text in enumerate(lines, start=1):
                yield number, len(text), kind.validate_json(text)
    except ValidationError as error:
        raise _no_sample(path, number, schemas.explain(error)) from error
    except OSError as error:
        raise text_files.missing(path, error) from error


def _spanned(file: BinaryIO, spans: Iterable[Span]) -> Iterator[bytes]:
    for start, end in spans:
        file.seek(start)
        yield file.read(end - start)


def _no_sample(path: Path, line: int, why: str) -> DataError:
    return DataError(
        f"not a sample record: {why}", path=path, line=line, expected="a line as harness writes it"
    )


def write_result(folder: Path, result: RunResult) -> None:
    """Writes results.json, and last the manifest of all that is in the folder then.

    Args:
        folder: The run folder; made when missing.
        result: The run's result.

    Raises:
        OSError: It cannot be written; then the earlier files are as they were.
    """
    text = serialization.dumps(result_json.result_to_json(result), indent=2) + "\n"
    folder.mkdir(parents=True, exist_ok=True)
    held = serialization.dumps(manifest.of_folder(folder, text.encode()), indent=2) + "\n"
    with (
        replacing(folder / manifest.FILE) as last,
        replacing(folder / "results.json") as first,
    ):
        for file, content in ((first, text), (last, held)):  # both or, on a full disk, neither
            file.write(content)
            file.flush()


def read_result(path: Path | str) -> RunResult:
    """Reads results.json, given the file or its run folder, and checks the folder's files.

    Everyone who reads a run comes through here.

    Args:
        path: The run folder, or the results.json in it.

    Raises:
        DataError: There is none, it is malformed, or a file is not as the run wrote it.
    """
    from pydantic import ValidationError

    from harness.results import schemas

    path = Path(path)
    path = path / "results.json" if path.is_dir() else path
    try:
        raw = regular_files.read_bytes(path)
        checked = schemas.Results.model_validate_json(raw)
    except OSError as error:
        raise DataError(
            error.strerror or str(error), path=path, expected="a run folder that holds results.json"
        ) from error
    except ValidationError as error:
        raise _no_results(path, schemas.explain(error)) from error
    if checked.schema_ > result_json.SCHEMA:
        raise DataError(
            f"schema {checked.schema_}",
            path=path,
            expected=f"at most schema {result_json.SCHEMA}; a newer harness wrote this: update "
            "yours",
        )
    has_manifest = manifest.check(path.parent, raw, checked.tasks)
    if not has_manifest and checked.schema_ >= MANIFEST_SINCE:
        raise DataError(
            f"the folder has no {manifest.FILE}",
            path=path.parent,
            expected="a run that was written to its end; give its command again",
        )
    try:
        return result_json.result_from_json(json.loads(raw))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise _no_results(path, str(error)) from error


def is_checked(path: Path) -> bool:
    """Whether the run folder has a manifest; those of earlier versions have none."""
    return ((path if path.is_dir() else path.parent) / manifest.FILE).is_file()


def _no_results(path: Path, why: str) -> DataError:
    return DataError(
        f"not a results file: {why}", path=path, expected="results.json as harness writes it"
    )
