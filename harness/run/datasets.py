"""Where each task's samples come from: ``--data TASK=PATH``, ``--data sample``, or the hub.

Never a silent fallback from one to another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from harness import plugins
from harness.authoring.readers import text_files
from harness.errors import DataError, UnknownNameError, UsageError
from harness.plugins import Registry
from harness.protocols import ProbeSpec, TaskSpec
from harness.results import serialization
from harness.types import DataSource, Sample

SAMPLE = "sample"
SAMPLE_NOTE = "scored on the small sample set that ships with the task, not on the full benchmark"


def check_names(
    given: Mapping[str, object], specs: Sequence[TaskSpec | ProbeSpec], flag: str
) -> None:
    """Every task or probe named in ``given`` must be among the chosen ones.

    Raises:
        UnknownNameError: One is not.
    """
    known = [spec.name for spec in specs]
    for name in given:
        if name and name not in known:
            raise UnknownNameError(
                f"name in {flag}", name, known, "It must be one of this run's tasks or probes."
            )


def having_data(
    registry: Registry, names: Sequence[str], given: Mapping[str, str]
) -> tuple[list[TaskSpec], tuple[str, ...]]:
    """The tasks of a run, and a note for each suite of which only a part is run.

    A suite of which some members are given data runs only these: whoever names the files of two
    benchmarks means these two, and does not want the others from the hub. The note says so.

    Raises:
        UnknownNameError: Neither a task nor a suite has that name.
    """
    everything = registry.select_tasks(names)
    suites = plugins.suites(registry.tasks)
    dropped: set[str] = set()
    notes: list[str] = []
    for name in names:
        members = suites.get(name, []) if name not in registry.tasks else []
        absent = [each for each in members if each not in given and each not in names]
        if "" in given or len(absent) == len(members) or not absent:
            continue
        dropped.update(absent)
        notes.append(f"of suite {name}, not run because no data are given: {', '.join(absent)}")
    return [each for each in everything if each.name not in dropped], tuple(notes)


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


def shots_source(spec: TaskSpec, source: DataSource, given: str | None) -> DataSource:
    """Where few-shot examples come from: a file given, or the source's training part.

    Raises:
        DataError: There is none; says how to give one.
    """
    if given is not None:
        return replace(from_path(given), columns=source.columns)
    if source.kind == "sample" and spec.sample_shots is not None:
        return DataSource("sample", f"sample shots of {spec.name}", (str(spec.sample_shots),))
    if source.hub is not None and source.hub.shots is not None:
        return replace(
            source,
            label=f"hub:{source.hub.path}[{source.hub.shots}]",
            hub=replace(source.hub, split=source.hub.shots),
        )
    raise DataError(
        f"{spec.name}: few-shot examples need a training split, and {source.label} has none",
        expected=f"--set {spec.name}.shots=PATH with examples in the same format",
    )


def same_data(one: DataSource, other: DataSource) -> bool:
    """Whether two sources hold the same files, whatever they are called, or the same hub split."""
    if one.hub is not None or other.hub is not None:
        return one.hub == other.hub
    return text_files.sha256(one.paths) == text_files.sha256(other.paths)


def fingerprint(source: DataSource, samples: Sequence[Sample]) -> str:
    """SHA-256 of the files read, and of how columns are mapped; for the hub, of the samples."""
    if source.paths:
        files = text_files.sha256(source.paths)
        return serialization.canonical_hash([files, *source.columns]) if source.columns else files
    return serialization.canonical_hash(
        [serialization.sample_to_json(sample) for sample in samples]
    )
