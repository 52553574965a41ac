"""When a generation ends, and what its text is.

The rule: decode all new tokens, set the thinking aside, cut the rest at the first stop string
(``harness.authoring.answers.thinking``). Text is decoded only after a token that can complete a
stop string, and only then is the whole looked at, so what is found is always what the
rule says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.authoring.answers import thinking
from harness.authoring.answers.decoding import Decoder
from harness.types import Completion


class StopRules:
    """Decides for one tokenizer when rows are finished.

    Args:
        tokenizer: A ``transformers`` tokenizer.
        eos_ids: Tokens that end a generation.
    """

    def __init__(self, tokenizer: Any, eos_ids: frozenset[int]) -> None:
        self._decoder = Decoder(tokenizer)
        self.eos_ids = eos_ids
        self._texts: dict[int, str] = {}

    def text(self, tokens: Sequence[int]) -> str:
        """The decoded tokens; special ones are skipped, unless they mark thinking."""
        return self._decoder.text(tokens)

    def opening(self, prompt: Sequence[int]) -> str:
        """The mark with which a prompt opens a block of thinking at its end; else empty."""
        return self._decoder.opening(prompt)

    def finished(self, tokens: Sequence[int], stop: Sequence[str], opening: str = "") -> bool:
        """Whether the last of ``tokens`` ends the generation (length aside).

        Args:
            tokens: All that was generated.
            stop: The request's stop strings.
            opening: Of the prompt, as the method of that name gives it.
        """
        if tokens[-1] in self.eos_ids:
            return True
        if not any(self._may_complete(tokens[-1], term) for term in stop):
            return False
        return thinking.has_ended(opening + self.text(tokens), stop)

    def completion(
        self, tokens: Sequence[int], stop: Sequence[str], logprob: float, opening: str = ""
    ) -> Completion:
        """The answer: ``finish_reason`` is ``stop`` for EOS and stop strings, else ``length``."""
        ended = len(tokens) > 0 and tokens[-1] in self.eos_ids
        reason = "stop" if ended else "length"
        return thinking.completion(opening + self.text(tokens), reason, stop, len(tokens), logprob)

    def _may_complete(self, token: int, term: str) -> bool:
        """Whether the token's text can hold the end of ``term``.

        Spaces are left out of single tokens' text by some decoders, and a replacement
        character replaces bytes that only make sense together: both count as "may".
        """
        if not term:
            return False
        text = self._texts.get(token)
        if text is None:
            text = self._texts[token] = self.text([token])
        last = term[-1]
        return last in text or last == " " or "\ufffd" in text or not last.isascii()
