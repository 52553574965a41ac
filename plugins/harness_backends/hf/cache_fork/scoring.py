"""Shared beginnings run once; their cache is forked for what follows.

Shared prefixes of one length that continue prefixes of one length are one batch; so are all rows
that go on from them:

    shots           one row
      │  fork × 2
    questions 1, 2  one batch, on two copies of the shots' cache
      │  fork × 4
    a b a b         one batch, padded on the right, on two copies of each question's

Only the caches on the way from the root are held. A padded row's cache is not used again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

import torch

from harness.authoring.chat.encoding import Scored, Tokens
from harness.types import Logprob
from harness_backends.hf.cache_fork.caches import Cache, CachedModel, Step
from harness_backends.hf.cache_fork.shared_prefixes import Costs, SharedPrefix, plan_shared_prefixes
from harness_backends.hf.loading import Checkpoint
from harness_backends.hf.memory import Budget, cache_bytes, is_out_of_memory
from harness_backends.hf.plain import score_rows

CPU_CALL, GPU_CALL = 32, 1024
"""Tokens that could be computed while a call sets out (see ``Costs.call``)."""

Item = TypeVar("Item")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Computed:
    """Shared prefixes of one length that are computed; ``cache`` has a row for each."""

    prefixes: Sequence[SharedPrefix]
    cache: Cache | None

    @property
    def length(self) -> int:
        """How many tokens each row of the cache holds."""
        return self.prefixes[0].end

    @property
    def depth(self) -> int:
        """How many shared prefixes follow each other in it; 0 where nothing is computed yet."""
        return self.prefixes[0].depth


@dataclass(frozen=True, slots=True)
class Row:
    """A sequence that goes on from row ``place`` of the cache of computed prefixes."""

    place: int
    sequence: int


class Forker:
    """Runs shared prefixes, and rows on copies of their caches.

    Args:
        checkpoint: The model.
        budget: How many tokens one call may compute, and how many rows it may have.

    Raises:
        UnforkableError: The model's cache cannot be forked.
    """

    def __init__(self, checkpoint: Checkpoint, budget: Budget) -> None:
        self.model = CachedModel(checkpoint)
        self.budget = budget
        self.computed_tokens = 0
        self.depth = 0
        """How many shared prefixes the last answer continues."""
        self._tokens_a_byte = budget.tokens / max(1, cache_bytes(checkpoint.model))
        call = CPU_CALL if checkpoint.device.type == "cpu" else GPU_CALL
        self._costs = Costs(call, self.model.chunks)

    def until_done(
        self,
        items: Sequence[Item],
        attempt: Callable[[list[Item]], Iterator[tuple[int, Answer]]],
    ) -> Iterator[tuple[int, Answer]]:
        """Yields (index, answer) of each item once.

        When memory runs out even for one row, what is not done starts again with half the
        budget and nothing held.

        Args:
            items: The items to answer.
            attempt: Answers some of them, as (index, answer).
        """
        left = dict(enumerate(items))
        while left:
            indices = list(left)
            try:
                for place, answer in attempt(list(left.values())):
                    del left[indices[place]]
                    yield indices[place], answer
            except (RuntimeError, MemoryError) as error:
                if self.budget.tokens == 1 or not is_out_of_memory(error):
                    raise
            if left:
                self.budget.halve()

    def computed(
        self, sequences: Sequence[Tokens], contexts: Sequence[Tokens]
    ) -> Iterator[tuple[Computed, list[Row]]]:
        """Yields each sequence once, with what of it is computed; the most forked ones first.

        Args:
            sequences: Token ids, none empty.
            contexts: The beginning of each that may be computed for others, too; shorter than
                the sequence.
        """
        root = plan_shared_prefixes(contexts, [len(tokens) for tokens in sequences], self._costs)
        yield from self._visit(Computed([root], None))

    def share(self, length: int) -> int:
        """What a row with a cache of ``length`` tokens costs at least, in tokens of the budget.

        With it, a budget of tokens keeps the caches within the memory meant for them.
        """
        return int(self._tokens_a_byte * self.model.row_bytes(length))

    def run(self, base: Computed, places: Sequence[int], ids: torch.Tensor, first: int) -> Step:
        """Feeds ``ids``, shape [rows, tokens], on copies of the base's rows at ``places``."""
        cache = None if base.cache is None else self.model.fork(base.cache, places)
        return self.model.run(ids, cache, base.length, first)

    def _visit(self, base: Computed) -> Iterator[tuple[Computed, list[Row]]]:
        """What goes on from computed prefixes: longer shared prefixes first, then rows."""
        longer = [
            (place, child)
            for place, prefix in enumerate(base.prefixes)
            for child in prefix.children
        ]
        longer.sort(key=lambda member: -member[1].end)
        for _, same in groupby(longer, key=lambda member: member[1].end):
            yield from self._visit_shared_prefixes(base, list(same))
        rows = [
            Row(place, sequence)
            for place, prefix in enumerate(base.prefixes)
            for sequence in prefix.rows
        ]
        if rows:
            yield base, rows

    def _visit_shared_prefixes(
        self, base: Computed, members: Sequence[tuple[int, SharedPrefix]]
    ) -> Iterator[tuple[Computed, list[Row]]]:
        """Runs shared prefixes of one length, batch by batch, each with all that continues it."""

        def forward(batch: list[int]) -> list[Computed]:
            prefixes = [members[index][1] for index in batch]
            ids = torch.tensor([prefix.tokens for prefix in prefixes])
            places = [members[index][0] for index in batch]
            return [Computed(prefixes, self.run(base, places, ids, ids.shape[1] - 1).cache)]

        end = members[0][1].end
        cost = max(end - base.length, self.share(end))
        for batch, grown in self.budget.run(range(len(members)), lambda _: cost, forward):
            self.computed_tokens += len(batch) * (end - base.length)
            # Out of the list, so that the cache goes before the next batch's is made.
            yield from self._visit(grown.pop())


class ForkScorer:
    """Scores token ids on forked caches.

    Args:
        forker: Runs what they share.
    """

    def __init__(self, forker: Forker) -> None:
        self._forker = forker

    @torch.inference_mode()
    def score(self, items: Sequence[Scored]) -> Iterator[tuple[int, Logprob]]:
        """Yields (index, score) of each item, batch by batch."""
        yield from self._forker.until_done(items, self._attempt)

    def _attempt(self, items: list[Scored]) -> Iterator[tuple[int, Logprob]]:
        asked: dict[Tokens, list[int]] = {}
        for index, item in enumerate(items):
            asked.setdefault(item.tokens[:-1], []).append(index)
        sequences = list(asked)
        targets = [max(items[index].targets for index in asked[tokens]) for tokens in sequences]
        # Scored positions stay out of the shared prefixes: their logits come with the rows.
        contexts = [
            tokens[: len(tokens) - count] for tokens, count in zip(sequences, targets, strict=True)
        ]
        for base, rows in self._forker.computed(sequences, contexts):
            for batch, logits in self._batches(base, rows, sequences, targets):
                self._forker.depth = base.depth
                for row, found in zip(batch, logits, strict=True):
                    for index in asked[sequences[row.sequence]]:
                        item = items[index]
                        yield index, score_rows(found[len(found) - item.targets :], item)

    def _batches(
        self,
        base: Computed,
        rows: Sequence[Row],
        sequences: Sequence[Tokens],
        targets: Sequence[int],
    ) -> Iterator[tuple[list[Row], list[torch.Tensor]]]:
        """Yields rows and each one's logits at its last ``targets`` positions or more."""
        forker = self._forker
        widths = [len(sequences[row.sequence]) - base.length for row in rows]

        def forward(batch: list[int]) -> list[torch.Tensor]:
            ids = torch.zeros(len(batch), max(widths[place] for place in batch), dtype=torch.long)
            for line, place in zip(ids, batch, strict=True):
                line[: widths[place]] = torch.tensor(sequences[rows[place].sequence][base.length :])
            first = min(widths[place] - targets[rows[place].sequence] for place in batch)
            logits = forker.run(base, [rows[place].place for place in batch], ids, first).logits
            return [logits[line, : widths[place] - first] for line, place in enumerate(batch)]

        def cost(place: int) -> int:
            return max(widths[place], forker.share(base.length + widths[place]))

        order = sorted(range(len(rows)), key=widths.__getitem__)
        for batch, logits in forker.budget.run(order, cost, forward):
            forker.computed_tokens += sum(widths[place] for place in batch)
            yield checked_first([rows[place] for place in batch]), checked_first(logits)


def checked_first(batch: list[Item]) -> list[Item]:
    """The first, then the others from the last on.

    The first answers are checked: of rows sorted by length, the most padded one and one that
    is not, most likely on different rows of the cache.
    """
    return [*batch[:1], *batch[:0:-1]]
