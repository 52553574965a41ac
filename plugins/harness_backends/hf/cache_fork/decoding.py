"""Generation on forked caches: rows of different lengths, none of them padded.

Rows start together at the length of the shortest. Those that are longer are fed the rest of
their prompts, token by token, while the others generate, so that all are at one position in
every step, which any architecture takes:

    row 1   p p p p │ s s s s          p  prompt
    row 2   p p p p │ p p s s s        s  said
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch

from harness_backends.hf.cache_fork.scoring import Computed, Forker, Row, checked_first
from harness_backends.hf.loading import Checkpoint
from harness_backends.hf.plain import Continue, Continued
from harness_backends.hf.sampling import choose, draw_seed
from harness_backends.hf.stopping import StopRules

SPREAD = 2
"""Prompts in a batch differ in length by at most one in so many of the tokens they may say."""


@dataclass(slots=True)
class _Draft:
    """What a row has said so far."""

    item: Continue
    seed: int
    tokens: list[int] = field(default_factory=list)
    logprob: float = 0.0


class ForkDecoder:
    """Continues prompts on forked caches.

    Args:
        checkpoint: The model.
        forker: Runs what the prompts share.
    """

    def __init__(self, checkpoint: Checkpoint, forker: Forker) -> None:
        self._forker = forker
        self._stops = StopRules(checkpoint.tokenizer, checkpoint.eos_ids)

    @torch.inference_mode()
    def generate(self, items: Sequence[Continue]) -> Iterator[tuple[int, Continued]]:
        """Yields (index, continuation) of each item, batch by batch."""
        yield from self._forker.until_done(items, self._attempt)

    def _attempt(self, items: list[Continue]) -> Iterator[tuple[int, Continued]]:
        forker = self._forker
        prompts = [item.tokens for item in items]
        # A row computes its last token by itself, whose logits say how to go on.
        for base, rows in forker.computed(prompts, [tokens[:-1] for tokens in prompts]):

            def cost(place: int, base: Computed = base, rows: Sequence[Row] = rows) -> int:
                item = items[rows[place].sequence]
                longest = len(item.tokens) + item.sampling.max_tokens
                return max(len(item.tokens) - base.length, forker.share(longest))

            def forward(
                batch: list[int], base: Computed = base, rows: Sequence[Row] = rows
            ) -> list[Continued]:
                return self._continue(base, [rows[place] for place in batch], items)

            for group in _alike(rows, items):
                for batch, said in forker.budget.run(group, cost, forward):
                    forker.depth = base.depth
                    answers = zip((rows[place].sequence for place in batch), said, strict=True)
                    yield from checked_first(list(answers))

    def _continue(
        self, base: Computed, rows: Sequence[Row], items: Sequence[Continue]
    ) -> list[Continued]:
        """Steps rows until all are done."""
        chosen = [items[row.sequence] for row in rows]
        drafts = [_Draft(item, draw_seed(item.tokens, item.sampling)) for item in chosen]
        length = min(len(item.tokens) for item in chosen)
        ids = torch.tensor([item.tokens[base.length : length] for item in chosen])
        step = self._forker.run(base, [row.place for row in rows], ids, ids.shape[1] - 1)
        self._forker.computed_tokens += ids.numel()
        active = drafts
        while True:
            following = self._following(active, step.logits[:, -1], length)
            kept = [place for place, token in enumerate(following) if token is not None]
            if not kept:
                break
            cache = step.cache
            if len(kept) < len(active):
                cache = self._forker.model.fork(cache, kept)
                active = [active[place] for place in kept]
            ids = torch.tensor([[following[place]] for place in kept])
            step = self._forker.model.run(ids, cache, length, 0)
            self._forker.computed_tokens += len(kept)
            length += 1
        return [Continued(tuple(draft.tokens), draft.logprob) for draft in drafts]

    def _following(
        self, drafts: Sequence[_Draft], logits: torch.Tensor, length: int
    ) -> list[int | None]:
        """What each row is fed next, after ``length`` tokens; None for those now done."""
        likeliest = logits.argmax(dim=-1).tolist()
        totals = logits.float().logsumexp(dim=-1)
        following: list[int | None] = []
        for row, draft in enumerate(drafts):
            prompt, sampling = draft.item.tokens, draft.item.sampling
            if length < len(prompt):
                following.append(prompt[length])
                continue
            token = likeliest[row]
            if sampling.temperature > 0:
                token = choose(logits[row], sampling, draft.seed, len(draft.tokens))
            draft.tokens.append(token)
            draft.logprob += float(logits[row, token].float() - totals[row])
            done = len(draft.tokens) >= sampling.max_tokens or self._stops.finished(
                draft.tokens, sampling.stop, draft.item.opening
            )
            following.append(None if done else token)
        return following


def _alike(rows: Sequence[Row], items: Sequence[Continue]) -> list[list[int]]:
    """Rows whose prompts are about equally long, the longest first in each group."""
    groups: list[list[int]] = []
    least = spread = 0
    for place in sorted(
        range(len(rows)), key=lambda place: len(items[rows[place].sequence].tokens)
    ):
        item = items[rows[place].sequence]
        if not groups or len(item.tokens) - least > spread:
            groups.append([])
            least, spread = len(item.tokens), item.sampling.max_tokens // SPREAD
        groups[-1].insert(0, place)
    return groups
