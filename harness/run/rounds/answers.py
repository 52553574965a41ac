"""The responses of a run so far, whoever gave them, and how far each round is."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

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
        responses: Slot → response, of those that are not forgotten.
        spent: Role → what its model spent in that role; the evaluated model's is counted by itself.
    """

    def __init__(self) -> None:
        self.responses: dict[str, Response] = {}
        self.spent: dict[str, Usage] = defaultdict(Usage)
        self._cached: set[str] = set()
        self._round_of: dict[str, int] = {}
        """Slots of later rounds → the round that they were first asked in."""
        self._done: Counter[tuple[int, str]] = Counter()
        """By round and role."""
        self._from_store: Counter[tuple[int, str]] = Counter()
        self._known: Counter[int] = Counter()
        self._answered = 0
        self._again = False

    def __contains__(self, slot: object) -> bool:
        return slot in self.responses

    def of(self, slots: Iterable[str]) -> tuple[Response, ...]:
        """The responses of these slots, all of which are there."""
        return tuple(self.responses[slot] for slot in slots)

    def expect(self, slots: Iterable[str], number: int) -> None:
        """Notes distinct slots that a later round asks for the first time."""
        for slot in slots:
            self._known[number] += 1
            self._round_of[slot] = number

    def expect_first(self, count: int) -> None:
        """Notes how many distinct slots the first round has."""
        self._known[1] = count

    def take(self, slot: str, response: Response, cached: bool) -> Response | None:
        """Keeps a response; returns the earlier one of the slot, if there was one."""
        earlier = self.responses.get(slot)
        self.responses[slot] = response
        place = self._round_of.get(slot, 1), role_of(slot)
        self._from_store[place] += int(cached) - int(slot in self._cached)
        if cached:
            self._cached.add(slot)
        else:
            self._cached.discard(slot)
        if earlier is None:
            self._done[place] += not self._again
            self._answered += not (self._again or isinstance(response, Failed))
        else:
            self._answered += isinstance(earlier, Failed) - isinstance(response, Failed)
        return earlier

    def forget(self, slots: Iterable[str]) -> None:
        """Lets responses go that no sample needs any more; they stay counted."""
        for slot in slots:
            self.responses.pop(slot, None)
            self._cached.discard(slot)

    @contextmanager
    def asked_again(self, kept: Collection[str]) -> Iterator[None]:
        """Within it, what was answered and forgotten is answered once more, and not counted.

        Nothing that was asked before came from the store any more: it is emptied then.

        Args:
            kept: Slots whose responses hold; the others are forgotten.
        """
        self.forget([slot for slot in self.responses if slot not in kept])
        self._from_store.clear()
        self._again = True
        try:
            yield
        finally:
            self._again = False

    def progress(self, slot: str, usage: Usage, role: str) -> Progress:
        """How far the round is that asked for this slot first."""
        number = self._round_of.get(slot, 1)
        return Progress(
            _of_round(self._done, number),
            self._known[number],
            _of_round(self._from_store, number),
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
        return _of_role(self._done, MODEL)

    @property
    def cached(self) -> int:
        """Those of them whose answer was in the store."""
        return _of_role(self._from_store, MODEL)

    @property
    def answered(self) -> int:
        """Distinct requests that got an answer; a failure is none."""
        return self._answered

    @property
    def by_role(self) -> Mapping[str, Usage]:
        """Role → the number of its distinct requests, and of those that the store answered."""
        return {
            role: Usage(
                requests=_of_role(self._done, role), cached=_of_role(self._from_store, role)
            )
            for role in {role for _, role in self._done}
        }


def _of_round(counts: Counter[tuple[int, str]], number: int) -> int:
    return sum(count for (each, _), count in counts.items() if each == number)


def _of_role(counts: Counter[tuple[int, str]], role: str) -> int:
    return sum(count for (_, each), count in counts.items() if each == role)
