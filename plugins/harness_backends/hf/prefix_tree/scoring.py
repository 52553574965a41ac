"""Log-likelihoods over a prefix tree: pass by pass, every unique token once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from harness.authoring.chat.encoding import Scored
from harness.types import Logprob
from harness_backends.hf.memory import Budget, is_out_of_memory
from harness_backends.hf.prefix_tree.attention import Segment, TreePass
from harness_backends.hf.prefix_tree.forward import Forward
from harness_backends.hf.prefix_tree.head import Head
from harness_backends.hf.prefix_tree.packing import Pass, next_cut, plan_pass
from harness_backends.hf.prefix_tree.tree import Integers, PrefixTree, build_tree


class TreeRunner:
    """Computes a tree's row from left to right, holding the path's keys and values.

    Args:
        forward: The model.
        budget: How many tokens and sequences one pass may have.
        keep_all: Keep every piece of a pass until its subtree is done, leaves too, as those
            who continue the sequences need; otherwise only what later passes attend to.
    """

    def __init__(self, forward: Forward, budget: Budget, keep_all: bool = False) -> None:
        self._forward = forward
        self._budget = budget
        self._keep_all = keep_all
        self._path: list[Segment] = []
        self.done = 0
        """How much of the row is computed."""

    @property
    def path(self) -> Sequence[Segment]:
        """What is held, in the row's order."""
        return self._path

    def advance(
        self, tree: PrefixTree, read: Integers, rows: int | None = None
    ) -> tuple[Pass, torch.Tensor]:
        """Computes the next pass; halves the budget and tries again when memory runs out.

        Args:
            tree: The tree; the same one in every call.
            read: The places in its row, ascending, whose hidden states are wanted.
            rows: The most sequences that may end in the pass, below the budget's own limit.

        Returns:
            The pass and its last hidden states, shape [tokens, width]; those of tokens that are
            not to be read mean nothing.
        """
        limits = [limit for limit in (rows, self._budget.rows) if limit is not None]
        while True:
            end = next_cut(tree, self.done, self._budget.tokens, min(limits, default=None))
            try:
                return self._compute(tree, read, end)
            except (RuntimeError, MemoryError) as error:
                if end - self.done <= 1 or not is_out_of_memory(error):
                    raise
            self._budget.halve()

    def _compute(self, tree: PrefixTree, read: Integers, end: int) -> tuple[Pass, torch.Tensor]:
        start = self.done
        path = [segment for segment in self._path if segment.piece.stop > start]
        step = plan_pass(tree, start, end, [segment.piece for segment in path])
        kept = [piece for piece in step.pieces if self._keep_all or piece.stop > end]
        attention = TreePass(tree, step, path, kept, self._forward.checkpoint.device)
        first, last = np.searchsorted(read, [start, end])
        with self._budget.watch(end - start):
            hidden = self._forward.hidden(
                torch.from_numpy(tree.tokens[start:end]),
                torch.from_numpy(tree.positions[start:end]),
                attention,
                torch.from_numpy(read[first:last] - start),
            )
        self._path = [*path, *attention.segments]
        self.done = end
        return step, hidden


class TreeScorer:
    """Scores token ids over the prefix tree of all requests.

    Args:
        forward: The model.
        budget: How many tokens and sequences one pass may have.
    """

    def __init__(self, forward: Forward, budget: Budget) -> None:
        self._forward = forward
        self._budget = budget
        self.computed_tokens = 0
        self.way = ""

    @torch.inference_mode()
    def score(self, items: Sequence[Scored]) -> Iterator[tuple[int, Logprob]]:
        """Yields (index, score) of each item as soon as its last token is computed."""
        if not items:
            return
        tree = build_tree([item.tokens[:-1] for item in items])
        questions = _Questions(tree, items)
        runner = TreeRunner(self._forward, self._budget)
        while runner.done < len(tree):
            step, hidden = runner.advance(tree, questions.read)
            self.computed_tokens += step.end - step.start
            self.way = "below a path" if step.path else ""
            yield from questions.answer(self._forward.head, step, hidden)


class _Questions:
    """Which tokens are scored at which places of the row, and the sums so far."""

    def __init__(self, tree: PrefixTree, items: Sequence[Scored]) -> None:
        places: list[Integers] = []
        for index, item in enumerate(items):
            places.append(tree.places(index, len(item.tokens) - 1 - item.targets))
        place = np.concatenate(places)
        target = np.concatenate([item.tokens[-item.targets :] for item in items])
        owner = np.repeat(np.arange(len(items)), [item.targets for item in items])
        order = np.argsort(place, kind="stable")
        self._place, self._target = place[order], target[order].astype(np.int64)
        self._owner = owner[order]
        self.read = np.unique(self._place)
        """The places at which a token is scored, ascending."""
        self._last = np.array([asked[-1] for asked in places])
        self._by_last = np.argsort(self._last, kind="stable")
        self._answered = 0
        self._counts = [item.targets for item in items]
        self._total = np.zeros(len(items))
        self._greedy = np.ones(len(items), bool)

    def answer(self, head: Head, step: Pass, hidden: torch.Tensor) -> Iterator[tuple[int, Logprob]]:
        """Scores what the pass's tokens were asked; yields the items that this completes.

        The last come first: they have most before them in the row that they must not see, and
        the first to come are checked.
        """
        first, last = np.searchsorted(self._place, [step.start, step.end])
        if last > first:
            positions, rows = np.unique(self._place[first:last] - step.start, return_inverse=True)
            scores = head.score(
                hidden[torch.from_numpy(positions).to(hidden.device)],
                torch.from_numpy(rows),
                torch.from_numpy(self._target[first:last]),
            )
            owners = self._owner[first:last]
            np.add.at(self._total, owners, scores.logprobs.double().numpy())
            np.logical_and.at(self._greedy, owners, scores.greedy.numpy())
        before = self._answered
        self._answered = int(np.searchsorted(self._last, step.end, sorter=self._by_last))
        for index in self._by_last[before : self._answered][::-1].tolist():
            yield (
                index,
                Logprob(float(self._total[index]), self._counts[index], bool(self._greedy[index])),
            )
