"""Results that other programs wrote, as runs: read by the importers that plugins register.

A metric's samples count only where they give the value that the file itself publishes. Where they
do not, or are not there, the published value and its error stand, and say so (``kind`` is
``published``).
"""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness import regular_files
from harness.authoring.io import files, secrets
from harness.authoring.literal import one_line
from harness.errors import DataError, UnknownNameError, UsageError, plugin_call
from harness.plugins import Registry
from harness.protocols import ImportedRun, ImportedTask, Importer
from harness.results import baseline, published, runfolder
from harness.results.baseline import ScoredRun
from harness.results.score_table import ScoredSample
from harness.types import (
    DataSource,
    MetricResult,
    RunResult,
    SampleRecord,
    Score,
    TaskResult,
)

KEY = "imported"
"""The key of run.json's spec that says where an imported run came from."""
_LOOK = 4096
_UNSAFE = re.compile(r"[^\w.,=@+-]+")
_LONGEST = 120


@dataclass(frozen=True, slots=True)
class Import:
    """One imported run: its result, and its samples by task."""

    result: RunResult
    records: Mapping[str, Sequence[SampleRecord]]
    spec: Mapping[str, Any]

    def scored(self) -> ScoredRun:
        """What comparisons and gates read."""
        samples = {
            task: {each.sample.id: _scored(each) for each in records}
            for task, records in self.records.items()
            if records
        }
        return ScoredRun(self.result, samples, self.spec)


# --------------------------------------------------------------------------- reading


def load(path: Path, registry: Registry, texts: bool = False) -> ScoredRun:
    """Reads a run folder, a baseline file, or results that another program wrote.

    Args:
        path: Any of them.
        registry: Whose importers are tried.
        texts: As in ``harness.load_run``.

    Raises:
        DataError: It cannot be read, or no importer knows it.
        UsageError: It holds the results of several models.
    """
    return baseline.load_run(path, texts) if is_own(path) else read(path, registry).scored()


def read(path: Path, registry: Registry, model: str | None = None) -> Import:
    """Reads results that another program wrote.

    Args:
        path: A file or folder.
        registry: Whose importers are tried.
        model: Which model's, where there are several.

    Raises:
        DataError: It cannot be read, or no importer knows it.
        UsageError: It holds the results of several models, and none is named.
        UnknownNameError: It does not hold the model's.
    """
    name, importer = _recognised(path, registry)
    with plugin_call(importer, f"the importer {name!r} failed to read {path}"):
        runs = list(importer.read(path))
    run = _chosen(runs, model, path)
    tasks, records = {}, {}
    for task in run.tasks:
        task = replace(task, name=_file_name(task.name))
        if task.name in tasks:
            raise DataError(
                f"two tasks are called {task.name!r}", path=path, expected="one result a task"
            )
        tasks[task.name], records[task.name] = _task(task, path)
    source = {"program": run.program, "format": name, "source": path.name}
    facts = {"spec": run.model, "name": run.model, "imported_from": run.program, **run.facts}
    result = RunResult(
        run_id=one_line(f"{run.model} ({path.name})", 200),
        status="complete" if run.complete else "incomplete",
        model=secrets.redact_value(facts),
        tasks=tasks,
        timing={} if run.started is None else {"started": run.started},
    )
    return Import(result, records, {KEY: source, "model": run.model})


def is_own(path: Path) -> bool:
    """Whether the path is, or was, a run folder or a baseline file, or is not there at all."""
    if not path.exists():
        return True
    if path.is_dir():
        return any((path / name).exists() for name in ("run.json", "results.json", "manifest.json"))
    try:
        with regular_files.open_binary(path) as file:
            start = file.read(_LOOK)
            if start.startswith(b"\x1f\x8b"):
                file.seek(0)
                with gzip.GzipFile(fileobj=file) as unpacked:
                    return b"evalign-baseline" in unpacked.read(_LOOK)
    except (OSError, EOFError, zlib.error):
        return True  # its own reader says what is wrong
    head = start.lstrip()
    return head.startswith(b"{") and b'"schema"' in start and b'"run_id"' in start


def _recognised(path: Path, registry: Registry) -> tuple[str, Importer]:
    """The first importer that knows the content."""
    for name, spec in registry.importers.items():
        importer = spec.open()
        try:
            with plugin_call(importer, f"the importer {name!r} failed to look at {path}"):
                if importer.recognises(path):
                    return name, importer
        except DataError:
            continue
    tried = "; ".join(f"{name} ({spec.description})" for name, spec in registry.importers.items())
    raise DataError(
        "no results of a format that is known",
        path=path,
        expected=f"a run folder, a baseline file, or one of these formats: {tried or 'none'}",
    )


def _chosen(runs: Sequence[ImportedRun], model: str | None, path: Path) -> ImportedRun:
    if not runs or not any(run.tasks for run in runs):
        raise DataError("it holds no results", path=path, expected="results of at least one task")
    names = [run.model for run in runs]
    if model is not None:
        if model not in names:
            raise UnknownNameError(f"model of {path.name}", model, names)
        return runs[names.index(model)]
    if len(runs) > 1:
        listed = "\n".join(f"  {one_line(name, 100)}" for name in names[:12])
        raise UsageError(
            f"{path} holds the results of {len(runs)} models:\n{listed}",
            f"Name one: harness import {path} --model MODEL --out RUN",
        )
    return runs[0]


def _file_name(name: str) -> str:
    """A task's name as a file's: samples/NAME.jsonl; a long one keeps a hash of the rest."""
    safe = _UNSAFE.sub("_", name).strip("._") or "results"
    if len(safe) > _LONGEST:
        safe = f"{safe[:_LONGEST]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return safe


# --------------------------------------------------------------------------- tasks


def _task(task: ImportedTask, path: Path) -> tuple[TaskResult, list[SampleRecord]]:
    records = [_renamed(each) for each in task.records]
    _check_ids(records, task.name, path)
    n = len(records) if task.n is None else task.n
    metrics: dict[str, MetricResult] = {}
    unused: dict[str, str] = {}
    for given, metric in task.metrics.items():
        name = _metric_name(given)
        rows = [
            Score(each.sample.id, name, value, cluster=each.sample.cluster)
            for each in records
            if isinstance(value := each.scores.get(name), float)
        ]
        metrics[name], why = published.settle(name, metric, rows, len(records), n)
        if why:
            unused[name] = why
    records = [_without(each, unused.keys()) for each in records]
    errors = sum(each.error is not None for each in records)
    label = one_line(task.data, 200)
    result = TaskResult(
        name=task.name,
        version=task.version,
        n=n,
        errors=errors,
        data=DataSource("path", label, (path.name,)),
        data_sha256=hashlib.sha256(task.data.encode("utf-8", "replace")).hexdigest(),
        metrics=metrics,
        settings=dict(task.settings),
        notes=(f"imported from {path.name}", *task.notes, *_published(unused)),
    )
    return result, records


def _metric_name(name: str) -> str:
    """The metric's name as rules of gates can say it: what follows @ is an ideal value."""
    return name.replace("@", "_at_")


def _renamed(record: SampleRecord) -> SampleRecord:
    if not any("@" in name for name in record.scores):
        return record
    scores = {_metric_name(name): value for name, value in record.scores.items()}
    return replace(record, scores=scores)


def _published(unused: Mapping[str, str]) -> Iterator[str]:
    """A note on the metrics that are known only as published, by reason."""
    by_reason: dict[str, list[str]] = {}
    for name, why in unused.items():
        by_reason.setdefault(why, []).append(name)
    for why, names in by_reason.items():
        yield (
            f"{', '.join(names)}: {why}; the published value and its error stand, and are "
            "compared unpaired"
        )


def _check_ids(records: Iterable[SampleRecord], task: str, path: Path) -> None:
    counted = Counter(each.sample.id for each in records)
    twice = next((name for name, count in counted.items() if count > 1), None)
    if twice is not None:
        raise DataError(
            f"the sample {one_line(twice, 60)!r} of {task} stands there {counted[twice]} times",
            path=path,
            expected="every sample once a task; several answers to one have ids of their own",
        )


def _without(record: SampleRecord, unused: Set[str]) -> SampleRecord:
    """The record without scores whose mean is not the metric."""
    if unused.isdisjoint(record.scores):
        return record
    kept = {name: value for name, value in record.scores.items() if name not in unused}
    return replace(record, scores=kept)


def _scored(record: SampleRecord) -> ScoredSample:
    from harness.authoring.measures.predictions import prompt_text, response_text

    return ScoredSample(
        record.sample.id,
        record.scores,
        record.sample.cluster,
        record.sample.groups,
        record.error,
        prompt_text(record),
        response_text(record),
    )


# --------------------------------------------------------------------------- writing


def write(imported: Import, out: Path) -> RunResult:
    """Writes the run as a run folder; the same results may be written there again.

    Raises:
        UsageError: The folder holds something else.
        OSError: It cannot be written.
    """
    now = datetime.now(UTC)
    with runfolder.claimed(out, now, "imported", imported.spec) as folder:
        for task, records in imported.records.items():
            if records:
                runfolder.write_samples(folder, task, records)
            else:
                with suppress(FileNotFoundError):
                    (folder / "samples" / f"{task}.jsonl").unlink()
        record = {
            "status": imported.result.status,
            "spec": dict(imported.spec),
            "model": dict(imported.result.model),
            "started": imported.result.timing.get("started"),
            "imported": now.isoformat(timespec="seconds"),
        }
        files.write_json(folder / "run.json", record)
        result = replace(imported.result, run_id=folder.name)
        runfolder.write_result(folder, result)
    return result
