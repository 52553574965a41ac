"""Which path computes: the fastest that is seen to give the reference's answers.

    tree ──► forked caches ──► plain batches ──► one sequence at a time

A path's first answers, the longest one and a random one of all that it is given, and one of so
many after those are computed again by the model's own forward, one sequence at a time, before they
are passed on. Where they differ, or the path fails, the next one answers what is left; and where
answers of the path that differs were passed on, ``doubts`` tells that all are to be asked again.
What one of several workers sees holds for all (``wrong_paths``, ``distrust``).
"""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from harness.authoring.chat.encoding import Scored
from harness.errors import TimeIsUpError
from harness.types import Logprob
from harness_backends.hf.cache_fork.decoding import ForkDecoder
from harness_backends.hf.cache_fork.scoring import Forker, ForkScorer
from harness_backends.hf.checkpoint.positions import forget_lengths, plain_length
from harness_backends.hf.loading import Checkpoint
from harness_backends.hf.memory import Budget, PassMemory, default_rows, default_tokens
from harness_backends.hf.plain import Continue, Continued, PlainEngine
from harness_backends.hf.prefix_tree.decoding import TreeDecoder
from harness_backends.hf.prefix_tree.forward import Forward
from harness_backends.hf.prefix_tree.scoring import TreeScorer
from harness_backends.hf.settings import Settings

logger = logging.getLogger(__name__)
Item = TypeVar("Item", Scored, Continue)
Answer = TypeVar("Answer", Logprob, Continued)

PLAIN_TOKENS = 4096
EVERY = 1000
"""One of so many answers is checked."""
CHECKED = 2
"""How many first answers of each kind are checked at least."""
SEED = 0
"""Of the choice of the random answers that are checked."""
FURTHER = 1.5
"""So is an answer whose sequence is so many times longer than those checked."""


class Engine(Protocol):
    """Answers questions about token ids."""

    @property
    def way(self) -> str:
        """How the last answer was computed, where there is more than one way."""
        ...

    @property
    def telling(self) -> int:
        """How many first answers of one way tell whether it is right."""
        ...

    @property
    def computed_tokens(self) -> int:
        """Tokens put through the model so far."""
        ...

    def score(self, items: Sequence[Scored]) -> Iterator[tuple[int, Logprob]]:
        """Yields (index, score) of each item once, in any order."""
        ...

    def generate(self, items: Sequence[Continue]) -> Iterator[tuple[int, Continued]]:
        """Yields (index, continuation) of each item once, in any order."""
        ...

    def close(self) -> None:
        """Frees what it holds beside the model; it answers nothing from then on."""
        ...


class TreeEngine:
    """Scores and generates over prefix trees.

    Args:
        checkpoint: The model.
        budget: How many tokens and sequences one pass may have.

    Raises:
        UnknownHeadError: The model's head is not understood.
    """

    telling = 1  # the last in the row: no other has more beside it that it must not see

    def __init__(self, checkpoint: Checkpoint, budget: Budget) -> None:
        self._forward = Forward(checkpoint)
        self._scorer = TreeScorer(self._forward, budget)
        self._decoder = TreeDecoder(self._forward, budget, default_rows(checkpoint.model))

    @property
    def way(self) -> str:
        """Whether the last score rests on an earlier pass."""
        return self._scorer.way

    @property
    def computed_tokens(self) -> int:
        """Tokens put through the model so far."""
        return self._scorer.computed_tokens + self._decoder.computed_tokens

    def score(self, items: Sequence[Scored]) -> Iterator[tuple[int, Logprob]]:
        """See ``Engine``."""
        return self._scorer.score(items)

    def generate(self, items: Sequence[Continue]) -> Iterator[tuple[int, Continued]]:
        """See ``Engine``."""
        return self._decoder.generate(items)

    def close(self) -> None:
        """See ``Engine``."""
        self._forward.close()


class ForkEngine:
    """Scores and generates on forked caches.

    Args:
        checkpoint: The model.
        budget: How many tokens and sequences one call may have.

    Raises:
        UnforkableError: The model's cache cannot be forked.
    """

    telling = 2  # a single one could be on the right row of the cache by chance

    def __init__(self, checkpoint: Checkpoint, budget: Budget) -> None:
        self._forker = Forker(checkpoint, budget)
        self._scorer = ForkScorer(self._forker)
        self._decoder = ForkDecoder(checkpoint, self._forker)

    @property
    def way(self) -> str:
        """How often the last answer's cache was forked: each depth is checked by itself."""
        return f"{self._forker.depth} forks"

    @property
    def computed_tokens(self) -> int:
        """Tokens put through the model so far."""
        return self._forker.computed_tokens

    def score(self, items: Sequence[Scored]) -> Iterator[tuple[int, Logprob]]:
        """See ``Engine``."""
        return self._scorer.score(items)

    def generate(self, items: Sequence[Continue]) -> Iterator[tuple[int, Continued]]:
        """See ``Engine``."""
        return self._decoder.generate(items)

    def close(self) -> None:
        """See ``Engine``; there is nothing."""


@dataclass(frozen=True, slots=True)
class Path:
    """A way to compute; the last one is the reference itself and needs no check."""

    name: str
    open: Callable[[], Engine]
    checked: bool = True


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
        self._exact = checkpoint.dtype == "float32"
        self._reference = PlainEngine(checkpoint, Budget(1, 1))
        self._paths = _paths(checkpoint, settings, rows)
        self._engine: Engine | None = None
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

    def score(self, items: Sequence[Scored]) -> Iterator[tuple[int, Logprob]]:
        """See ``Engine``."""
        short, long = self._split(items, lambda item: len(item.tokens) - 1)
        found = self._answer(
            [items[index] for index in short],
            lambda engine, left: engine.score(left),
            self._doubt_score,
        )
        yield from ((short[place], answer) for place, answer in found)
        found = self._by_length.score([items[index] for index in long])
        yield from ((long[place], answer) for place, answer in found)

    def generate(self, items: Sequence[Continue]) -> Iterator[tuple[int, Continued]]:
        """See ``Engine``."""
        short, long = self._split(items, lambda item: len(item.tokens) + item.sampling.max_tokens)
        said = self._answer(
            [items[index] for index in short],
            lambda engine, left: engine.generate(left),
            self._doubt_text,
        )
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
        self,
        items: Sequence[Item],
        ask: Callable[[Engine, Sequence[Item]], Iterator[tuple[int, Answer]]],
        doubt: Callable[[Item, Answer, bool], str | None],
    ) -> Iterator[tuple[int, Answer]]:
        """Yields answers; those left when a path is dropped are asked of the next."""
        left = dict(enumerate(items))
        chosen = self._chosen(items)
        while left:
            problem: str | None = None
            indices = list(left)
            try:
                if self._engine is None:
                    self._engine = self._paths[0].open()
                for place, answer in ask(self._engine, list(left.values())):
                    index = indices[place]
                    if self._paths[0].checked:
                        problem = doubt(items[index], answer, index in chosen)
                    if problem is not None:
                        self.wrong_paths.append(self.name)
                        break
                    del left[index]
                    yield index, answer
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

    def _chosen(self, items: Sequence[Item]) -> frozenset[int]:
        """The places of the longest item and of a random one."""
        if not items:
            return frozenset()
        longest = max(range(len(items)), key=lambda index: len(items[index].tokens))
        return frozenset((longest, self._random.randrange(len(items))))

    def _drop(self, problem: str) -> None:
        """Moves on to the next path."""
        note = f"the {self._paths.pop(0).name} path was not used: {problem}"
        self.notes.append(note)
        logger.warning("%s", note)
        self._before = self.computed_tokens
        if self._engine is not None:
            self._engine.close()
        self._engine = None
        self._checked = {}
        self._passed_on = set()

    # ---- checking

    def _doubt_score(self, item: Scored, answer: Logprob, chosen: bool) -> str | None:
        """What is wrong with an answer; None where it is right or need not be checked."""
        return self._doubt("score", item, answer.total, chosen)

    def _doubt_text(self, item: Continue, answer: Continued, chosen: bool) -> str | None:
        """As ``_doubt_score``: what was said is scored, so that a tie is no difference."""
        said = Scored((*item.tokens, *answer.tokens), len(answer.tokens))
        return self._doubt("generate", said, answer.logprob, chosen)

    def _doubt(self, kind: str, item: Scored, found: float, chosen: bool) -> str | None:
        assert self._engine is not None
        asked = kind, self._engine.way
        problem = self._difference(asked, item, found, chosen)
        if problem is None:
            self._passed_on.add(asked)
        else:
            self.doubts += asked in self._passed_on
        return problem

    def _difference(
        self, asked: tuple[str, str], item: Scored, found: float, chosen: bool
    ) -> str | None:
        assert self._engine is not None
        checked = self._checked.setdefault(asked, [])
        of_kind = sum(
            len(lengths) for (kind, _), lengths in self._checked.items() if kind == asked[0]
        )
        enough = len(checked) >= self._engine.telling and of_kind >= CHECKED
        self._unchecked += 1
        further = not checked or len(item.tokens) > FURTHER * max(checked)
        if enough and not further and not chosen and self._unchecked < EVERY:
            return None
        self._unchecked = 0
        checked.append(len(item.tokens))
        ((_, expected),) = self._reference.score([item])
        apart = abs(expected.total - found)
        # Sums of correct log-probabilities differ by rounding; a wrong mask is much further off.
        tolerance = (1e-4 if self._exact else 0.05) * math.sqrt(item.targets)
        return None if apart <= tolerance else f"log-probabilities {apart:.2g} apart"


def _paths(checkpoint: Checkpoint, settings: Settings, rows: int | None) -> list[Path]:

    def budget(tokens: int) -> Budget:
        if settings.token_budget:
            return Budget(settings.token_budget, rows)
        return Budget(tokens, rows, PassMemory.guess(checkpoint.model))

    busy = default_tokens(checkpoint.model)
    # Only the tree's logits are cut into slices.
    plain, tree, fork = budget(PLAIN_TOKENS), budget(busy), budget(min(busy, PLAIN_TOKENS))
    last = Path("one at a time", lambda: PlainEngine(checkpoint, Budget(1, 1)), checked=False)
    fast = {
        "tree": Path("tree", lambda: TreeEngine(checkpoint, tree)),
        "fork": Path("fork", lambda: ForkEngine(checkpoint, fork)),
        "plain": Path("plain", lambda: PlainEngine(checkpoint, plain)),
    }
    chosen = fast.values() if settings.engine == "auto" else [fast[settings.engine]]
    if checkpoint.adapter is not None and checkpoint.adapter.is_virtual:
        chosen = [fast["plain"]]  # the others go round the virtual tokens
    return [*chosen, last]
