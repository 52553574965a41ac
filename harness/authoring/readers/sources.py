"""Which files a task's samples come from: ``--data TASK=PATH``, ``--data sample``, or the hub.

Never a silent fallback from one to another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.errors import DataError, UsageError
from harness.protocols import TaskSpec
from harness.types import DataSource

SAMPLE = "sample"


def resolve(spec: TaskSpec, given: Mapping[str, str]) -> DataSource:
    """The source of a task's samples.

    Raises:
        DataError: A file is missing, or there is nothing to fall back on.
    """
    value = given.get(spec.name, given.get(""))
    if value == SAMPLE:
        if spec.sample_data is None:
            raise UsageError(
                f"{spec.name} ships no sample data", f"Give --data {spec.name}=PATH instead."
            )
        return DataSource("sample", f"sample data of {spec.name}", (str(spec.sample_data),))
    if value is not None:
        return from_path(value)
    if spec.data is not None:
        return from_path(spec.data)
    if spec.hub is None:
        raise DataError(
            f"{spec.name} has no data set of its own on the hub",
            expected=f"--data {spec.name}=PATH, or --data sample for the set that ships with it",
        )
    name = f"{spec.hub.path}/{spec.hub.name}" if spec.hub.name else spec.hub.path
    return DataSource("hub", f"hub:{name}[{spec.hub.split}]", hub=spec.hub)


def from_path(value: str) -> DataSource:
    """A file or folder, or line-aligned parallel text as ``SRC:REF`` (or ``SRC:REF:REF``).

    Raises:
        DataError: It does not exist.
    """
    if Path(value).exists():
        return DataSource("path", value, (value,))
    parts = value.split(":")
    paths = _files(parts)
    if len(paths) > 1:
        return DataSource("path", value, paths)
    absent = next((part for part in parts if not Path(part).exists()), value)
    raise DataError(
        "no such file or folder", path=absent, expected="a data file, a folder of them, or SRC:REF"
    )


def _files(parts: Sequence[str]) -> tuple[str, ...]:
    """The files that ``parts`` name when joined again; a path may hold a colon of its own."""
    for cut in range(1, len(parts) + 1):
        path = ":".join(parts[:cut])
        if Path(path).is_file():
            rest = _files(parts[cut:])
            if rest or cut == len(parts):
                return (path, *rest)
    return ()
