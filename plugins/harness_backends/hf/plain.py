"""The readable reference: padded batches through the model's own forward and generate.

Every faster path is compared with this one. Scores are read only at the scored positions.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from harness.authoring.chat.encoding import Scored, Tokens
from harness.types import Logprob, Sampling
from harness_backends.hf.loading import Checkpoint
from harness_backends.hf.memory import Budget
from harness_backends.hf.sampling import choose, draw_seed, logprobs_of
from harness_backends.hf.stopping import StopRules


@dataclass(frozen=True, slots=True)
class Continue:
    """A prompt's token ids and how to continue them.

    ``opening`` is the mark with which the prompt opens a block of thinking at its end.
    """

    tokens: Tokens
    sampling: Sampling
    opening: str = ""


@dataclass(frozen=True, slots=True)
class Continued:
    """The tokens of a continuation (EOS included) and the sum of their log-probabilities."""

    tokens: Tokens
    logprob: float


class PlainEngine:
    """Scores and continues token ids in padded batches.

    Args:
        checkpoint: The model.
        budget: How many tokens and rows one batch may have.
        same_length: Whether all rows of a batch have to be equally long.
    """

    way = ""
    telling = 1  # the most padded one

    def __init__(self, checkpoint: Checkpoint, budget: Budget, same_length: bool = False) -> None:
        self.computed_tokens = 0
        self._same_length = same_length
        self._checkpoint = checkpoint
        self._budget = budget
        self._stops = StopRules(checkpoint.tokenizer, checkpoint.eos_ids)
        parameters = inspect.signature(checkpoint.model.forward).parameters
        self._keeps_logits = "logits_to_keep" in parameters
        # Without position ids, left padding would move the text: such models (recurrent ones,
        # ALiBi) generate in batches of equal length.
        self._pads = "position_ids" in parameters and not same_length

    # ---- scoring

    def score(self, items: Sequence[Scored]) -> Iterator[tuple[int, Logprob]]:
        """Yields (index, score) of each item, batch by batch, longest first.

        In a batch the most padded come first, as the first to come are checked.
        """
        order = sorted(range(len(items)), key=lambda index: -len(items[index].tokens))
        for group in _equally_long(order, items) if self._same_length else [order]:
            for batch, scores in self._budget.run(
                group,
                lambda index: len(items[index].tokens),
                lambda batch: self._score_batch([items[index] for index in batch]),
            ):
                self.computed_tokens += sum(len(items[index].tokens) - 1 for index in batch)
                yield from zip(batch[::-1], scores[::-1], strict=True)

    def logprobs(self, item: Scored) -> torch.Tensor:
        """The natural-log probability of each target, float64, shape [targets]."""
        (logits,) = self._logits([item])
        return logprobs_of(logits, _targets(item, logits))

    def _score_batch(self, items: Sequence[Scored]) -> list[Logprob]:
        return [
            score_rows(logits, item)
            for logits, item in zip(self._logits(items), items, strict=True)
        ]

    @torch.inference_mode()
    def _logits(self, items: Sequence[Scored]) -> list[torch.Tensor]:
        """Of each item those before its targets, shape [targets, vocabulary].

        One forward pass, padded on the right, where a causal model cannot see it.
        """
        device = self._checkpoint.device
        lengths = [len(item.tokens) - 1 for item in items]
        ids = torch.zeros(len(items), max(lengths), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, (item, length) in enumerate(zip(items, lengths, strict=True)):
            ids[row, :length] = torch.tensor(item.tokens[:-1])
            mask[row, :length] = 1
        first = min(length - item.targets for item, length in zip(items, lengths, strict=True))
        arguments = {"input_ids": ids.to(device), "attention_mask": mask.to(device)}
        if self._keeps_logits:
            arguments["logits_to_keep"] = torch.arange(first, max(lengths), device=device)
            logits = self._checkpoint.model(**arguments, use_cache=False).logits
        else:
            logits = self._checkpoint.model(**arguments, use_cache=False).logits[:, first:]
        return [
            logits[row, length - item.targets - first : length - first]
            for row, (item, length) in enumerate(zip(items, lengths, strict=True))
        ]

    # ---- generation

    def generate(self, items: Sequence[Continue]) -> Iterator[tuple[int, Continued]]:
        """Yields (index, continuation) of each item; batches and their order as in ``score``."""

        def space(index: int) -> int:
            return len(items[index].tokens) + items[index].sampling.max_tokens

        order = sorted(range(len(items)), key=lambda index: -len(items[index].tokens))
        # Any may share a batch where the model takes padding, else those of one length.
        for group in [order] if self._pads else _equally_long(order, items):
            for batch, said in self._budget.run(
                group, space, lambda batch: self._generate_batch([items[index] for index in batch])
            ):
                self.computed_tokens += sum(
                    len(items[index].tokens) + len(continued.tokens)
                    for index, continued in zip(batch, said, strict=True)
                )
                yield from zip(batch[::-1], said[::-1], strict=True)

    def close(self) -> None:
        """See ``Engine``; there is nothing."""

    @torch.inference_mode()
    def _generate_batch(self, items: Sequence[Continue]) -> list[Continued]:
        from transformers import LogitsProcessorList, StoppingCriteriaList

        width = max(len(item.tokens) for item in items)
        ids = torch.zeros(len(items), width, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, item in enumerate(items):
            ids[row, width - len(item.tokens) :] = torch.tensor(item.tokens)
            mask[row, width - len(item.tokens) :] = 1
        rows = Rows(items, self._stops)
        self._checkpoint.model.generate(
            ids.to(self._checkpoint.device),
            attention_mask=mask.to(self._checkpoint.device),
            max_new_tokens=max(item.sampling.max_tokens for item in items),
            do_sample=False,
            logits_processor=LogitsProcessorList([rows.choose]),
            stopping_criteria=StoppingCriteriaList([rows.all_done]),
        )
        return rows.continued()


def _equally_long(order: Sequence[int], items: Sequence[Scored | Continue]) -> list[list[int]]:
    groups: dict[int, list[int]] = {}
    for index in order:
        groups.setdefault(len(items[index].tokens), []).append(index)
    return list(groups.values())


class Rows:
    """Chooses each row's tokens and keeps them until the row is done."""

    def __init__(self, items: Sequence[Continue], stops: StopRules) -> None:
        self._items = items
        self._stops = stops
        self._tokens: list[list[int]] = [[] for _ in items]
        self._logprobs = [0.0] * len(items)
        self._done = [False] * len(items)
        self._seeds = [draw_seed(item.tokens, item.sampling) for item in items]

    def choose(self, _ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """A logits processor: leaves each row one possible token."""
        forced = torch.full_like(scores, -math.inf)
        for row, item in enumerate(self._items):
            tokens = self._tokens[row]
            token = choose(scores[row], item.sampling, self._seeds[row], len(tokens))
            forced[row, token] = 0.0
            if self._done[row]:
                continue
            tokens.append(token)
            said = torch.tensor([token], device=scores.device)
            self._logprobs[row] += float(logprobs_of(scores[row][None], said))
            self._done[row] = len(tokens) >= item.sampling.max_tokens or self._stops.finished(
                tokens, item.sampling.stop, item.opening
            )
        return forced

    def all_done(self, ids: torch.Tensor, _scores: torch.Tensor, **_: object) -> torch.Tensor:
        """A stopping criterion, by row."""
        return torch.tensor(self._done, device=ids.device)

    def continued(self) -> list[Continued]:
        """What each row said."""
        return [
            Continued(tuple(tokens), logprob)
            for tokens, logprob in zip(self._tokens, self._logprobs, strict=True)
        ]


def score_rows(logits: torch.Tensor, item: Scored) -> Logprob:
    """Sums the log-probabilities of an item's targets.

    Args:
        logits: Shape [targets, vocabulary], at the positions before each target.
        item: What was scored.
    """
    targets = _targets(item, logits)
    logprobs = logprobs_of(logits, targets)
    greedy = bool((logits.argmax(dim=-1) == targets).all())
    return Logprob(float(logprobs.sum()), item.targets, greedy)


def _targets(item: Scored, logits: torch.Tensor) -> torch.Tensor:
    """Token ids of what is scored, beside the logits."""
    return torch.tensor(item.tokens[len(item.tokens) - item.targets :], device=logits.device)
