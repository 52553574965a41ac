"""manifest.json: what a run folder holds, written last and checked by everyone who reads one.

    {"schema": 1, "results_sha256": …, "spec_sha256": …,
     "samples": {TASK: {"rows": …, "sha256": …}}}

A folder without it was not finished, or was written before there were manifests (schema 1 of
results.json); one whose files differ from it was changed or damaged afterwards.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness import regular_files
from harness.authoring.io import serialization
from harness.errors import DataError

FILE = "manifest.json"
SCHEMA = 1
_AS_WRITTEN = "the folder as the run wrote it; give the run's command again to make it anew"


def of_folder(folder: Path, results: bytes) -> dict[str, Any]:
    """The manifest of what is in ``folder`` now, with ``results`` as its results.json."""
    return {
        "schema": SCHEMA,
        "results_sha256": hashlib.sha256(results).hexdigest(),
        "spec_sha256": spec_hash(folder),
        "samples": {
            path.stem: _counted(path) for path in sorted((folder / "samples").glob("*.jsonl"))
        },
    }


def spec_hash(folder: Path) -> str | None:
    """The hash of the spec in run.json; None where there is no such file.

    Raises:
        DataError: run.json is malformed.
    """
    path = folder / "run.json"
    return serialization.canonical_hash(read_run(path)["spec"]) if path.is_file() else None


def read_run(path: Path) -> Mapping[str, Any]:
    """run.json, checked; ``spec`` is always there.

    Raises:
        DataError: It is malformed.
    """
    from pydantic import ValidationError

    from harness.results import schemas

    try:
        return schemas.RunJson.model_validate_json(regular_files.read_bytes(path)).model_dump()
    except ValidationError as error:
        raise DataError(
            schemas.explain(error), path=path, expected="run.json as harness writes it"
        ) from error


def check(folder: Path, results: bytes, tasks: Mapping[str, object]) -> bool:
    """Compares the folder with its manifest.

    Args:
        folder: The run folder.
        results: The bytes of its results.json.
        tasks: The tasks that results.json holds.

    Returns:
        Whether there is a manifest.

    Raises:
        DataError: A file is not as it was when the run ended.
    """
    from pydantic import ValidationError

    from harness.results import schemas

    path = folder / FILE
    try:
        manifest = schemas.Manifest.model_validate_json(regular_files.read_bytes(path))
    except FileNotFoundError:
        return False
    except ValidationError as error:
        raise DataError(schemas.explain(error), path=path, expected=_AS_WRITTEN) from error
    if hashlib.sha256(results).hexdigest() != manifest.results_sha256:
        raise _changed(folder / "results.json", "it was changed after the run")
    if manifest.spec_sha256 is not None and spec_hash(folder) != manifest.spec_sha256:
        raise _changed(folder / "run.json", "its spec was changed after the run, or it is missing")
    for task, kept in manifest.samples.items():
        _check_samples(folder / "samples" / f"{task}.jsonl", kept)
    for task in tasks:
        samples = folder / "samples" / f"{task}.jsonl"
        if task not in manifest.samples and samples.exists():
            raise _changed(samples, "the run wrote no such file")
    return True


def _check_samples(path: Path, kept: Any) -> None:
    if not path.is_file():
        raise _changed(path, f"missing; the run wrote {kept.rows:,} rows")
    found = _counted(path)
    if found["rows"] != kept.rows:
        raise _changed(path, f"{found['rows']:,} rows, and the run wrote {kept.rows:,}")
    if found["sha256"] != kept.sha256:
        raise _changed(path, "its rows were changed after the run")


def _changed(path: Path, what: str) -> DataError:
    return DataError(what, path=path, expected=_AS_WRITTEN)


def _counted(path: Path) -> dict[str, Any]:
    digest, rows = hashlib.sha256(), 0
    with regular_files.open_binary(path) as file:
        while block := file.read(1 << 20):
            digest.update(block)
            rows += block.count(b"\n")
    return {"rows": rows, "sha256": digest.hexdigest()}
