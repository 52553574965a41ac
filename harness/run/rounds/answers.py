"""The responses of a run so far, whoever gave them, and how far each round is."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.run.rounds.usage import added
from harness.types import MODEL, Failed, Response, Usage


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a round is; a request that several samples share is counted once.

    ``role`` is who is asked; ``total`` counts what is known of the round so far; ``usage`` is the
    evaluated model's.
    """

    done: int
    total: int
    cached: int
    usage: Usage
    round: int = 1
    role: str = MODEL


def slot_of(role: str, key: str) -> str:
    """Where a response is kept: two roles may be asked the same."""
    return key if role == MODEL else f"{role}\0{key}"


def role_of(slot: str) -> str:
    """Who is asked for the response of a slot."""
    role, found, _ = slot.partition("\0")
    return role if found else MODEL


class Answers:
    """The responses by slot, and counts of them by round and by role.

    Attributes:
        responses: Slot → response.
        spent: Role → what its model spent in that role; the evaluated model's is counted by itself.
    """

    def __init__(self) -> None:
        self.responses: dict[str, Response] = {}
        self.spent: dict[str, Usage] = defaultdict(Usage)
        self._cached: set[str] = set()
        self._round_of: dict[str, int] = {}
        """Slots of later rounds → the round that they were first asked in."""
        self._done: Counter[int] = Counter()
        self._from_store: Counter[int] = Counter()
        self._known: Counter[int] = Counter()

    def __contains__(self, slot: object) -> bool:
        return slot in self.responses

    def of(self, slots: Iterable[str]) -> tuple[Response, ...]:
        """The responses of these slots, all of which are there."""
        return tuple(self.responses[slot] for slot in slots)

    def expect(self, slots: Iterable[str], number: int) -> None:
        """Notes distinct slots that a round asks for the first time."""
        for slot in slots:
            self._known[number] += 1
            if number > 1:
                self._round_of[slot] = number

    def take(self, slot: str, response: Response, cached: bool) -> Response | None:
        """Keeps a response; returns the earlier one of the slot, if there was one."""
        earlier = self.responses.get(slot)
        self.responses[slot] = response
        number = self._round_of.get(slot, 1)
        self._from_store[number] += int(cached) - int(slot in self._cached)
        if cached:
            self._cached.add(slot)
        else:
            self._cached.discard(slot)
        if earlier is None:
            self._done[number] += 1
        return earlier

    def progress(self, slot: str, usage: Usage, role: str) -> Progress:
        """How far the round is that asked for this slot first."""
        number = self._round_of.get(slot, 1)
        return Progress(
            self._done[number],
            self._known[number],
            self._from_store[number],
            usage,
            number,
            role,
        )

    @property
    def total(self) -> int:
        """Distinct requests known so far, of all rounds."""
        return sum(self._known.values())

    @property
    def done(self) -> int:
        """Distinct requests that the evaluated model answered."""
        return sum(role_of(slot) == MODEL for slot in self.responses)

    @property
    def cached(self) -> int:
        """Those of them whose answer was in the store."""
        return sum(role_of(slot) == MODEL for slot in self._cached)

    @property
    def answered(self) -> int:
        """Distinct requests that got an answer; a failure is none."""
        return sum(not isinstance(each, Failed) for each in self.responses.values())

    @property
    def by_role(self) -> Mapping[str, Usage]:
        """Role → the number of its distinct requests, and of those that the store answered."""
        counts: dict[str, Usage] = defaultdict(Usage)
        for slot in self.responses:
            one = Usage(requests=1, cached=int(slot in self._cached))
            counts[role_of(slot)] = added(counts[role_of(slot)], one)
        return dict(counts)
