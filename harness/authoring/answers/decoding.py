"""From generated token ids to text that still shows where the thinking ends."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from harness.authoring.answers import thinking

_LOOK_BACK = 16
"""Tokens at a prompt's end that can hold an opening mark and white space after it."""


class Decoder:
    """Decodes with special tokens skipped, except those that mark thinking.

    Args:
        tokenizer: A ``transformers`` tokenizer.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        added: dict[int, Any] = getattr(tokenizer, "added_tokens_decoder", {})
        special = {id_: str(token) for id_, token in added.items() if token.special}
        by_channel = thinking.CHANNEL in special.values()
        self._marks = {
            id_: text
            for id_, text in special.items()
            if thinking.is_mark(text) or (by_channel and text in thinking.CHANNEL_MARKS)
        }

    def has_marks(self, tokens: Sequence[int]) -> bool:
        """Whether a mark would be lost if special tokens were skipped."""
        return any(token in self._marks for token in tokens)

    def text(self, tokens: Sequence[int]) -> str:
        """The decoded tokens."""
        if not self._marks or not self.has_marks(tokens):
            return self._decode(tokens)
        return "".join(
            self._marks[key] if key is not None else self._decode(list(run))
            for key, run in groupby(tokens, lambda token: token if token in self._marks else None)
        )

    def opening(self, prompt: Sequence[int]) -> str:
        """The mark with which the prompt opens a block of thinking at its end; else empty."""
        end: str = self._tokenizer.decode(list(prompt[-_LOOK_BACK:]), skip_special_tokens=False)
        return thinking.opening_of(end)

    def _decode(self, tokens: Sequence[int]) -> str:
        decoded: str = self._tokenizer.decode(list(tokens), skip_special_tokens=True)
        return decoded
