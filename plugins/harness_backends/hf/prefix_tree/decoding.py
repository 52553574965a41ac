"""Generation: shared beginnings computed once, rows that leave when done and others that enter.

waiting prompts ──(passes over their prefix tree)──► rows of the KV cache ──(steps)──► completions
       ▲                                                   │
       └────── as soon as enough rows are free ◄──────────┘
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch

from harness_backends.hf.memory import Budget, cache_tokens, is_out_of_memory
from harness_backends.hf.plain import Continue, Continued
from harness_backends.hf.prefix_tree.attention import Segment
from harness_backends.hf.prefix_tree.forward import Forward
from harness_backends.hf.prefix_tree.kv_cache import KVCache, Row, slot_width
from harness_backends.hf.prefix_tree.scoring import TreeRunner
from harness_backends.hf.prefix_tree.tree import PrefixTree, build_tree
from harness_backends.hf.sampling import choose, draw_seed
from harness_backends.hf.stopping import StopRules

AT_ONCE = 16
"""A row's first slot has room for so many new tokens."""
SHORT = 32
"""A shared piece below this many tokens is copied into each row's slot."""
REFILL = 0.75
"""Rows enter when fewer than this share of them is left: passes of a few rows cost as much as
larger ones."""


@dataclass(slots=True)
class _Draft:
    """What a row has said so far."""

    item: Continue
    seed: int
    tokens: list[int] = field(default_factory=list)
    logprob: float = 0.0


@dataclass(frozen=True, slots=True)
class _Entrant:
    """A row whose prompt is computed: what goes into its slot, and its last hidden state."""

    row: Row
    private: tuple[Segment, ...]
    hidden: torch.Tensor


class TreeDecoder:
    """Continues prompts over their prefix tree.

    Args:
        forward: The model.
        budget: How many tokens one pass may have, and how many rows may be active.
        rows: How many rows to keep active where the budget does not say.
    """

    def __init__(self, forward: Forward, budget: Budget, rows: int) -> None:
        checkpoint = forward.checkpoint
        self._forward = forward
        self._budget = budget
        self._rows = rows
        self._stops = StopRules(checkpoint.tokenizer, checkpoint.eos_ids)
        self.computed_tokens = 0

    @torch.inference_mode()
    def generate(self, items: Sequence[Continue]) -> Iterator[tuple[int, Continued]]:
        """Yields (index, continuation) of each item as soon as it is done.

        When memory runs out, what is not done starts again with half the rows.
        """
        left = dict(enumerate(items))
        while left:
            indices = list(left)
            session = _Session(self, list(left.values()))
            try:
                for place, draft in session.run():
                    del left[indices[place]]
                    yield indices[place], Continued(tuple(draft.tokens), draft.logprob)
            except (RuntimeError, MemoryError) as error:
                if self._limit() == 1 or not is_out_of_memory(error):
                    raise
            if left:
                del session
                self._rows = max(1, self._limit() // 2)
                self._budget.halve()

    def _limit(self) -> int:
        return self._rows if self._budget.rows is None else min(self._rows, self._budget.rows)


class _Session:
    """One prefix tree of prompts and the rows that continue them."""

    def __init__(self, decoder: TreeDecoder, items: Sequence[Continue]) -> None:
        self._decoder = decoder
        self._drafts = [_Draft(item, draw_seed(item.tokens, item.sampling)) for item in items]
        self._tree = build_tree([item.tokens for item in items])
        self._order = np.argsort(self._tree.ends, kind="stable")
        self._ended = 0
        self._ready: list[_Entrant] = []
        self._read = np.unique(self._tree.ends - 1)
        self._runner = TreeRunner(decoder._forward, decoder._budget, keep_all=True)
        self._own = _own_lengths(self._tree)
        self._room = cache_tokens(decoder._forward.checkpoint.model)
        self._cache = KVCache(decoder._forward.checkpoint.device)

    def run(self) -> Iterator[tuple[int, _Draft]]:
        """Alternates between letting rows in and stepping those that are in."""
        cache = self._cache
        most = 0
        while len(cache) or self._waiting():
            if len(cache) <= REFILL * most:
                while self._waiting() and (rows := self._admissible()):
                    if not self._ready:
                        self._prepare(rows)
                    yield from self._enter(rows)
                most = len(cache)
            if len(cache):
                yield from self._advance()

    def _waiting(self) -> bool:
        return bool(self._ready) or self._runner.done < len(self._tree)

    # ---- entering

    def _admissible(self) -> int:
        """How many of those that wait may enter: their keys and values have room, or none is in.

        Counted are what all active rows need if they go on to the end, and what they share.
        """
        active = self._cache.rows
        shared = {id(segment): segment.piece for row in active for segment in row.shared}
        held = sum(piece.end - piece.start for piece in shared.values())
        held += sum(self._slot_width(row.index) for row in active)
        free = self._decoder._limit() - len(active)
        waiting = [entrant.row.index for entrant in self._ready]
        waiting += self._order[self._ended : self._ended + free].tolist()
        done = self._runner.done
        count = 0
        for index in waiting[:free]:
            end = int(self._tree.ends[index])
            held += max(0, end - done) + self._slot_width(index)
            done = max(done, end)
            if held > self._room and (active or count):
                break
            count += 1
        return count

    def _slot_width(self, index: int) -> int:
        return slot_width(int(self._own[index]) + self._drafts[index].item.sampling.max_tokens)

    def _prepare(self, rows: int) -> None:
        """Computes one pass of prompts; those that end in it are ready to enter."""
        step, hidden = self._runner.advance(self._tree, self._read, rows)
        self._decoder.computed_tokens += step.end - step.start
        while self._ended < len(self._order):
            index = int(self._order[self._ended])
            end = int(self._tree.ends[index])
            if end > step.end:
                break
            self._ended += 1
            self._ready.append(self._entrant(index, hidden[end - 1 - step.start].clone()))

    def _entrant(self, index: int, hidden: torch.Tensor) -> _Entrant:
        """Splits the prompt's segments into those it shares and those that go into its slot."""
        end = int(self._tree.ends[index])
        mine = [
            segment
            for segment in self._runner.path
            if segment.piece.start < end <= segment.piece.stop
        ]
        length = int(self._own[index])
        offset = len(self._drafts[index].item.tokens) - length
        private = tuple(segment for segment in mine if segment.position >= offset)
        shared = tuple(segment for segment in mine if segment.position < offset)
        return _Entrant(Row(index, shared, offset, length), private, hidden)

    def _enter(self, rows: int) -> Iterator[tuple[int, _Draft]]:
        """Lets at most ``rows`` that are ready into the KV cache, each with its first token."""
        entering = self._ready[:rows]
        del self._ready[:rows]
        if entering:
            for entrant in entering:
                sampling = self._drafts[entrant.row.index].item.sampling
                self._cache.add(entrant.row, entrant.private, min(sampling.max_tokens, AT_ONCE))
            hidden = torch.stack([entrant.hidden for entrant in entering])
            yield from self._say([entrant.row for entrant in entering], hidden)

    # ---- stepping

    def _advance(self) -> Iterator[tuple[int, _Draft]]:
        """Feeds each row its last token and chooses the next."""
        cache = self._cache
        positions = cache.begin_step()
        rows = cache.rows
        tokens = [self._drafts[row.index].tokens[-1] for row in rows]
        hidden = self._decoder._forward.hidden(torch.tensor(tokens), positions, cache)
        self._decoder.computed_tokens += len(tokens)
        yield from self._say(rows, hidden)

    def _say(self, rows: Sequence[Row], hidden: torch.Tensor) -> Iterator[tuple[int, _Draft]]:
        """Chooses a token for each of ``rows``; removes and yields those now done."""
        chosen = self._choose([self._drafts[row.index] for row in rows], hidden)
        done: list[int] = []
        for row, (token, logprob) in zip(rows, chosen, strict=True):
            draft = self._drafts[row.index]
            draft.tokens.append(token)
            draft.logprob += logprob
            sampling = draft.item.sampling
            if len(draft.tokens) >= sampling.max_tokens or self._decoder._stops.finished(
                draft.tokens, sampling.stop, draft.item.opening
            ):
                done.append(row.index)
        self._cache.remove(set(done))
        for index in done:
            yield index, self._drafts[index]

    def _choose(self, drafts: Sequence[_Draft], hidden: torch.Tensor) -> list[tuple[int, float]]:
        """(token, log-probability) of each row."""
        chosen: list[tuple[int, float]] = []
        head = self._decoder._forward.head
        for part in head.slices(hidden):
            logits = head.logits(part)
            tokens = logits.argmax(dim=-1).tolist()
            for place, draft in enumerate(drafts[len(chosen) : len(chosen) + len(tokens)]):
                if draft.item.sampling.temperature > 0:
                    tokens[place] = choose(
                        logits[place], draft.item.sampling, draft.seed, len(draft.tokens)
                    )
            picked = logits.gather(1, torch.tensor(tokens, device=logits.device)[:, None])[:, 0]
            logprobs = (picked - logits.logsumexp(-1)).tolist()
            chosen.extend(zip(tokens, logprobs, strict=True))
        return chosen


def _own_lengths(tree: PrefixTree) -> npt.NDArray[np.int64]:
    """How many tokens at each sequence's end go into its slot; shape [sequences].

    Those of a node that it shares with nobody, and before them those of nodes that are too
    short for their keys to be worth a call of their own.
    """
    lengths = tree.node_ends - tree.node_starts
    kept = np.bincount(tree.leaves, minlength=len(lengths)) == 1
    kept[tree.parents[tree.parents >= 0]] = False
    kept |= lengths < SHORT
    own = np.zeros(len(tree.leaves), np.int64)
    for index, leaf in enumerate(tree.leaves):
        node = int(leaf)
        while node >= 0 and kept[node]:
            own[index] += lengths[node]
            node = int(tree.parents[node])
    return own
