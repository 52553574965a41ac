"""Gating a run while it goes on: the order of its samples, when it may end, and its verdict."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness import gating
from harness.authoring.io import serialization
from harness.comparison.comparability import TaskIdentity
from harness.config import RunSpec
from harness.errors import ConfigError, DataError
from harness.gating import GateConfig, GateVerdict, SequentialGate, instrument_noise, parse_gate
from harness.gating.beforehand import check_samples
from harness.gating.series import Build, take_part
from harness.planned import Plan, TaskPlan
from harness.protocols import Metric
from harness.results import runfolder
from harness.results.baseline import ScoredRun, load_run
from harness.run.session import RunSession
from harness.scoring import aggregation, repeats

FIRST_ROUND = 32
"""Samples of a task before the first look; later rounds grow, so that backends get full batches.

The gate looks after every single sample whatever the size of a round."""
GROWTH = 0.25


@dataclass(frozen=True, slots=True)
class EarlyStop:
    """What a run is judged by."""

    config: GateConfig
    baseline: ScoredRun | None
    build: Build | None = None

    @classmethod
    def of(cls, spec: RunSpec) -> EarlyStop | None:
        """The run's gate, its baseline read; None where it has none.

        Raises:
            ConfigError: There is a baseline and no rule, or the rules are wrong.
            DataError: The baseline cannot be read.
        """
        if spec.gate is None:
            if spec.baseline is None:
                return None
            raise ConfigError(
                f"--baseline {spec.baseline} is given, and no rule to judge by",
                "Add [[gate.rule]] tables to a harness.toml (`harness init` writes one) and "
                "name it with --config; or compare the runs with `harness compare`.",
            )
        config = parse_gate(spec.gate)
        path = spec.baseline or config.baseline
        baseline = None if path is None else _baseline(path)
        key = serialization.canonical_hash(runfolder.spec_to_json(replace(spec, out=None)))
        build = take_part(config, key)
        config = replace(config if build is None else build.config, baseline=path)
        return cls(config, baseline, build)

    def begin(self, plan: Plan, seed: int) -> SequentialGate | None:
        """Checks the rules; the stepping gate where the verdict may end the run, else None.

        Raises:
            ConfigError: The planned samples cannot judge a rule, whatever is answered.
        """
        planned = samples_of(plan)
        instrument_noise.check(self.config)
        check_samples(self.config, planned, self.baseline, metrics_of(plan))
        if self.config.mode != "sequential":
            return None
        identities = {
            task.task.name: TaskIdentity(
                str(task.task.version), task.data_sha256, task.settings, task.scored_by
            )
            for task in plan.tasks
        }
        return SequentialGate(
            self.config, planned, self.baseline, metrics_of(plan), seed, identities
        )

    def judge(
        self, candidate: ScoredRun, plan: Plan, seed: int, stepping: SequentialGate | None
    ) -> GateVerdict:
        """The verdict on the run."""
        if stepping is None:
            found = gating.evaluate(self.config, candidate, self.baseline, metrics_of(plan), seed)
        else:
            found = gating.with_differences(stepping.conclude(candidate), self.baseline)
        found = gating.in_context(found, candidate, self.baseline, metrics_of(plan))
        return found if self.build is None else self.build.finish(candidate.result.run_id, found)


def _baseline(path: str) -> ScoredRun:
    try:
        return load_run(Path(path))
    except DataError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            error.hint = (
                f"{error.hint}. To make the first one: harness run … --no-gate --out RUN, "
                f"then harness baseline save RUN {path}"
            )
        raise


def samples_of(plan: Plan) -> Mapping[str, Mapping[str, str | None]]:
    """Task → sample id → cluster of what will be scored."""
    return {
        task.task.name: {
            each.sample.id: each.sample.cluster for each in task.planned if each.probe is None
        }
        for task in plan.tasks
    }


def metrics_of(plan: Plan) -> Mapping[str, Sequence[Metric]]:
    """Task → its metric objects."""
    return {task.task.name: aggregation.metrics_of(task) for task in plan.tasks}


def ask_until_decided(session: RunSession, stepping: SequentialGate) -> None:
    """Asks in the committed order, and ends each task as soon as its rules are decided.

    Tasks without a rule are part of the run all the same: they run in full, last.
    """
    judged = stepping.open_tasks
    rounds = {task.task.name: _rounds(task, stepping) for task in session.plan.tasks}
    while stepping.open_tasks:
        batch = [
            (task, group)
            for task in session.plan.tasks
            if task.task.name in stepping.open_tasks
            for group in next(rounds[task.task.name])
        ]
        looks = _Looks(session, stepping, batch)
        session.ask(((task, place) for task, group in batch for place in group), looks.still_open)
        looks.take()
    rest = [task for task in session.plan.tasks if task.task.name not in judged]
    session.ask((task, place) for task in rest for place in range(len(task.planned)))


class _Looks:
    """The gate's looks at a batch: at its end, and before each later round of its tasks.

    A sample counts as soon as it and all before it are scored, so that what a conversation or a
    judge would still say is not asked once the task is decided.
    """

    def __init__(
        self,
        session: RunSession,
        stepping: SequentialGate,
        batch: Sequence[tuple[TaskPlan, Sequence[int]]],
    ) -> None:
        self._session, self._stepping = session, stepping
        self._left: dict[str, deque[tuple[TaskPlan, Sequence[int]]]] = {}
        for task, group in batch:
            asked = [place for place in group if task.planned[place].probe is None]
            self._left.setdefault(task.task.name, deque()).append((task, asked))

    def still_open(self, task: TaskPlan) -> bool:
        """Whether the task's samples are still wanted."""
        self.take()
        name = task.task.name
        return name in self._stepping.open_tasks or name not in self._left

    def take(self) -> None:
        """Shows the gate the samples that are scored by now."""
        for name, left in self._left.items():
            while left and name in self._stepping.open_tasks:
                task, asked = left[0]
                found = [self._session.record(task, each) for each in asked]
                records = [each for each in found if each is not None]
                if len(records) < len(found):
                    break
                together = repeats.scores(aggregation.with_reduced(task, records))
                self._stepping.update(name, records[0].sample.id, together)
                left.popleft()


def _rounds(task: TaskPlan, stepping: SequentialGate) -> Iterator[list[list[int]]]:
    """Places of a task's samples in the committed order, each with its variants, in growing rounds.

    What is planned of one sample comes together.
    """
    groups: dict[str, list[int]] = {}
    for place, planned in enumerate(task.planned):  # the original stands before its variants
        groups.setdefault(planned.sample.id, []).append(place)
    order = stepping.order(task.task.name)
    start = 0
    while start < len(order):
        size = max(FIRST_ROUND, int(start * GROWTH))
        yield [groups[name] for name in order[start : start + size]]
        start += size
