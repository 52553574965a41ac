"""Getting a plan's answers, and scoring each sample as soon as its last answer is there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.planned import Plan, PlannedSample, TaskPlan
from harness.plugins import Registry
from harness.protocols import ModelBackend, doubts_of
from harness.run import scheduler
from harness.run.cache import ResponseStore
from harness.scoring import aggregation
from harness.types import Estimate, Failed, KeyedRequest, Response, SampleRecord, Usage


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is; a request that several samples share is counted once."""

    done: int
    total: int
    cached: int
    usage: Usage


@dataclass(slots=True)
class _Open:
    """A sample that still waits for ``missing`` answers."""

    task: TaskPlan
    planned: PlannedSample
    missing: int


class RunSession:
    """The answers of one run so far.

    Args:
        plan: All requests of the run.
        backend: Who answers.
        store: Where answers are kept.
        registry: Whose plugins hear of every score.
        on_progress: Called after every answer.
    """

    def __init__(
        self,
        plan: Plan,
        backend: ModelBackend,
        store: ResponseStore,
        registry: Registry,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> None:
        self.plan, self._backend, self._store = plan, backend, store
        self._registry, self._on_progress = registry, on_progress
        self._responses: dict[str, Response] = {}
        self._waiting: dict[str, list[_Open]] = defaultdict(list)
        self._users: dict[str, list[tuple[TaskPlan, PlannedSample]]] = defaultdict(list)
        self._records: dict[tuple[str, str | None, str, int], SampleRecord] = {}
        self._cached: set[str] = set()
        for task, planned in self._planned():
            entry = _Open(task, planned, len(set(planned.keys)))
            for key in set(planned.keys):
                self._waiting[key].append(entry)
        self.total = len(self._waiting)

    @property
    def done(self) -> int:
        """Distinct requests answered."""
        return len(self._responses)

    @property
    def cached(self) -> int:
        """Distinct requests whose answer was in the store."""
        return len(self._cached)

    @property
    def answered(self) -> int:
        """Distinct requests that got an answer; a failure is none."""
        return sum(not isinstance(each, Failed) for each in self._responses.values())

    @property
    def usage(self) -> Usage:
        """What the backend spent so far."""
        return self._backend.usage

    def ask(self, samples: Iterable[tuple[TaskPlan, PlannedSample]]) -> None:
        """Gets what is still unanswered of these samples."""
        requests = [each for each in _requests(samples) if each.key not in self._responses]
        while requests:
            before = doubts_of(self._backend)
            for answer in scheduler.answers(requests, self._backend, self._store):
                self._take(answer)
            if doubts_of(self._backend) == before:
                return
            asked = {each.key for each in requests}  # these were asked again, earlier ones not
            requests = [
                each
                for each in _requests(self._planned())
                if each.key in self._responses and each.key not in asked
            ]

    def ask_everything(self) -> None:
        """Gets all answers of the plan."""
        self.ask(self._planned())

    def record(self, task: TaskPlan, planned: PlannedSample) -> SampleRecord | None:
        """The sample with its scores, once all its answers are there."""
        return self._records.get(_identity(task, planned))

    def records(self, task: TaskPlan) -> Iterator[SampleRecord]:
        """A task's finished records, in the order of the plan."""
        for planned in task.planned:
            record = self.record(task, planned)
            if record is not None:
                yield record

    @property
    def plugin_failures(self) -> tuple[str, ...]:
        """A sentence on each hook of a plugin that raised."""
        return self._registry.failure_notes

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

    def _take(self, answer: scheduler.Answer) -> None:
        again = answer.key in self._responses
        self._responses[answer.key] = answer.response
        if answer.cached:
            self._cached.add(answer.key)
        else:
            self._cached.discard(answer.key)
        for entry in () if again else self._waiting.pop(answer.key):
            entry.missing -= 1
            if entry.missing == 0:
                self._score(entry.task, entry.planned)
        if again:
            self._correct(answer.key)
        if self._on_progress is not None:
            self._on_progress(Progress(self.done, self.total, self.cached, self.usage))

    def _correct(self, key: str) -> None:
        """Scores the samples anew that a key's first answer was used for."""
        if not self._users:
            for task, planned in self._planned():
                for each in set(planned.keys):
                    self._users[each].append((task, planned))
        for task, planned in self._users[key]:
            if _identity(task, planned) in self._records:
                self._score(task, planned)

    def _planned(self) -> Iterator[tuple[TaskPlan, PlannedSample]]:
        return ((task, planned) for task in self.plan.tasks for planned in task.planned)

    def _score(self, plan: TaskPlan, planned: PlannedSample) -> None:
        responses = tuple(self._responses[key] for key in planned.keys)
        record = SampleRecord(
            planned.sample,
            planned.requests,
            responses,
            aggregation.score(planned.task, planned.sample, responses),
            planned.probe,
            planned.variant,
        )
        self._records[_identity(plan, planned)] = record
        for score in aggregation.scores_of(record):
            self._registry.notify("harness_scored", task=plan.task.name, score=score)


def _requests(
    samples: Iterable[tuple[TaskPlan, PlannedSample]],
) -> Iterator[KeyedRequest]:
    for task, planned in samples:
        for key, request in zip(planned.keys, planned.requests, strict=True):
            yield KeyedRequest(key, request, task.task.name, planned.sample.id)


def _identity(task: TaskPlan, planned: PlannedSample) -> tuple[str, str | None, str, int]:
    return task.task.name, planned.probe, planned.sample.id, planned.variant
