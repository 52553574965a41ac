"""Masked language models: pseudo-log-likelihood of what two texts share.

Salazar et al. 2020, "Masked Language Model Scoring"; the tokens that are scored are those of
Nangia et al. 2020, "CrowS-Pairs", as published in its ``metric.py``.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from harness.authoring.chat.encoding import EncodingError, Tokens
from harness.errors import ModelError
from harness.types import Logprob, PseudoLoglikelihood, Request, Response
from harness_backends.hf.kinds.encoder import Row
from harness_backends.hf.loading import Checkpoint
from harness_backends.hf.sampling import logprobs_of


@dataclass(frozen=True, slots=True)
class MaskedToken:
    """The log-probability of a hidden token, and whether it was the argmax."""

    logprob: float
    is_greedy: bool


@dataclass(frozen=True, slots=True)
class _Copies:
    """A text once for each token that is scored, with that token masked."""

    rows: tuple[Row, ...]
    truncated: bool = False

    def answer(self, results: Sequence[MaskedToken]) -> Response:
        """The sum; nothing shared sums to 0."""
        return Logprob(
            sum(result.logprob for result in results),
            len(results),
            all(result.is_greedy for result in results),
        )


class MaskedHead:
    """Reads a masked model's head where the mask is.

    Args:
        checkpoint: The model.

    Raises:
        ModelError: The tokenizer has no mask token.
    """

    supports: frozenset[type] = frozenset({PseudoLoglikelihood})
    identity: Mapping[str, object] = {}

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._tokenizer, self._max_length = checkpoint.tokenizer, checkpoint.max_length
        if self._tokenizer.mask_token_id is None:
            raise ModelError(
                f"the tokenizer of {checkpoint.name} has no mask token",
                "Set mask_token in tokenizer_config.json",
            )

    def check(self, requests: Sequence[Request]) -> None:
        """Any request of its type can be asked."""

    def question(self, request: Request) -> _Copies:
        """See ``Head``; a text that is too long is not cut, since a cut would change what is
        shared.
        """
        assert isinstance(request, PseudoLoglikelihood)
        tokens, types, special = self._encode(request.text)
        counterpart, _, _ = self._encode(request.counterpart)
        if max(len(tokens), len(counterpart)) > self._max_length:
            raise EncodingError(
                f"the longer text has {max(len(tokens), len(counterpart))} tokens, "
                f"the model takes {self._max_length}"
            )
        mask = self._tokenizer.mask_token_id
        return _Copies(
            tuple(
                Row((*tokens[:place], mask, *tokens[place + 1 :]), types, (place, tokens[place]))
                for place in shared_places(tokens, counterpart)
                if not special[place]
            )
        )

    def read(self, output: Any, rows: Sequence[Row]) -> list[MaskedToken]:
        """The hidden tokens' scores."""
        masked = [row.masked for row in rows if row.masked is not None]
        device = output.logits.device
        places = torch.tensor([place for place, _ in masked], device=device)
        tokens = torch.tensor([token for _, token in masked], device=device)
        logits = output.logits[torch.arange(len(rows), device=device), places]
        logprobs = logprobs_of(logits, tokens).tolist()
        greedy = (logits.argmax(-1) == tokens).tolist()
        return [MaskedToken(*pair) for pair in zip(logprobs, greedy, strict=True)]

    def _encode(self, text: str) -> tuple[Tokens, Tokens, Sequence[int]]:
        """Token ids, segment ids, and 1 where a token is special."""
        encoded = self._tokenizer(text, return_special_tokens_mask=True, verbose=False)
        return (
            tuple(encoded["input_ids"]),
            tuple(encoded.get("token_type_ids", ())),
            encoded["special_tokens_mask"],
        )


def shared_places(tokens: Sequence[int], others: Sequence[int]) -> Iterator[int]:
    """Places in ``tokens`` of what both have, in order (``difflib``'s equal blocks)."""
    matcher = difflib.SequenceMatcher(None, tokens, others)
    for tag, start, stop, _, _ in matcher.get_opcodes():
        if tag == "equal":
            yield from range(start, stop)
