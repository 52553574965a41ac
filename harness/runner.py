"""One run from spec to run folder: plan, ask, score, estimate, write."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness import aggregation, models, provenance, runfolder, scheduler
from harness import plan as planning
from harness.config import RunSpec
from harness.errors import HarnessError, PluginError, RunFailedError, RunInterruptedError
from harness.plan import Plan, PlannedSample, TaskPlan
from harness.plugins import Registry
from harness.protocols import ModelBackend
from harness.responses import ResponseStore, default_path
from harness.types import Estimate, Response, RunResult, SampleRecord, TaskResult, Usage


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands; requests are counted once however many samples share them."""

    done: int
    total: int
    cached: int
    usage: Usage


@dataclass(frozen=True, slots=True)
class Run:
    """A finished run and the folder it was written to."""

    result: RunResult
    folder: Path


def run(
    spec: RunSpec,
    registry: Registry,
    command: str | None = None,
    on_planned: Callable[[Plan], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Run:
    """Evaluates a model and writes the run folder.

    Args:
        spec: What to evaluate, and how.
        registry: The loaded plugins.
        command: The command line, for the record.
        on_planned: Called once, before the first question.
        on_progress: Called after every answer.

    Raises:
        HarnessError: Something asked for does not exist or cannot be read; nothing was written.
        RunFailedError: The run stopped early; its folder holds what was finished, marked
            incomplete, and the response store what was answered.
    """
    started = datetime.now(UTC)
    with closing(models.open_backend(spec, registry)) as backend:
        plan = planning.build(spec, registry, backend)
        folder = runfolder.claim(spec.out, started, _slug(spec), runfolder.spec_to_json(spec))
        with ResponseStore(_store_path(spec, backend)) as store:
            asking = _Asking(plan, backend, store, registry, on_progress)
            journal = _Journal(folder, spec, command, started, plan, backend)
            journal.write("running")
            if on_planned is not None:
                on_planned(plan)
            registry.notify("harness_run_started", plan=plan)
            stopped = asking.finish()
        result = _result(asking, journal, backend, stopped is None)
        _write(result, asking, folder)
        journal.write(result.status)
        registry.notify("harness_run_finished", result=result)
    if stopped is not None:
        raise _with_way_on(stopped, asking, folder) from stopped
    return Run(result, folder)


class _Asking:
    """Gets the answers and scores each sample as soon as its last answer is there."""

    def __init__(
        self,
        plan: Plan,
        backend: ModelBackend,
        store: ResponseStore,
        registry: Registry,
        on_progress: Callable[[Progress], None] | None,
    ) -> None:
        self.plan, self._backend, self._store = plan, backend, store
        self._registry, self._on_progress = registry, on_progress
        self._requests = scheduler.unique(plan.requests())
        self._responses: dict[str, Response] = {}
        self._waiting: dict[str, list[_Open]] = defaultdict(list)
        self.records: dict[str, dict[tuple[str | None, str, int], SampleRecord]] = {}
        self.done, self.cached = 0, 0
        for task in plan.tasks:
            self.records[task.task.name] = {}
            for planned in task.planned:
                entry = _Open(task, planned, len(set(planned.keys)))
                for key in set(planned.keys):
                    self._waiting[key].append(entry)

    @property
    def total(self) -> int:
        return len(self._requests)

    def finish(self) -> BaseException | None:
        """Asks everything; returns what stopped it early, None when nothing did."""
        try:
            for answer in scheduler.answers(self._requests, self._backend, self._store):
                self._take(answer)
        except KeyboardInterrupt as interrupt:
            return interrupt
        except PluginError:
            raise
        except Exception as error:  # whatever a backend raises: what is answered is kept
            return error
        return None

    def _take(self, answer: scheduler.Answer) -> None:
        self._responses[answer.key] = answer.response
        self.done += 1
        self.cached += answer.cached
        for entry in self._waiting.pop(answer.key):
            entry.missing -= 1
            if entry.missing == 0:
                self._score(entry.task, entry.planned)
        if self._on_progress is not None:
            self._on_progress(Progress(self.done, self.total, self.cached, self._backend.usage))

    def _score(self, plan: TaskPlan, planned: PlannedSample) -> None:
        responses = tuple(self._responses[key] for key in planned.keys)
        sample = planned.sample
        record = SampleRecord(
            sample,
            planned.requests,
            responses,
            aggregation.score(planned.task, sample, responses),
            planned.probe,
            planned.variant,
        )
        self.records[plan.task.name][planned.probe, sample.id, planned.variant] = record
        for score in aggregation.scores_of(record):
            self._registry.notify("harness_scored", task=plan.task.name, score=score)

    def group_measures(
        self, attribute: str, records: Sequence[SampleRecord]
    ) -> dict[str, Mapping[str, Estimate]]:
        """What the plugins measure between the groups of an attribute."""
        found: dict[str, Mapping[str, Estimate]] = {}
        for more in self._registry.notify(
            "harness_group_measures", attribute=attribute, records=records
        ):
            found |= more or {}
        return found

    def ordered(self, task: TaskPlan) -> Iterator[SampleRecord]:
        """A task's finished records in the order of the plan."""
        finished = self.records[task.task.name]
        for planned in task.planned:
            record = finished.get((planned.probe, planned.sample.id, planned.variant))
            if record is not None:
                yield record


@dataclass(slots=True)
class _Open:
    """A sample that still waits for ``missing`` answers."""

    task: TaskPlan
    planned: PlannedSample
    missing: int


@dataclass(frozen=True, slots=True)
class _Journal:
    """run.json: how the run was, or is being, made."""

    folder: Path
    spec: RunSpec
    command: str | None
    started: datetime
    plan: Plan
    backend: ModelBackend
    facts: dict[str, Any] = field(
        default_factory=lambda: {
            "versions": provenance.versions(),
            "git_commit": provenance.git_commit(),
            "environment": provenance.environment(),
        }
    )

    @property
    def model(self) -> dict[str, object]:
        described = dict(self.backend.describe())
        return {
            "spec": self.spec.model,
            "fingerprint": self.backend.fingerprint,
            **described,
        }

    def write(self, status: str) -> None:
        now = datetime.now(UTC)
        runfolder.write_json(
            self.folder / "run.json",
            {
                "status": status,
                "command": self.command,
                "spec": runfolder.spec_to_json(self.spec),
                **self.facts,
                "model": self.model,
                "seeds": {"run": self.spec.seed},
                "skipped_variants": {
                    task.task.name: {name: dict(counts) for name, counts in task.skipped.items()}
                    for task in self.plan.tasks
                    if task.skipped
                },
                "started": self.started.isoformat(timespec="seconds"),
                "finished": None if status == "running" else now.isoformat(timespec="seconds"),
            },
        )


def _result(asking: _Asking, journal: _Journal, backend: ModelBackend, complete: bool) -> RunResult:
    finished = datetime.now(UTC)
    tasks: dict[str, TaskResult] = {}
    for task in asking.plan.tasks:
        tasks[task.task.name] = aggregation.summarize(
            task, list(asking.ordered(task)), asking.group_measures
        )
    seconds = (finished - journal.started).total_seconds()
    return RunResult(
        run_id=journal.folder.name,
        status="complete" if complete else "incomplete",
        model=journal.model,
        tasks=tasks,
        timing={
            "started": journal.started.isoformat(timespec="seconds"),
            "finished": finished.isoformat(timespec="seconds"),
            "seconds": round(seconds, 3),
        },
        usage=dataclasses.replace(backend.usage, requests=asking.done, cached=asking.cached),
    )


def _write(result: RunResult, asking: _Asking, folder: Path) -> None:
    for task in asking.plan.tasks:
        runfolder.write_samples(folder, task.task.name, asking.ordered(task))
    runfolder.write_result(folder, result)


def _with_way_on(stopped: BaseException, asking: _Asking, folder: Path) -> RunFailedError:
    reached = (
        f"{asking.done} of {asking.total} requests are answered and kept; "
        f"what is scored so far is in {folder}, marked incomplete."
    )
    way_on = f"{reached}\nGive the same command again to go on from there."
    if isinstance(stopped, KeyboardInterrupt):
        return RunInterruptedError("interrupted", way_on)
    if isinstance(stopped, HarnessError):
        hint = f"{stopped.hint}\n{way_on}" if stopped.hint else way_on
        return RunFailedError(stopped.message, hint)
    return RunFailedError(f"the model failed: {type(stopped).__name__}: {stopped}", way_on)


def _store_path(spec: RunSpec, backend: ModelBackend) -> Path | None:
    """Answers that belong to samples are read from a file anyway: nothing to keep."""
    keep = spec.cache and not getattr(backend, "by_sample", False)
    return default_path() if keep else None


def _slug(spec: RunSpec) -> str:
    name = spec.model.rstrip("/").replace("\\", "/").split("/")[-1]
    return (
        "".join(c if c.isalnum() or c in "._-" else "-" for c in name)[:40].strip("-.") or "model"
    )
