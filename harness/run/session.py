"""Getting a plan's answers, round by round, and scoring each sample once its last one is there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from harness.planned import Plan, PlannedSample, TaskPlan
from harness.plugins import Registry
from harness.protocols import FollowUp, ModelBackend, doubts_of
from harness.run import scheduler
from harness.run.cache import ResponseStore
from harness.run.rounds import later_rounds
from harness.run.rounds.answers import Answers, Progress, role_of, slot_of
from harness.run.rounds.roles import Roles, missing
from harness.run.rounds.usage import added, spent
from harness.scoring import aggregation
from harness.types import (
    MODEL,
    Ask,
    Estimate,
    KeyedRequest,
    RoleResult,
    Round,
    SampleRecord,
    Usage,
)

_Identity: TypeAlias = tuple[str, str | None, str, int, int]


@dataclass(slots=True, eq=False)
class _Round:
    """One round of a sample; ``missing`` answers are still to come.

    ``slots`` name the responses: see ``slot_of``. ``asks`` is None for the first round.
    """

    sample: _Sample
    number: int
    slots: tuple[str, ...]
    asks: tuple[Ask, ...] | None = None
    missing: int = 0


@dataclass(slots=True, eq=False)
class _Sample:
    """A planned sample and its rounds so far."""

    task: TaskPlan
    planned: PlannedSample
    rounds: list[_Round] = field(default_factory=list)


class RunSession:
    """The answers of one run so far.

    Args:
        plan: All requests of the run's first round.
        backend: Who answers for the evaluated model.
        store: Where its answers are kept.
        registry: Whose plugins hear of every score.
        on_progress: Called after every answer.
        roles: Who answers for others; None where no task asks any.
    """

    def __init__(
        self,
        plan: Plan,
        backend: ModelBackend,
        store: ResponseStore,
        registry: Registry,
        on_progress: Callable[[Progress], None] | None = None,
        roles: Roles | None = None,
    ) -> None:
        self.plan, self._backend, self._store = plan, backend, store
        self._registry, self._on_progress, self._roles = registry, on_progress, roles
        self._answers = Answers()
        self._waiting: dict[str, list[_Round]] = defaultdict(list)
        self._users: dict[str, list[_Round]] = {}
        self._records: dict[_Identity, SampleRecord] = {}
        self._samples: dict[_Identity, _Sample] = {}
        self._next: dict[int, tuple[_Sample, tuple[Ask, ...]]] = {}
        """What the next round is made of."""
        self._later: dict[str, KeyedRequest] = {}
        """Requests of later rounds, by slot."""
        self._role = MODEL
        for task, planned in self._planned():
            sample = _Sample(task, planned)
            self._samples[_identity(task, planned)] = sample
            first = _Round(sample, 1, planned.keys, None, len(set(planned.keys)))
            sample.rounds.append(first)
            for key in set(planned.keys):
                self._waiting[key].append(first)
        self._answers.expect(self._waiting, 1)

    @property
    def total(self) -> int:
        """Distinct requests known so far, of all rounds."""
        return self._answers.total

    @property
    def done(self) -> int:
        """Distinct requests that the evaluated model answered."""
        return self._answers.done

    @property
    def cached(self) -> int:
        """Those of them whose answer was in the store."""
        return self._answers.cached

    @property
    def answered(self) -> int:
        """Distinct requests that got an answer; a failure is none."""
        return self._answers.answered

    @property
    def usage(self) -> Usage:
        """What the evaluated model spent so far, in that role."""
        found = self._backend.usage
        if self._roles is not None:
            for role, answerer in self._roles.opened.items():
                if answerer.backend is self._backend:
                    found = spent(self._answers.spent[role], found)
        return found

    @property
    def results_of_roles(self) -> Mapping[str, RoleResult]:
        """Each other role that was asked: its model, and what that spent."""
        counts, used = self._answers.by_role, self._answers.spent
        opened = self._roles.opened if self._roles is not None else {}
        found: dict[str, RoleResult] = {}
        for role, answerer in opened.items():
            asked = counts.get(role, Usage())
            usage = replace(used[role], requests=asked.requests, cached=asked.cached)
            found[role] = RoleResult(answerer.description, usage)
        return found

    def ask(
        self,
        samples: Iterable[tuple[TaskPlan, PlannedSample]],
        wanted: Callable[[TaskPlan], bool] = lambda _: True,
    ) -> None:
        """Gets what is still unanswered of these samples, one round of all after the other.

        Args:
            samples: Which.
            wanted: Asked before every later round whether a task's samples still are.
        """
        chosen = list(samples)
        for task, planned in chosen:
            if not planned.requests and isinstance(planned.task, FollowUp):
                self._begin_without_requests(self._samples[_identity(task, planned)])
        self._ask_role(MODEL, [each for each in _requests(chosen) if each.key not in self._answers])
        while self._next:
            batch, self._next = list(self._next.values()), {}
            tasks = {id(sample.task): sample.task for sample, _ in batch}
            kept = {name for name, task in tasks.items() if wanted(task)}
            begun = self._begin_round([each for each in batch if id(each[0].task) in kept])
            for role, requests in begun.items():
                self._ask_role(role, requests)

    def _ask_role(self, role: str, requests: list[KeyedRequest]) -> None:
        """Gets answers of one role; where its model doubts earlier ones, those as well."""
        backend, store = self._answerer(role)
        pending = {role: requests} if requests else {}
        while pending:
            before = doubts_of(backend)
            for self._role, work in pending.items():
                self._take_all(work, backend, store)
            if doubts_of(backend) == before:
                return
            asked = {slot_of(role, each.key) for role, work in pending.items() for each in work}
            pending = defaultdict(list)  # these were asked again, earlier ones not
            for role, each in self._asked_of(backend):
                slot = slot_of(role, each.key)
                if slot in self._answers and slot not in asked:
                    pending[role].append(each)

    def _take_all(
        self, requests: Sequence[KeyedRequest], backend: ModelBackend, store: ResponseStore
    ) -> None:
        used = backend.usage
        try:
            for answer in scheduler.answers(requests, backend, store):
                self._take(slot_of(self._role, answer.key), answer)
        finally:
            if self._role != MODEL:
                so_far = self._answers.spent[self._role]
                self._answers.spent[self._role] = added(so_far, spent(used, backend.usage))

    def _answerer(self, role: str) -> tuple[ModelBackend, ResponseStore]:
        if role == MODEL:
            return self._backend, self._store
        if self._roles is None:
            raise missing(role)
        found = self._roles.answerer(role)
        return found.backend, found.store

    def _asked_of(self, backend: ModelBackend) -> Iterator[tuple[str, KeyedRequest]]:
        """(role, request) of all that a model was or will be asked."""
        if backend is self._backend:
            yield from ((MODEL, each) for each in _requests(self._planned()))
        for slot, each in self._later.items():
            if self._answerer(role_of(slot))[0] is backend:
                yield role_of(slot), each

    def ask_everything(self) -> None:
        """Gets all answers of the plan."""
        self.ask(self._planned())

    def record(self, task: TaskPlan, planned: PlannedSample) -> SampleRecord | None:
        """The sample with its scores, once all its answers are there."""
        return self._records.get(_identity(task, planned))

    def records(self, task: TaskPlan) -> Sequence[SampleRecord]:
        """A task's finished records, in the order of the plan, with what repeats say together."""
        every = (self.record(task, planned) for planned in task.planned)
        found = [record for record in every if record is not None]
        return aggregation.with_reduced(task, found)

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

    # ---- rounds

    def _begin_without_requests(self, sample: _Sample) -> None:
        if len(sample.rounds) == 1 and _identity(sample.task, sample.planned) not in self._records:
            self._go_on(sample)

    def _begin_round(
        self, batch: Sequence[tuple[_Sample, tuple[Ask, ...]]]
    ) -> dict[str, list[KeyedRequest]]:
        """Makes the next round of each sample; role → what is still to be asked."""
        requests: dict[str, dict[str, KeyedRequest]] = defaultdict(dict)
        for sample, asks in batch:
            before = self._answered_rounds(sample)
            keyed = [
                self._keyed(sample, each, place)
                for each, place in zip(asks, later_rounds.places(asks, before), strict=True)
            ]
            slots = tuple(
                slot_of(ask.role, each.key) for ask, each in zip(asks, keyed, strict=True)
            )
            begun = _Round(sample, len(sample.rounds) + 1, slots, asks)
            sample.rounds.append(begun)
            for ask, each, slot in zip(asks, keyed, slots, strict=True):
                if slot not in self._answers:
                    requests[ask.role].setdefault(slot, each)
                    self._register(begun, slot, each)
            for slot in set(slots) if self._users else ():
                self._users.setdefault(slot, []).append(begun)
            if begun.missing == 0:
                self._go_on(sample)
        return {role: list(each.values()) for role, each in requests.items()}

    def _register(self, begun: _Round, slot: str, request: KeyedRequest) -> None:
        """Notes that a round waits for an answer, once a slot."""
        if slot not in self._waiting:
            self._answers.expect([slot], begun.number)
        self._later.setdefault(slot, request)
        waiting = self._waiting[slot]
        if not waiting or waiting[-1] is not begun:
            waiting.append(begun)
            begun.missing += 1

    def _keyed(self, sample: _Sample, ask: Ask, place: int) -> KeyedRequest:
        task, identifier = sample.planned.task.name, sample.planned.sample.id
        if self._roles is not None:
            later_rounds.check_answers(ask, self._roles, task)
        backend, _ = self._answerer(ask.role)
        key = scheduler.key_of(backend, task, identifier, place, ask.request)
        return KeyedRequest(key, ask.request, task, identifier, place, more=True)

    def _answered_rounds(self, sample: _Sample) -> tuple[Round, ...]:
        """The rounds of a sample, all of whose answers are there."""
        first, *later = sample.rounds
        rounds = later_rounds.first_round(sample.planned, self._answers.of(first.slots))
        return rounds + tuple(
            Round(each.asks or (), self._answers.of(each.slots)) for each in later
        )

    def _go_on(self, sample: _Sample) -> None:
        """Scores a sample whose rounds are answered, unless its task has more to ask."""
        if isinstance(sample.planned.task, FollowUp):
            asks = later_rounds.asks_after(sample.planned, self._answered_rounds(sample))
            if asks:
                self._next[id(sample)] = (sample, asks)
                return
        self._score(sample)

    # ---- answers

    def _take(self, slot: str, answer: scheduler.Answer) -> None:
        earlier = self._answers.take(slot, answer.response, answer.cached)
        if earlier is None:
            for each in self._waiting.pop(slot):
                each.missing -= 1
                if each.missing == 0 and each is each.sample.rounds[-1]:
                    self._go_on(each.sample)
        else:
            self._correct(slot, answer.response != earlier)
        if self._on_progress is not None:
            self._on_progress(self._answers.progress(slot, self._backend.usage, self._role))

    def _correct(self, slot: str, changed: bool) -> None:
        """Scores the samples anew that a key's first answer was used for.

        What was asked about an answer that changed is asked again.
        """
        if not self._users:
            for sample in self._samples.values():
                for each in sample.rounds:
                    for one in set(each.slots):
                        self._users.setdefault(one, []).append(each)
        for each in self._users[slot]:
            sample = each.sample
            if each.number > len(sample.rounds) or sample.rounds[each.number - 1] is not each:
                continue  # a round that is no longer part of the sample
            if changed and isinstance(sample.planned.task, FollowUp) and each.missing == 0:
                del sample.rounds[each.number :]
                self._records.pop(_identity(sample.task, sample.planned), None)
                self._next.pop(id(sample), None)
                self._go_on(sample)
            elif _identity(sample.task, sample.planned) in self._records:
                self._score(sample)

    def _planned(self) -> Iterator[tuple[TaskPlan, PlannedSample]]:
        return ((task, planned) for task in self.plan.tasks for planned in task.planned)

    def _score(self, sample: _Sample) -> None:
        plan, planned = sample.task, sample.planned
        responses = self._answers.of(planned.keys)
        rounds = self._answered_rounds(sample) if isinstance(planned.task, FollowUp) else ()
        record = SampleRecord(
            planned.sample,
            planned.requests,
            responses,
            aggregation.score(planned.task, planned.sample, responses, rounds),
            planned.probe,
            planned.variant,
            rounds[1:] if planned.requests else rounds,
            planned.repeat,
        )
        self._records[_identity(plan, planned)] = record
        for score in aggregation.scores_of(record):
            self._registry.notify("harness_scored", task=plan.task.name, score=score)


def _requests(
    samples: Iterable[tuple[TaskPlan, PlannedSample]],
) -> Iterator[KeyedRequest]:
    for _, planned in samples:
        yield from planned.keyed


def _identity(task: TaskPlan, planned: PlannedSample) -> _Identity:
    return task.task.name, planned.probe, planned.sample.id, planned.variant, planned.repeat
