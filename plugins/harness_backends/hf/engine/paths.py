"""The ways to compute: what each is made of, how a run goes from one to the next.

tree ──► forked caches ──► plain batches ──► one sequence at a time
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from harness.authoring.chat.encoding import Scored
from harness.types import Logprob
from harness_backends.hf.cache_fork.decoding import ForkDecoder
from harness_backends.hf.cache_fork.scoring import Forker, ForkScorer
from harness_backends.hf.loading import Checkpoint
from harness_backends.hf.memory import Budget, PassMemory, default_rows, default_tokens
from harness_backends.hf.plain import Continue, Continued, PlainEngine
from harness_backends.hf.prefix_tree.decoding import TreeDecoder
from harness_backends.hf.prefix_tree.forward import Forward
from harness_backends.hf.prefix_tree.scoring import TreeScorer
from harness_backends.hf.settings import Settings

PLAIN_TOKENS = 4096


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


def paths_of(checkpoint: Checkpoint, settings: Settings, rows: int | None) -> list[Path]:
    """Those that may be tried, the fastest first and the reference last; none is opened yet.

    Args:
        checkpoint: The model.
        settings: Which are wanted, and the budget.
        rows: Most sequences in a pass; None to choose.
    """

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
