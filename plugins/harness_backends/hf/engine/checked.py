"""Which path computes: the fastest that is seen to give the reference's answers.

    tree ──► forked caches ──► plain batches ──► one sequence at a time

A path's first answers, the longest one and a random one of all that it is given, and one of so
many after those are held against the reference (``reference.py``) before they are passed on. Of a
model in half precision some are first asked for in float32, where rounding hides nothing. Where
they differ, or the path fails, the next one answers what is left; and where answers of the path
that differs were passed on, ``doubts`` tells that all are to be asked again. What one of several
workers sees holds for all (``wrong_paths``, ``distrust``).
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from harness.authoring.chat.encoding import Scored
from harness.errors import TimeIsUpError
from harness.types import Logprob
from harness_backends.hf.checkpoint.half_precision import in_float32
from harness_backends.hf.checkpoint.positions import forget_lengths, plain_length
from harness_backends.hf.engine.paths import PLAIN_TOKENS, Engine, paths_of
from harness_backends.hf.engine.reference import Reference
from harness_backends.hf.loading import Checkpoint
from harness_backends.hf.memory import Budget
from harness_backends.hf.plain import Continue, Continued, PlainEngine
from harness_backends.hf.settings import Settings

logger = logging.getLogger(__name__)
Item = TypeVar("Item", Scored, Continue)
Answer = TypeVar("Answer", Logprob, Continued)

EVERY = 1000
"""One of so many answers is checked."""
CHECKED = 2
"""How many first answers of each kind are checked at least."""
SEED = 0
"""Of the choice of the random answers that are checked."""
FURTHER = 1.5
"""So is an answer whose sequence is so many times longer than those checked."""
TRIED_TOKENS = 8
"""The most tokens that an answer has which is first asked for in float32."""


@dataclass(frozen=True, slots=True)
class _Asking(Generic[Item, Answer]):
    """One kind of question.

    Attributes:
        kind: Its name.
        ask: Asks a path.
        claimed: What an answer says: of which tokens, and the sum of their log-probabilities. A
            text that was generated is scored, so that a tie is no difference.
        brief: An item that takes less to answer.
    """

    kind: str
    ask: Callable[[Engine, Sequence[Item]], Iterator[tuple[int, Answer]]]
    claimed: Callable[[Item, Answer], tuple[Scored, float]]
    brief: Callable[[Item], Item]


def _said(item: Continue, answer: Continued) -> tuple[Scored, float]:
    return Scored((*item.tokens, *answer.tokens), len(answer.tokens)), answer.logprob


def _brief(item: Continue) -> Continue:
    most = min(item.sampling.max_tokens, TRIED_TOKENS)
    return replace(item, sampling=replace(item.sampling, max_tokens=most))


_SCORES: _Asking[Scored, Logprob] = _Asking(
    "score",
    lambda engine, items: engine.score(items),
    lambda item, answer: (item, answer.total),
    lambda item: item,
)
_TEXTS: _Asking[Continue, Continued] = _Asking(
    "generate", lambda engine, items: engine.generate(items), _said, _brief
)


class CheckedEngine:
    """Answers by the first path that agrees with the reference.

    Attributes:
        doubts: How often a path was seen to be wrong after such answers of it were passed on.
        wrong_paths: Those whose answers differ from the reference's, here or elsewhere.
        notes: Which paths were not used, and why.

    Args:
        checkpoint: The model.
        settings: Which paths may be tried, and the budget.
        rows: Most sequences in a pass (``--batch-size``); None to choose.
    """

    def __init__(self, checkpoint: Checkpoint, settings: Settings, rows: int | None) -> None:
        self._reference = Reference(checkpoint)
        self._paths = paths_of(checkpoint, settings, rows)
        self._engine: Engine | None = None
        self._tried: dict[str, int] = {}
        """Kinds of question → answers that were right in float32."""
        self._checked: dict[tuple[str, str], list[int]] = {}
        self._unchecked = 0
        self._passed_on: set[tuple[str, str]] = set()
        self._random = random.Random(SEED)
        self.doubts = 0
        self._before = 0
        # Beyond this length, what shares a pass has to be equally long (see ``positions``).
        self._plain_length = plain_length(checkpoint.model)
        forget_lengths(checkpoint.model)
        self._by_length = PlainEngine(
            checkpoint, Budget(settings.token_budget or PLAIN_TOKENS, rows), same_length=True
        )
        self.wrong_paths: list[str] = []
        self.notes: list[str] = []

    @property
    def name(self) -> str:
        """The path in use."""
        return self._paths[0].name

    @property
    def computed_tokens(self) -> int:
        """Tokens put through the model so far, those of the checks aside."""
        engine = 0 if self._engine is None else self._engine.computed_tokens
        return self._before + engine + self._by_length.computed_tokens

    @property
    def rounding_error(self) -> float | None:
        """See ``Reference.error``."""
        return self._reference.error

    def score(self, items: Sequence[Scored]) -> Iterator[tuple[int, Logprob]]:
        """See ``Engine``."""
        short, long = self._split(items, lambda item: len(item.tokens) - 1)
        found = self._answer(_SCORES, [items[index] for index in short])
        yield from ((short[place], answer) for place, answer in found)
        found = self._by_length.score([items[index] for index in long])
        yield from ((long[place], answer) for place, answer in found)

    def generate(self, items: Sequence[Continue]) -> Iterator[tuple[int, Continued]]:
        """See ``Engine``."""
        short, long = self._split(items, lambda item: len(item.tokens) + item.sampling.max_tokens)
        said = self._answer(_TEXTS, [items[index] for index in short])
        yield from ((short[place], answer) for place, answer in said)
        said = self._by_length.generate([items[index] for index in long])
        yield from ((long[place], answer) for place, answer in said)

    def _split(
        self, items: Sequence[Item], length: Callable[[Item], int]
    ) -> tuple[list[int], list[int]]:
        """The places of items that any path may answer, and of those kept apart by length."""
        most = self._plain_length
        long = [i for i, item in enumerate(items) if most is not None and length(item) > most]
        if not long:
            return list(range(len(items))), []
        apart = set(long)
        return [i for i in range(len(items)) if i not in apart], long

    def _answer(
        self, asking: _Asking[Item, Answer], items: Sequence[Item]
    ) -> Iterator[tuple[int, Answer]]:
        """Yields answers; those left when a path is dropped are asked of the next."""
        left = dict(enumerate(items))
        chosen, drawn = self._chosen(items)
        while left:
            problem: str | None = None
            indices = list(left)
            try:
                if self._engine is None:
                    self._engine = self._paths[0].open()
                problem = self._difference_in_float32(asking, items, drawn)
                found = iter(()) if problem else asking.ask(self._engine, list(left.values()))
                for place, answer in found:
                    index = indices[place]
                    if self._paths[0].checked:
                        problem = self._doubt(asking, items[index], answer, index in chosen)
                    if problem is not None:
                        break
                    del left[index]
                    yield index, answer
                if problem is not None:
                    self.wrong_paths.append(self.name)
            except TimeIsUpError:
                raise
            except Exception as error:  # whatever a model's code does with what it is given
                if not self._paths[0].checked:
                    raise
                problem = f"{type(error).__name__} {' '.join(str(error).split())[:120]}"
            if problem is not None:
                self._drop(problem)

    def distrust(self, paths: Collection[str]) -> None:
        """Leaves paths that another worker saw to be wrong."""
        self.wrong_paths += [each for each in paths if each not in self.wrong_paths]
        used = self._paths[0]
        if used.checked and used.name in self.wrong_paths:
            self.doubts += bool(self._passed_on)
            self._drop("another worker saw wrong answers of it")
        self._paths = [
            each for each in self._paths if not (each.checked and each.name in self.wrong_paths)
        ]

    def _chosen(self, items: Sequence[Item]) -> tuple[frozenset[int], int]:
        """The places of the longest item and of a random one, and the latter."""
        if not items:
            return frozenset(), 0
        longest = max(range(len(items)), key=lambda index: len(items[index].tokens))
        drawn = self._random.randrange(len(items))
        return frozenset((longest, drawn)), drawn

    def _drop(self, problem: str) -> None:
        """Moves on to the next path."""
        note = f"the {self._paths.pop(0).name} path was not used: {problem}"
        self.notes.append(note)
        logger.warning("%s", note)
        self.close()
        self._checked = {}
        self._tried = {}
        self._passed_on = set()

    def close(self) -> None:
        """Frees what the path in use holds beside the model."""
        if self._engine is not None:
            self._before += self._engine.computed_tokens
            self._engine.close()
            self._engine = None

    # ---- checking

    def _difference_in_float32(
        self, asking: _Asking[Item, Answer], items: Sequence[Item], drawn: int
    ) -> str | None:
        """What is wrong with a path's answers to an item and its neighbour, asked for in float32.

        None where they are right, and where the weights are float32 or do not run in it.
        """
        reference = self._reference
        if asking.kind in self._tried or not (self._paths[0].checked and reference.rounds):
            return None
        self._tried[asking.kind] = 0
        some = [asking.brief(items[index]) for index in _neighbours(items, drawn)]
        try:
            with in_float32(reference.checkpoint.model):
                answers = list(self._asked_anew(asking, some))
        except RuntimeError:  # code that mixes types; what it makes in half precision is checked
            return None
        for place, answer in answers:
            said, total = asking.claimed(some[place], answer)
            problem = reference.difference(said, total, rounded=False)
            if not reference.rounds:  # nor does the reference run in it
                return None
            if problem is not None:
                return f"{problem} in float32"
            self._tried[asking.kind] += 1
        return None

    def _asked_anew(
        self, asking: _Asking[Item, Answer], items: Sequence[Item]
    ) -> Iterator[tuple[int, Answer]]:
        """Asks the path in use with nothing kept from before."""
        engine = self._paths[0].open()
        try:
            yield from asking.ask(engine, items)
        finally:
            engine.close()

    def _doubt(
        self, asking: _Asking[Item, Answer], item: Item, answer: Answer, chosen: bool
    ) -> str | None:
        """What is wrong with an answer; None where it is right or need not be checked."""
        assert self._engine is not None
        asked = asking.kind, self._engine.way
        said, total = asking.claimed(item, answer)
        problem = None
        if self._is_due(asked, len(said.tokens), chosen):
            problem = self._reference.difference(said, total)
        if problem is None:
            self._passed_on.add(asked)
        else:
            self.doubts += asked in self._passed_on
        return problem

    def _is_due(self, asked: tuple[str, str], length: int, chosen: bool) -> bool:
        """Whether an answer to a sequence of so many tokens is to be checked."""
        assert self._engine is not None
        checked = self._checked.setdefault(asked, [])
        of_kind = self._tried.get(asked[0], 0) + sum(
            len(lengths) for (kind, _), lengths in self._checked.items() if kind == asked[0]
        )
        enough = len(checked) >= self._engine.telling and of_kind >= CHECKED
        self._unchecked += 1
        further = not checked or length > FURTHER * max(checked)
        if enough and not further and not chosen and self._unchecked < EVERY:
            return False
        self._unchecked = 0
        checked.append(length)
        return True


def _neighbours(items: Sequence[Scored | Continue], place: int) -> list[int]:
    """An item's place, and that of one beside it in the order of their tokens."""
    ordered = sorted(range(len(items)), key=lambda index: items[index].tokens)
    at = ordered.index(place)
    return [place, *ordered[max(at - 1, 0) : at], *ordered[at + 1 : at + 2]][:2]
