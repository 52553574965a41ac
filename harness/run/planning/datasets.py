"""Which tasks of a run have data, where few-shot examples come from, and what data are equal."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from harness import plugins
from harness.authoring.io import serialization
from harness.authoring.readers import text_files
from harness.authoring.readers.sources import from_path
from harness.errors import DataError, UnknownNameError
from harness.plugins import Registry
from harness.protocols import ProbeSpec, TaskSpec
from harness.types import DataSource, Sample

SAMPLE_NOTE = "scored on the small sample set that ships with the task, not on the full benchmark"


def check_names(
    given: Mapping[str, object],
    specs: Sequence[TaskSpec | ProbeSpec],
    flag: str,
    sources: Collection[str] = (),
) -> None:
    """Every task or probe named in ``given`` must be among the chosen ones.

    Args:
        given: Name → what is given for it.
        specs: The run's tasks and probes.
        flag: Where it was given, for the message.
        sources: Prefixes of task sources, which may be named where one of the tasks is theirs.

    Raises:
        UnknownNameError: One is not.
    """
    known = [spec.name for spec in specs]
    known += {prefix for name in known if (prefix := name.partition(":")[0]) in sources}
    for name in given:
        if name and name not in known:
            raise UnknownNameError(
                f"name in {flag}", name, known, "It must be one of this run's tasks or probes."
            )


def having_data(
    registry: Registry,
    names: Sequence[str],
    given: Mapping[str, str],
    settings: Mapping[str, Mapping[str, str]] | None = None,
) -> tuple[list[TaskSpec], tuple[str, ...]]:
    """The tasks of a run, and a note for each suite of which only a part is run.

    A suite of which some members are given data runs only these: whoever names the files of two
    benchmarks means these two, and does not want the others from the hub. The note says so.

    Raises:
        UnknownNameError: Neither a task nor a suite has that name.
    """
    everything = registry.select_tasks(names, settings)
    suites = plugins.suites(registry.tasks)
    dropped: set[str] = set()
    notes: list[str] = []
    for name in names:
        sourced = registry.sourced(name, settings or {})
        members = [each.name for each in sourced or ()] or suites.get(name, [])
        if name in registry.tasks or name in members:
            continue
        absent = [each for each in members if each not in given and each not in names]
        if "" in given or len(absent) == len(members) or not absent:
            continue
        dropped.update(absent)
        notes.append(f"of suite {name}, not run because no data are given: {', '.join(absent)}")
    return [each for each in everything if each.name not in dropped], tuple(notes)


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
