"""When a generation ends, and what its text is.

The rule: decode all new tokens (special tokens skipped), cut at the first stop string. Watching
is cheap: text is decoded only after a token that can complete a stop string, and only then is
the whole looked at, so what is found is always what the rule says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.types import Completion


def cut_at_stop(text: str, stop: Sequence[str]) -> tuple[str, bool]:
    """``text`` up to its first stop string, and whether there was one."""
    positions = [at for term in stop if term and (at := text.find(term)) >= 0]
    return (text[: min(positions)], True) if positions else (text, False)


class StopRules:
    """Decides for one tokenizer when rows are finished.

    Args:
        tokenizer: A ``transformers`` tokenizer.
        eos_ids: Tokens that end a generation.
    """

    def __init__(self, tokenizer: Any, eos_ids: frozenset[int]) -> None:
        self._tokenizer = tokenizer
        self.eos_ids = eos_ids
        self._texts: dict[int, str] = {}

    def text(self, tokens: Sequence[int]) -> str:
        """The decoded tokens, special ones skipped."""
        decoded: str = self._tokenizer.decode(list(tokens), skip_special_tokens=True)
        return decoded

    def finished(self, tokens: Sequence[int], stop: Sequence[str]) -> bool:
        """Whether the last of ``tokens`` ends the generation (length aside)."""
        if tokens[-1] in self.eos_ids:
            return True
        if not any(self._may_complete(tokens[-1], term) for term in stop):
            return False
        return cut_at_stop(self.text(tokens), stop)[1]

    def completion(self, tokens: Sequence[int], stop: Sequence[str], logprob: float) -> Completion:
        """The answer: ``finish_reason`` is ``stop`` for EOS and stop strings, else ``length``."""
        text, stopped = cut_at_stop(self.text(tokens), stop)
        ended = stopped or (len(tokens) > 0 and tokens[-1] in self.eos_ids)
        return Completion(text, "stop" if ended else "length", len(tokens), logprob)

    def _may_complete(self, token: int, term: str) -> bool:
        """Whether the token's text can hold the end of ``term``.

        Spaces are left out of single tokens' text by some decoders, and a replacement
        character stands for bytes that only make sense together: both count as "may".
        """
        if not term:
            return False
        text = self._texts.get(token)
        if text is None:
            text = self._texts[token] = self.text([token])
        last = term[-1]
        return last in text or last == " " or "\ufffd" in text or not last.isascii()
