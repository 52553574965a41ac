"""Getting a plan's answers, round by round, and scoring each sample once its last one is there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from harness.planned import Plan, TaskPlan
from harness.plugins import Registry
from harness.protocols import ModelBackend, doubts_of, follows_up
from harness.run import scheduler
from harness.run.cache import ResponseStore
from harness.run.records import Records
from harness.run.rounds import later_rounds
from harness.run.rounds.answers import Answers, Progress, role_of, slot_of
from harness.run.rounds.in_hand import (
    Identity,
    RoundInHand,
    SampleInHand,
    asks_in_rounds,
    requests_of,
    windows,
)
from harness.run.rounds.roles import Roles, missing
from harness.run.rounds.usage import added, spent
from harness.scoring import aggregation
from harness.scoring.tally import Tally
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


class RunSession:
    """The answers of one run so far.

    Args:
        plan: All requests of the run's first round.
        backend: Who answers for the evaluated model.
        store: Where its answers are kept.
        registry: Whose plugins hear of every score.
        on_progress: Called after every answer.
        roles: Who answers for others; None where no task asks any.

    Attributes:
        answers: How many requests there are, and how many of them are answered.
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
        self.answers = Answers()
        self.answers.expect_first(plan.distinct)
        self._waiting: dict[str, list[RoundInHand]] = defaultdict(list)
        self._users: dict[str, list[RoundInHand]] = {}
        self._records: dict[Identity, SampleRecord] = {}
        """Of the samples in hand."""
        self._finished = {task.task.name: Records(task) for task in plan.tasks}
        self._samples: dict[Identity, SampleInHand] = {}
        """Those in hand: all where a task asks in rounds, else those of a window."""
        self._next: dict[int, tuple[SampleInHand, tuple[Ask, ...]]] = {}
        """What the next round is made of."""
        self._later: dict[str, KeyedRequest] = {}
        """Requests of later rounds, by slot."""
        self._role = MODEL
        self._in_rounds = any(map(asks_in_rounds, plan.tasks))
        self._shared = frozenset[int]() if self._in_rounds else plan.shared_keys()
        if self._in_rounds:
            for task in plan.tasks:
                for place, planned in enumerate(task.planned):
                    self._enter(SampleInHand(task, place, planned))

    @property
    def usage(self) -> Usage:
        """What the evaluated model spent so far, in that role."""
        found = self._backend.usage
        if self._roles is not None:
            for role, answerer in self._roles.opened.items():
                if answerer.backend is self._backend:
                    found = spent(self.answers.spent[role], found)
        return found

    @property
    def results_of_roles(self) -> Mapping[str, RoleResult]:
        """Each other role that was asked: its model, and what that spent."""
        return {} if self._roles is None else self._roles.results(self.answers)

    def ask(
        self,
        samples: Iterable[tuple[TaskPlan, int]],
        wanted: Callable[[TaskPlan], bool] = lambda _: True,
    ) -> None:
        """Gets what is still unanswered of these samples, window by window.

        Within one, the rounds of all its samples come one after the other.

        Args:
            samples: Tasks and places among their planned samples; what is asked about one sample,
                its variants among it, stands together.
            wanted: Asked before every later round whether a task's samples still are.
        """
        for window in self._windows(samples):
            doubts = doubts_of(self._backend)
            self._ask_window(window, wanted)
            if not self._in_rounds and doubts_of(self._backend) > doubts:
                self._ask_finished_again(window, doubts)

    def _windows(self, samples: Iterable[tuple[TaskPlan, int]]) -> Iterator[list[SampleInHand]]:
        if self._in_rounds:
            yield [self._samples[task.task.name, place] for task, place in samples]
        else:
            yield from windows(samples)

    def _ask_window(
        self, window: Sequence[SampleInHand], wanted: Callable[[TaskPlan], bool]
    ) -> None:
        try:
            for sample in window if not self._in_rounds else ():
                self._enter(sample)
            for sample in window:
                under_way = len(sample.rounds) > 1 or sample.identity in self._records
                if not (sample.planned.requests or under_way) and follows_up(sample.planned.task):
                    self._go_on(sample)
            requests = requests_of(window)
            self._ask_role(MODEL, [each for each in requests if each.key not in self.answers])
            while self._next:
                batch, self._next = list(self._next.values()), {}
                tasks = {id(sample.task): sample.task for sample, _ in batch}
                kept = {name for name, task in tasks.items() if wanted(task)}
                begun = self._begin_round([each for each in batch if id(each[0].task) in kept])
                for role, requests_of_role in begun.items():
                    self._ask_role(role, requests_of_role)
        finally:  # what is scored is kept, however the asking ends
            if not self._in_rounds:
                self._leave(window)

    def _enter(self, sample: SampleInHand) -> None:
        """Takes a sample in hand; it is scored at once where all its answers are there."""
        self._samples[sample.identity] = sample
        first = RoundInHand(sample, 1, sample.planned.keys)
        sample.rounds.append(first)
        for key in set(first.slots):
            if self._users:
                self._users.setdefault(key, []).append(first)
            if key not in self.answers:
                self._waiting[key].append(first)
                first.missing += 1
        if first.slots and not first.missing:
            self._go_on(sample)

    def _leave(self, window: Sequence[SampleInHand]) -> None:
        """Puts the records of a window away, and forgets answers that only it needed."""
        for sample in window:
            self._samples.pop(sample.identity, None)
            record = self._records.pop(sample.identity, None)
            if record is not None:
                self._finished[sample.task.task.name].put(sample.place, record)
        keys = {key for sample in window for key in sample.planned.keys}
        self.answers.forget(key for key in keys if hash(key) not in self._shared)
        self._waiting.clear()
        self._users.clear()

    def _ask_finished_again(self, window: Sequence[SampleInHand], doubts: float) -> None:
        """Asks what earlier windows asked once more: the backend found its answers to be wrong."""
        known = {sample.identity for sample in window}
        keys = {key for sample in window for key in sample.planned.keys}
        while (now := doubts_of(self._backend)) > doubts:
            doubts = now
            earlier = (
                (task, place)
                for task in self.plan.tasks
                for place in self._finished[task.task.name].places()
                if (task.task.name, place) not in known
            )
            with self.answers.asked_again(keys):
                for again in self._windows(earlier):
                    self._ask_window(again, lambda _: True)
            known, keys = set(), set()  # a further doubt is one of all

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
                if slot in self.answers and slot not in asked:
                    pending[role].append(each)

    def _take_all(
        self, requests: Sequence[KeyedRequest], backend: ModelBackend, store: ResponseStore
    ) -> None:
        used = backend.usage
        try:
            for answer in scheduler.answers(requests, backend, store):
                more = self._take(slot_of(self._role, answer.key), answer)
                if more and self._roles is not None:
                    self._roles.check_time(backend)
        finally:
            if self._role != MODEL:
                so_far = self.answers.spent[self._role]
                self.answers.spent[self._role] = added(so_far, spent(used, backend.usage))

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
            yield from ((MODEL, each) for each in requests_of(self._samples.values()))
        for slot, each in self._later.items():
            if self._answerer(role_of(slot))[0] is backend:
                yield role_of(slot), each

    def ask_everything(self) -> None:
        """Gets all answers of the plan."""
        self.ask((task, place) for task in self.plan.tasks for place in range(len(task.planned)))

    def record(self, task: TaskPlan, place: int) -> SampleRecord | None:
        """A planned sample with its scores, once all its answers are there."""
        found = self._records.get((task.task.name, place))
        return self._finished[task.task.name].get(place) if found is None else found

    def records(self, task: TaskPlan) -> Sequence[SampleRecord]:
        """A task's finished records, in the order of the plan, with what repeats say together."""
        return self._all_of(task).every()

    def tally(self, task: TaskPlan) -> Tally:
        """What is gathered of ``records``."""
        return self._all_of(task).tally()

    def _all_of(self, task: TaskPlan) -> Records:
        """The task's records, those of samples in hand among them."""
        found = self._finished[task.task.name]
        for place in range(len(task.planned)) if self._records else ():
            record = self._records.pop((task.task.name, place), None)
            if record is not None:
                found.put(place, record)
        return found

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

    def _begin_round(
        self, batch: Sequence[tuple[SampleInHand, tuple[Ask, ...]]]
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
            begun = RoundInHand(sample, len(sample.rounds) + 1, slots, asks)
            sample.rounds.append(begun)
            for ask, each, slot in zip(asks, keyed, slots, strict=True):
                if slot not in self.answers:
                    requests[ask.role].setdefault(slot, each)
                    self._register(begun, slot, each)
            for slot in set(slots) if self._users else ():
                self._users.setdefault(slot, []).append(begun)
            if begun.missing == 0:
                self._go_on(sample)
        return {role: list(each.values()) for role, each in requests.items()}

    def _register(self, begun: RoundInHand, slot: str, request: KeyedRequest) -> None:
        """Notes that a round waits for an answer, once a slot."""
        if slot not in self._waiting:
            self.answers.expect([slot], begun.number)
        self._later.setdefault(slot, request)
        waiting = self._waiting[slot]
        if not waiting or waiting[-1] is not begun:
            waiting.append(begun)
            begun.missing += 1

    def _keyed(self, sample: SampleInHand, ask: Ask, place: int) -> KeyedRequest:
        task, identifier = sample.planned.task.name, sample.planned.sample.id
        if self._roles is not None:
            later_rounds.check_answers(ask, self._roles, task)
        backend, _ = self._answerer(ask.role)
        key = scheduler.key_of(backend, task, identifier, place, ask.request)
        return KeyedRequest(key, ask.request, task, identifier, place, more=True)

    def _answered_rounds(self, sample: SampleInHand) -> tuple[Round, ...]:
        """The rounds of a sample, all of whose answers are there."""
        first, *later = sample.rounds
        rounds = later_rounds.first_round(sample.planned, self.answers.of(first.slots))
        return rounds + tuple(Round(each.asks or (), self.answers.of(each.slots)) for each in later)

    def _go_on(self, sample: SampleInHand) -> None:
        """Scores a sample whose rounds are answered, unless its task has more to ask."""
        if follows_up(sample.planned.task):
            asks = later_rounds.asks_after(sample.planned, self._answered_rounds(sample))
            if asks:
                self._next[id(sample)] = (sample, asks)
                return
        self._score(sample)

    # ---- answers

    def _take(self, slot: str, answer: scheduler.Answer) -> bool:
        """Returns whether the round has further answers."""
        earlier = self.answers.take(slot, answer.response, answer.cached)
        if earlier is None:
            for each in self._waiting.pop(slot):
                each.missing -= 1
                if each.missing == 0 and each is each.sample.rounds[-1]:
                    self._go_on(each.sample)
        else:
            self._correct(slot, answer.response != earlier)
        progress = self.answers.progress(slot, self._backend.usage, self._role)
        if self._on_progress is not None:
            self._on_progress(progress)
        return progress.done < progress.total

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
            if changed and follows_up(sample.planned.task) and each.missing == 0:
                del sample.rounds[each.number :]
                self._records.pop(sample.identity, None)
                self._next.pop(id(sample), None)
                self._go_on(sample)
            elif sample.identity in self._records:
                self._score(sample)

    def _score(self, sample: SampleInHand) -> None:
        plan, planned = sample.task, sample.planned
        responses = self.answers.of(planned.keys)
        rounds = self._answered_rounds(sample) if follows_up(planned.task) else ()
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
        self._records[sample.identity] = record
        if self._registry.listens("harness_scored"):
            for score in aggregation.scores_of(record):
                self._registry.notify("harness_scored", task=plan.task.name, score=score)
