"""Which path computes: the fastest that is seen to give the plain path's answers.

Before a path is trusted it answers a few of the real requests, and one at a time through the
model's own forward answers them again. Where they differ, or the path fails, the next one is
tried: tree → plain batches → plain, one sequence at a time.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

from harness.types import Completion, Logprob, Sampling
from harness_backends.hf.decoding import TreeDecoder
from harness_backends.hf.encoding import Scored
from harness_backends.hf.head import Head
from harness_backends.hf.loading import Checkpoint
from harness_backends.hf.memory import Budget, default_rows, default_tokens
from harness_backends.hf.plain import Continue, PlainEngine
from harness_backends.hf.scoring import TreeScorer
from harness_backends.hf.settings import Settings

logger = logging.getLogger(__name__)
PLAIN_TOKENS = 4096
_FURTHER = 1.5
"""A path is checked again when sequences come that are so many times longer than before."""


class Engine(Protocol):
    """Answers questions about token ids."""

    @property
    def name(self) -> str:
        """What reports call it."""
        ...

    @property
    def computed_tokens(self) -> int:
        """Tokens put through the model so far."""
        ...

    def score(self, items: Sequence[Scored]) -> Iterator[tuple[int, Logprob]]:
        """Yields (index, score) of each item once, in any order."""
        ...

    def generate(self, items: Sequence[Continue]) -> Iterator[tuple[int, Completion]]:
        """Yields (index, completion) of each item once, in any order."""
        ...


class TreeEngine:
    """Scores and generates over prefix trees.

    Args:
        checkpoint: The model.
        budget: How many tokens and sequences one pass may have.

    Raises:
        UnknownHeadError: The model's head is not understood.
    """

    name = "tree"

    def __init__(self, checkpoint: Checkpoint, budget: Budget) -> None:
        head = Head(checkpoint.model)
        self._scorer = TreeScorer(checkpoint, head, budget)
        self._decoder = TreeDecoder(checkpoint, head, budget, default_rows(checkpoint.model))

    @property
    def computed_tokens(self) -> int:
        """Tokens put through the model so far."""
        return self._scorer.computed_tokens + self._decoder.computed_tokens

    def score(self, items: Sequence[Scored]) -> Iterator[tuple[int, Logprob]]:
        """See ``Engine``."""
        return self._scorer.score(items)

    def generate(self, items: Sequence[Continue]) -> Iterator[tuple[int, Completion]]:
        """See ``Engine``."""
        return self._decoder.generate(items)

    def first_tokens(self, items: Sequence[Continue]) -> list[tuple[Scored, float]]:
        """What generation says, as a question that scoring can answer, and its own answer."""
        return [
            (
                Scored((*items[index].tokens, *draft.tokens), len(draft.tokens)),
                draft.logprob,
            )
            for index, draft in self._decoder.drafts(items)
        ]


class CheckedEngine:
    """Tries paths from the fastest on, and keeps the first that agrees with the reference.

    Args:
        checkpoint: The model.
        settings: Which paths may be tried, and the budget.
        rows: Most sequences in a pass (``--batch-size``); None to choose.
    """

    def __init__(self, checkpoint: Checkpoint, settings: Settings, rows: int | None) -> None:
        self._checkpoint = checkpoint
        self._reference = PlainEngine(checkpoint, Budget(1, 1))
        plain = Budget(settings.token_budget or PLAIN_TOKENS, rows)
        tree = Budget(settings.token_budget or default_tokens(checkpoint.model), rows)
        self._paths: list[tuple[str, Callable[[], Engine]]] = []
        if settings.engine != "plain":
            self._paths.append(("tree", lambda: TreeEngine(checkpoint, tree)))
        if settings.engine != "tree":
            self._paths.append(("batched plain", lambda: PlainEngine(checkpoint, plain)))
        self._opening = ""
        self._engine: Engine | None = None
        self._scored = self._continued = 0
        self._before = 0
        self.notes: list[str] = []

    @property
    def name(self) -> str:
        """The path in use."""
        return "not used yet" if self._engine is None else self._engine.name

    @property
    def computed_tokens(self) -> int:
        """Tokens put through the model so far, the check's own aside."""
        return self._before + (0 if self._engine is None else self._engine.computed_tokens)

    def score(self, items: Sequence[Scored]) -> Iterator[tuple[int, Logprob]]:
        """See ``Engine``."""
        longest = max((len(item.tokens) for item in items), default=0)
        if longest > self._scored * _FURTHER:
            self._scored = longest
            few = _few(items)
            self._settle(lambda engine: self._score_gap(engine, few))
        return self._chosen().score(items)

    def generate(self, items: Sequence[Continue]) -> Iterator[tuple[int, Completion]]:
        """See ``Engine``."""
        longest = max((len(item.tokens) for item in items), default=0)
        if longest > self._continued * _FURTHER:
            self._continued = longest
            few = [
                Continue(item.tokens, Sampling(min(4, item.sampling.max_tokens)))
                for item in _few(items)
            ]
            self._settle(lambda engine: self._generation_gap(engine, few))
        return self._chosen().generate(items)

    def _chosen(self) -> Engine:
        return self._reference if self._engine is None else self._engine

    # ---- choosing

    def _settle(self, gap: Callable[[Engine], str | None]) -> None:
        """Moves on to the first path without a gap; the reference is the last."""
        while self._engine is not self._reference:
            problem: str | None
            try:
                if self._engine is None and not self._open_next():
                    return
                problem = self._without_counting(gap)
            except Exception as error:  # whatever a model's code does with what it is given
                problem = f"{type(error).__name__} {' '.join(str(error).split())[:120]}"
            if problem is None:
                return
            self._drop(problem)

    def _open_next(self) -> bool:
        """Opens the next path; False where only the reference is left, which needs no check."""
        if self._paths:
            self._opening, make = self._paths.pop(0)
            self._engine = make()
            return True
        self._engine = self._reference
        self._before -= self._reference.computed_tokens
        return False

    def _drop(self, problem: str) -> None:
        note = f"the {self._opening} path was not used: {problem}"
        self.notes.append(note)
        logger.warning("%s", note)
        if self._engine is not None:
            self._before += self._engine.computed_tokens
            self._engine = None

    def _without_counting(self, gap: Callable[[Engine], str | None]) -> str | None:
        engine = self._engine
        assert engine is not None
        start = engine.computed_tokens
        try:
            return gap(engine)
        finally:
            self._before -= engine.computed_tokens - start

    def _score_gap(self, engine: Engine, items: Sequence[Scored]) -> str | None:
        expected = dict(self._reference.score(items))
        for index, score in engine.score(items):
            apart = abs(expected[index].total - score.total)
            if not apart <= self._tolerance(score.token_count):
                return f"log-likelihoods {apart:.2g} apart"
        return None

    def _generation_gap(self, engine: Engine, items: Sequence[Continue]) -> str | None:
        if not isinstance(engine, TreeEngine):
            return None
        said = engine.first_tokens(items)
        for index, score in self._reference.score([question for question, _ in said]):
            apart = abs(score.total - said[index][1])
            if not apart <= self._tolerance(score.token_count):
                return f"log-probabilities of generated tokens {apart:.2g} apart"
        return None

    def _tolerance(self, tokens: int) -> float:
        """How far two correct sums may be apart; a wrong mask is much further off."""
        one = 1e-4 if self._checkpoint.dtype == "float32" else 0.05
        return one * math.sqrt(max(1, tokens))


Item = TypeVar("Item", Scored, Continue)


def _few(items: Sequence[Item]) -> list[Item]:
    """The longest item, the one that shares most with it, and the shortest."""
    order = sorted(range(len(items)), key=lambda index: items[index].tokens)
    longest = max(range(len(order)), key=lambda place: len(items[order[place]].tokens))
    shortest = min(range(len(order)), key=lambda place: len(items[order[place]].tokens))
    places = dict.fromkeys((longest, max(0, longest - 1), shortest))
    return [items[order[place]] for place in places]
