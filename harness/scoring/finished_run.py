"""Adding metrics to a finished run, from its samples, without its model."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.authoring.io import files
from harness.config import reducer_of
from harness.errors import DataError, HarnessError, UnknownNameError
from harness.plugins import Registry, add_declared
from harness.protocols import Probe, ProbeOptions, Task, TaskOptions, TaskSpec, option_names
from harness.results import manifest, runfolder
from harness.scoring import added_metrics, aggregation, repeats
from harness.scoring.added_metrics import Added, Named
from harness.types import (
    Estimate,
    Response,
    Round,
    RunResult,
    Sample,
    SampleRecord,
    ScoreValue,
    TaskResult,
)

BEFORE = ".before-scoring"
"""The folder's files as they were, while new ones take their place."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A run with further metrics.

    Attributes:
        result: What results.json holds now.
        added: Task → the metrics and reducers that were added, as the user named them.
        left_out: Task → metric → why it was not added.
    """

    result: RunResult
    added: Mapping[str, tuple[str, ...]]
    left_out: Mapping[str, Mapping[str, str]]


def score(
    folder: Path,
    metrics: Sequence[str],
    registry: Registry,
    tasks: Sequence[str] = (),
    reducers: Sequence[str] = (),
) -> Scored:
    """Adds metrics, and reducers of its repeats, to a finished run and writes its folder anew.

    A metric that was added before is computed again; one whose measures the task has otherwise,
    of its own or of the same metric with another argument, is left out.
    Where something fails, the folder stays as it was; where the process is killed while the files
    are replaced, the next call takes that back before it begins.

    Args:
        folder: The run folder.
        metrics: Registered metrics, ``NAME`` or ``NAME:ARGUMENT``.
        registry: The loaded plugins.
        tasks: The run's tasks to add them to; empty: all.
        reducers: See ``harness.config.reducer_of``.

    Raises:
        UsageError: A metric or a reducer fits none of the tasks, there is no such reducer, or
            another process writes the folder.
        UnknownNameError: There is no such metric, or the run has no such task.
        DataError: The folder is no finished run, or is damaged.
    """
    chosen = added_metrics.named(metrics, registry.metrics)
    for name in reducers:
        reducer_of(name)
    if not folder.is_dir():
        raise DataError("no run folder", path=folder, expected="a folder that holds results.json")
    with runfolder.locked(folder):
        _take_back(folder)
        result = runfolder.read_result(folder)
        run = _read_run(folder)
        for name in tasks:
            if name not in result.tasks:
                raise UnknownNameError(f"task of {folder}", name, result.tasks)
        found = {
            name: _Rescored(folder, of_task, run, registry).with_more(chosen, reducers)
            for name, of_task in result.tasks.items()
            if not tasks or name in tasks
        }
        added = {name: each.added for name, each in found.items()}
        added_metrics.check_used([*(each.text for each in chosen), *reducers], added)
        result = replace(
            result, tasks={**result.tasks, **{name: each.result for name, each in found.items()}}
        )
        run["spec"] = _with_names(run["spec"], [each.text for each in chosen], reducers)
        _write(folder, run, result, found)
    return Scored(
        result,
        {name: (*each.added.names, *each.reducers) for name, each in found.items()},
        {name: each.left_out for name, each in added.items()},
    )


def _write(
    folder: Path, run: Mapping[str, Any], result: RunResult, found: Mapping[str, _With]
) -> None:
    """The folder's files anew, all or none."""
    with _replaced(folder):
        for name, each in found.items():
            if each.added.names or each.reducers:
                runfolder.write_samples(folder, name, each.records)
        files.write_json(folder / "run.json", run)
        runfolder.write_result(folder, result)


def _with_names(
    spec: Mapping[str, Any], metrics: Sequence[str], reducers: Sequence[str]
) -> dict[str, Any]:
    """A run's settings with further metrics and reducers, each once."""
    found = {**spec, "metrics": list(dict.fromkeys([*spec.get("metrics", ()), *metrics]))}
    if reducers:
        found["reducers"] = list(dict.fromkeys([*spec.get("reducers", ()), *reducers]))
    return found


def open_task(folder: Path, name: str, registry: Registry) -> Task | None:
    """A finished run's task with all of its metrics; None where it is not installed.

    Raises:
        DataError: The folder is no finished run, or is damaged.
    """
    result = runfolder.read_result(folder)
    return _Rescored(folder, result.tasks[name], _read_run(folder), registry).whole(())


def _read_run(folder: Path) -> dict[str, Any]:
    """run.json as it stands, with a spec."""
    from harness.authoring.readers.text_files import read_json

    path = folder / "run.json"
    if not path.is_file():
        return {"spec": {}}
    manifest.read_run(path)  # checks it
    run = dict(read_json(path))
    run.setdefault("spec", {})
    return run


# --------------------------------------------------------------------------- the folder


@contextmanager
def _replaced(folder: Path) -> Iterator[None]:
    """Keeps links to the files as they are until the context ends; takes them back on an error."""
    kept = folder / BEFORE
    partial = folder / f"{BEFORE}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    (partial / "samples").mkdir(parents=True, mode=0o700)
    for path in _files(folder):
        target = partial / path.relative_to(folder)
        try:
            os.link(path, target)
        except OSError:  # a file system without links
            shutil.copy2(path, target)
    partial.rename(kept)
    try:
        yield
    except BaseException:
        _take_back(folder)
        raise
    shutil.rmtree(kept)


def _files(folder: Path) -> list[Path]:
    names = ("manifest.json", "results.json", "run.json")
    return [
        *(folder / name for name in names if (folder / name).is_file()),
        *sorted((folder / "samples").glob("*.jsonl")),
    ]


def _take_back(folder: Path) -> None:
    """Restores the files that an interrupted replacement left behind, the manifest last."""
    shutil.rmtree(folder / f"{BEFORE}.partial", ignore_errors=True)
    kept = folder / BEFORE
    if not kept.is_dir():
        return
    (folder / manifest.FILE).unlink(missing_ok=True)
    for path in reversed(_files(kept)):
        path.replace(folder / path.relative_to(kept))
    shutil.rmtree(kept)


# --------------------------------------------------------------------------- one task


@dataclass(frozen=True, slots=True)
class _With:
    result: TaskResult
    records: Sequence[SampleRecord]
    added: Added
    reducers: tuple[str, ...] = ()


class _Rescored:
    """A task of a finished run, opened with the settings that it had, where it is installed."""

    def __init__(
        self, folder: Path, result: TaskResult, run: Mapping[str, Any], registry: Registry
    ) -> None:
        self._result, self._registry, self._spec = result, registry, run["spec"]
        self._records = list(runfolder.read_samples(folder, result.name))
        self._earlier = self._spec.get("metrics", ())
        requests = {type(each) for record in self._records for each in record.requests}
        values = dict(self._spec.get("task_settings", {}).get(result.name, {}))
        templates = dict(self._spec.get("templates", {}).get(result.name, {}))
        self._task_spec = _installed(result.name, self._spec, registry)
        if self._task_spec is not None:
            known = {*option_names(self._task_spec.options), "template"}
            values = {key: value for key, value in values.items() if key in known}
        seed = self._spec.get("seed", 0)
        self._options = TaskOptions(values, frozenset(requests), templates, seed)

    def with_more(self, chosen: Sequence[Named], reducers: Sequence[str]) -> _With:
        """The task with those of the metrics and of the reducers that fit it."""
        found = self._with_metrics(chosen)
        return _with_reducers(found, self.whole(chosen), reducers) if reducers else found

    def whole(self, chosen: Sequence[Named]) -> Task | None:
        """The task with all of its metrics; None where it is not installed."""
        task = self._opened()
        if isinstance(task, _Unknown):
            return None
        texts = {each.text: each for each in (*self._before(), *chosen)}
        return added_metrics.add(task, list(texts.values())).task

    def _before(self) -> list[Named]:
        """What was added to the task before, as far as it is installed."""
        return added_metrics.named(
            [text for text in self._earlier if text.partition(":")[0] in self._registry.metrics],
            self._registry.metrics,
        )

    def _with_metrics(self, chosen: Sequence[Named]) -> _With:
        task = self._opened()
        texts = {each.text for each in chosen}
        before = [each for each in self._before() if each.text in texts]
        again = {metric.name for each in before for metric in each.spec.open(each.argument).metrics}
        own = [name for name in self._result.metrics if name not in again]
        added = added_metrics.add(task, chosen, own)
        if not added.names:
            return _With(self._result, self._records, added)
        records = [self._scored(record, added) for record in self._records]
        first = (record for record in records if record.probe is None and record.repeat == 0)
        samples = [record.sample for record in first]
        notes = added_metrics.remarks_of(added.graders, samples)
        result = aggregation.with_metrics(
            self._result, added.metrics, records, self._probes(), notes
        )
        return _With(result, records, added)

    def _scored(self, record: SampleRecord, added: Added) -> SampleRecord:
        task = _Alone(added)
        more = aggregation.score(task, record.sample, record.responses, record.rounds)
        return replace(record, scores={**record.scores, **more})

    def _opened(self) -> Task:
        if self._task_spec is not None:
            with suppress(HarnessError):  # an extra that is not installed, another version
                return self._task_spec.open(self._options)
        return _Unknown(self._result.name)

    def _probes(self) -> dict[str, Probe]:
        """The run's probes, opened with its settings; those that are not installed are left out."""
        found: dict[str, Probe] = {}
        for name in self._result.probes:
            spec = self._registry.probes.get(name)
            if spec is None or self._task_spec is None:
                continue
            values = dict(self._spec.get("task_settings", {}).get(name, {}))
            with suppress(HarnessError):
                found[name] = spec.open(ProbeOptions(values, self._task_spec, self._options))
        return found


def _with_reducers(found: _With, task: Task | None, reducers: Sequence[str]) -> _With:
    """What the repeats say together, beside what the run had; see ``repeats.reduced_metrics``.

    Args:
        found: The task so far.
        task: The same with all of its metrics; None where it is not installed.
        reducers: Those to add.
    """
    if task is None:
        why = "the task is not installed here"
        return _without(found, dict.fromkeys(reducers, why))
    originals = [record for record in found.records if record.probe is None]
    asked = 1 + max((record.repeat for record in originals), default=0)
    left_out = {name: why for name in reducers if (why := _too_few(name, asked))}
    fits = [name for name in reducers if name not in left_out]
    measures = repeats.measures(task, originals, fits) if fits else {}
    for name in fits:
        if not any(name in each for each in measures.values()):
            left_out[name] = "no metric of the task has the scores that it takes, such as 0 and 1"
    fits = [name for name in fits if name not in left_out]
    found = _without(found, left_out)
    if not fits:
        return found
    records = repeats.with_reduced(task, found.records, fits)
    scored = {name for record in records for name in record.scores}
    metrics = [each.metric for each in repeats.reduced_metrics(task.metrics, fits)]
    result = aggregation.with_metrics(
        found.result, [each for each in metrics if each.name in scored], records, {}
    )
    reduced = {
        name: _spread_last({**result.reduced.get(name, {}), **measures.get(name, {})})
        for name in {**result.reduced, **measures}
    }
    said = set(aggregation.on_repeats(result.repeats, result.reduced))
    notes = [note for note in result.notes if note not in said]
    notes += aggregation.on_repeats(result.repeats, reduced)
    result = replace(result, reduced=reduced, notes=tuple(notes))
    return _With(result, records, found.added, tuple(fits))


def _spread_last(measures: dict[str, Estimate]) -> dict[str, Estimate]:
    """In the order of a run that computes all of them."""
    spreads = (repeats.WITHIN, repeats.BETWEEN)
    return {name: measures[name] for name in sorted(measures, key=spreads.__contains__)}


def _without(found: _With, why: Mapping[str, str]) -> _With:
    """The same, with what else was left out."""
    return replace(found, added=replace(found.added, left_out={**found.added.left_out, **why}))


def _too_few(reducer: str, asked: int) -> str:
    """Why so many answers to a sample are too few for a reducer; empty where they are not."""
    _, k = reducer_of(reducer)
    if asked < 2:
        return "every sample was asked once: --repeats asks several times"
    if k > asked:
        return f"it takes {k} answers to each sample, and there are {asked}"
    return ""


def _installed(name: str, spec: Mapping[str, Any], registry: Registry) -> TaskSpec | None:
    """What opens the run's task: as harness.toml declared it then, else what is installed."""
    table = spec.get("declared", {}).get(name)
    if table is not None and name not in registry.tasks:
        with suppress(HarnessError):  # a metric of a plugin that is not here
            add_declared(registry, "run.json", name, table)
    return registry.tasks.get(name)


@dataclass(frozen=True, slots=True)
class _Unknown:
    """A task that is not installed: its answers can still be read where they are one text."""

    name: str
    version: str = ""
    metrics: tuple[Any, ...] = ()

    def samples(self, data: object) -> list[Sample]:  # noqa: ARG002
        """None: the samples are in the run."""
        return []

    def requests(self, sample: Sample, shots: Sequence[Sample]) -> list[Any]:  # noqa: ARG002
        """None."""
        return []

    def score(self, sample: Sample, responses: Sequence[Response]) -> dict[str, ScoreValue]:  # noqa: ARG002
        """None."""
        return {}


class _Alone(_Unknown):
    """The added metrics, as a task that has no others."""

    def __init__(self, added: Added) -> None:
        super().__init__(added.task.name, "", added.metrics)
        object.__setattr__(self, "_added", added)

    def follow_up(self, sample: Sample, rounds: Sequence[Round]) -> list[Any]:  # noqa: ARG002
        """None."""
        return []

    def score_rounds(self, sample: Sample, rounds: Sequence[Round]) -> dict[str, ScoreValue]:
        """Their values."""
        added: Added = self._added  # type: ignore[attr-defined]
        return added.grade_rounds(sample, rounds)
