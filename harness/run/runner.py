"""One run from spec to run folder: plan, ask, score, estimate, judge, write."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from harness import plugins
from harness.authoring.io import files, secrets
from harness.authoring.measures.energy import Meter
from harness.config import RunSpec
from harness.errors import (
    HarnessError,
    NothingScoredError,
    PluginError,
    RunFailedError,
    RunInterruptedError,
    TimeIsUpError,
    place_of,
)
from harness.gating import SequentialGate
from harness.planned import Plan
from harness.plugins import Registry
from harness.protocols import Deadline, ModelBackend, notes_of
from harness.results import provenance, runfolder
from harness.results.baseline import ScoredRun, scored_samples
from harness.results.score_table import ScoreTable
from harness.run import early_stop, models
from harness.run.cache import ResponseStore, store_path
from harness.run.early_stop import EarlyStop
from harness.run.planning import planner
from harness.run.rounds.answers import Progress
from harness.run.rounds.roles import Roles
from harness.run.session import RunSession
from harness.run.watching.live import LiveProgress
from harness.run.watching.phase_times import PhaseTimes
from harness.run.watching.phases import OnPhase, Phase
from harness.scoring import aggregation
from harness.types import GateVerdict, RunResult, Spent, TaskResult


@dataclass(frozen=True, slots=True)
class Run:
    """A finished run, and the folder it was written to."""

    result: RunResult
    folder: Path


def run(
    spec: RunSpec,
    registry: Registry,
    command: str | None = None,
    on_planned: Callable[[Plan], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    on_phase: OnPhase = lambda _: None,
    opened_backend: ModelBackend | None = None,
) -> Run:
    """Evaluates a model and writes the run folder.

    Args:
        spec: What to evaluate, and how.
        registry: The loaded plugins.
        command: The command line, for the record.
        on_planned: Called once, before the first question.
        on_progress: Called after every answer.
        on_phase: Called as the run's other parts begin and go on.
        opened_backend: A model that is open already, and stays so; None opens the spec's.

    Raises:
        HarnessError: What the spec names does not exist or cannot be read; nothing was written.
        RunFailedError: The run stopped early; its folder holds what was finished, marked
            incomplete, and the response store what was answered.
        NothingScoredError: The run came to its end, and a task has no scored sample.
    """
    started, begun, phases = datetime.now(UTC), time.monotonic(), PhaseTimes()
    spec = _with_declared(spec, registry)
    gate = EarlyStop.of(spec)
    most = spec.max_seconds
    deadline = None if most is None else Deadline(most, begun, gate is not None)
    written_spec = runfolder.spec_to_json(spec)
    runfolder.check(spec.out, written_spec)
    found = planner.chosen(spec, registry)  # what is misspelt is told before a model is loaded
    on_phase(Phase("opening the model"))
    with ExitStack() as opened:
        meter = opened.enter_context(Meter(spec.energy, spec.machine_hour))
        backend = opened_backend or opened.enter_context(
            closing(models.open_backend(spec.model_config, registry, deadline))
        )
        phases.end("open")
        roles = opened.enter_context(Roles(spec, registry, backend, deadline))
        plan = planner.build(spec, registry, backend, roles=roles, on_phase=on_phase, found=found)
        phases.end("plan")
        stepping = None if gate is None else gate.begin(plan, spec.seed)
        store = opened.enter_context(ResponseStore(store_path(spec.cache, backend)))
        claim = runfolder.claimed(spec.out, started, _slug(spec), written_spec)
        folder = opened.enter_context(claim)
        suites = _suites(spec, registry, plan)
        record = opened.enter_context(
            _RunRecord(folder, spec, command, started, plan, backend, phases, suites)
        )
        if on_planned is not None:
            on_planned(plan)
        registry.notify("harness_run_started", plan=plan)
        store.name_model(backend.fingerprint, secrets.redact(spec.model))
        live = opened.enter_context(LiveProgress(folder))
        heard = _heard(phases, live, on_progress)
        session = RunSession(plan, backend, store, registry, heard, roles)
        stopped = _ask(session, stepping)
        phases.end("answers")
        record.spent = meter.stop()
        record.rejected = store.rejected
        judge = None if gate is None else partial(gate.judge, stepping=stepping)
        result = _written(session, record, stopped is None, judge, on_phase)
    registry.notify("harness_run_finished", result=result)
    if stopped is not None:
        kept = store.path is not None
        error = _with_way_on(stopped, session, folder, kept, gated=gate is not None)
        error.folder = folder
        raise error from stopped
    failures = {task.name: task.failure for task in result.tasks.values() if task.failure}
    if failures:
        raise NothingScoredError(failures, folder)
    return Run(result, folder)


def _written(
    session: RunSession,
    record: _RunRecord,
    complete: bool,
    judge: Callable[[ScoredRun, Plan, int], GateVerdict] | None,
    on_phase: OnPhase,
) -> RunResult:
    """Writes what was asked and scored, judged by the gate where the run is complete."""
    plan, folder = session.plan, record.folder
    for task in plan.tasks:  # before anything is made of them: a metric may raise
        runfolder.write_samples(folder, task.task.name, session.records(task))
    result = _result(session, record, complete, on_phase)
    result = dataclasses.replace(result, spent=record.spent)
    try:
        if judge is not None and complete:
            judged = judge(_scored(session, result), plan, record.spec.seed)
            result = dataclasses.replace(result, gate=judged)
    finally:  # what is scored is kept, whatever judging meets
        record.write(result.status)
        runfolder.write_result(folder, result)
    return result


def _with_declared(spec: RunSpec, registry: Registry) -> RunSpec:
    """The spec with the declarations of its tasks, for the record."""
    chosen = [each.name for each in registry.select_tasks(spec.tasks, spec.task_settings)]
    declared = {name: registry.declared[name] for name in chosen if name in registry.declared}
    return dataclasses.replace(spec, declared=declared)


def _scored(session: RunSession, result: RunResult) -> ScoredRun:
    """The run as it will be read again, from the records at hand."""
    samples = {}
    for task in session.plan.tasks:
        tally = session.tally(task)
        samples[task.task.name] = (
            scored_samples(session.records(task))
            if tally.repeated
            else ScoreTable(tally.originals.columns)
        )
    return ScoredRun(result, samples)


def _heard(
    phases: PhaseTimes,
    live: LiveProgress,
    on_progress: Callable[[Progress], None] | None,
) -> Callable[[Progress], None]:
    """Notes when the first answer comes, and passes every one on.

    Args:
        phases: The run's.
        live: Tells other programs how far the run is.
        on_progress: Called after every answer.
    """

    def hear(progress: Progress) -> None:
        phases.end("first_answer")
        live.update(progress)
        if on_progress is not None:
            on_progress(progress)

    return hear


def _ask(session: RunSession, stepping: SequentialGate | None) -> BaseException | None:
    """Asks until the run may end; returns what stopped it early, None when nothing did."""
    try:
        if stepping is None:
            session.ask_everything()
        else:
            early_stop.ask_until_decided(session, stepping)
    except KeyboardInterrupt as interrupt:
        return interrupt
    except PluginError:
        raise
    except BaseException as error:  # whatever a backend raises, a panic of Rust code too
        return error  # what is answered is kept
    return None


@dataclass(slots=True)
class _RunRecord:
    """run.json: how the run was, or is being, made; as a context it never stays "running"."""

    folder: Path
    spec: RunSpec
    command: str | None
    started: datetime
    plan: Plan
    backend: ModelBackend
    phases: PhaseTimes
    suites: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Suite that the run was asked for → its tasks."""
    spent: Spent | None = None
    """What the machine took, where that was asked for."""
    rejected: int = 0
    """Rows of the response store that were no responses, and were computed again."""
    facts: dict[str, Any] = field(
        default_factory=lambda: {
            "versions": provenance.versions(),
            "git_commit": provenance.git_commit(),
            "environment": provenance.environment(),
        }
    )

    @property
    def model(self) -> dict[str, object]:
        """What answered, with what it counted so far."""
        described = dict(self.backend.describe())
        named = {"spec": self.spec.model, "fingerprint": self.backend.fingerprint, **described}
        return secrets.redact_value(named)  # type: ignore[no-any-return]

    def __enter__(self) -> Self:
        self.write("running")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None and not runfolder.is_checked(self.folder):
            with suppress(OSError):  # the error that ends the run is the one to tell
                self.write("incomplete")

    def write(self, status: str) -> None:
        now = datetime.now(UTC)
        skipped = {
            task.task.name: {name: dict(counts) for name, counts in task.skipped.items()}
            for task in self.plan.tasks
        }
        files.write_json(
            self.folder / "run.json",
            {
                "status": status,
                "command": self.command,
                "spec": runfolder.spec_to_json(self.spec),
                **self.facts,
                "model": self.model,
                "seeds": {"run": self.spec.seed},
                **({"suites": dict(self.suites)} if self.suites else {}),
                **({"rejected_stored_responses": self.rejected} if self.rejected else {}),
                "skipped_variants": {name: counts for name, counts in skipped.items() if counts},
                "phases": self.phases.found,
                "started": self.started.isoformat(timespec="seconds"),
                "finished": None if status == "running" else now.isoformat(timespec="seconds"),
            },
        )


def _result(
    session: RunSession, record: _RunRecord, complete: bool, on_phase: OnPhase
) -> RunResult:
    finished = datetime.now(UTC)
    found: dict[str, TaskResult] = {}
    for task in session.plan.tasks:
        name = task.task.name
        on_phase(Phase("judging", len(found), len(session.plan.tasks), name))
        found[name] = aggregation.summarize(
            task, session.records(task), session.group_measures, session.tally(task)
        )
    notes = notes_of(record.backend) + session.plugin_failures
    tasks = {
        name: dataclasses.replace(task, notes=task.notes + notes) for name, task in found.items()
    }
    return RunResult(
        run_id=record.folder.name,
        status="complete" if complete else "incomplete",
        model=record.model,
        tasks=tasks,
        timing={
            "started": record.started.isoformat(timespec="seconds"),
            "finished": finished.isoformat(timespec="seconds"),
            "seconds": round((finished - record.started).total_seconds(), 3),
        },
        usage=dataclasses.replace(
            session.usage, requests=session.answers.done, cached=session.answers.cached
        ),
        roles=session.results_of_roles,
    )


def _with_way_on(
    stopped: BaseException, session: RunSession, folder: Path, kept: bool, gated: bool
) -> RunFailedError:
    """The error that ends a stopped run; ``kept``: its answers are in the response store."""
    answers = session.answers
    count = f"{answers.answered:,} of {answers.total:,} requests are answered"
    scored = f"what is scored so far is in {folder}, marked incomplete."
    if not answers.answered:
        way_on = f"No request was answered. The run folder is {folder}."
    elif kept:
        way_on = f"{count} and kept; {scored}\nGive the same command again to go on from there."
    else:
        way_on = f"{count}, and none is kept for another run; {scored}"
    if isinstance(stopped, KeyboardInterrupt):
        return RunInterruptedError("interrupted", way_on)
    if isinstance(stopped, TimeIsUpError):
        return TimeIsUpError(stopped.message, way_on, gated)
    if isinstance(stopped, HarnessError):
        hint = f"{stopped.hint}\n{way_on}" if stopped.hint else way_on
        return RunFailedError(stopped.message, hint)
    return RunFailedError(
        f"the model failed: {type(stopped).__name__}: {stopped}",
        f"Raised in {place_of(stopped)}.\n{way_on}",
    )


def _suites(spec: RunSpec, registry: Registry, plan: Plan) -> dict[str, list[str]]:
    """The suites that the run was asked for, with those of their tasks that it runs."""
    planned = {task.task.name for task in plan.tasks}
    known = plugins.suites(registry.tasks)
    return {
        name: [task for task in known[name] if task in planned]
        for name in spec.tasks
        if name in known and name not in registry.tasks
    }


def _slug(spec: RunSpec) -> str:
    name = spec.model.rstrip("/").replace("\\", "/").split("/")[-1]
    return (
        "".join(c if c.isalnum() or c in "._-" else "-" for c in name)[:40].strip("-.") or "model"
    )
