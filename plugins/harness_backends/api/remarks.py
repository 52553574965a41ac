"""What a reader of the results must know of how a server answered."""

from __future__ import annotations

from collections import Counter

from harness_backends.api.answers import Written
from harness_backends.api.failures import Kind, RequestError

_SAME_COUNT = 3
"""Prompts of clearly different lengths and one count that make it suspicious."""
_LONG_PROMPT = 160
"""Bytes; under this, a chat format's own tokens hide the differences."""


class Remarks:
    """Counts what answers have in common, and notices prompts that the server cuts."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()
        self._most_tokens = self._same = 0
        self._shortest = self._longest = 0
        self._missing: tuple[int, int] | None = None

    def answer(self, written: Written) -> None:
        """An answer came."""
        if written.finish_reason == "content_filter":
            self._seen["held back"] += 1
        elif not written.text.strip() and written.called_tool:
            self._seen["tool"] += 1
        elif not written.text.strip() and written.reasoning:
            self._seen["reasoning"] += 1

    def failure(self, error: RequestError) -> None:
        """A request was not answered."""
        self._seen["too long"] += error.kind is Kind.TOO_LONG

    def prompt(self, size: int, counted: int, expected: int | None) -> None:
        """The server has counted a prompt.

        Args:
            size: Its length in bytes.
            counted: Tokens, as the server says; 0 where it does not.
            expected: Tokens, as the model's own tokenizer says, where it is known.
        """
        if counted <= 0:
            return
        if expected is not None:
            if counted < 0.9 * expected - 8:
                self._missing = max(self._missing or (0, 0), (expected, counted))
            return
        if size < _LONG_PROMPT or counted < self._most_tokens:
            return
        if counted > self._most_tokens:
            self._most_tokens, self._same = counted, 0
            self._shortest = self._longest = size
        self._same += 1
        self._shortest, self._longest = min(size, self._shortest), max(size, self._longest)

    @property
    def notes(self) -> tuple[str, ...]:
        """In words, most important first."""
        found = []
        if self._missing is not None:
            found.append(
                "the server counted {1:,} tokens of a prompt of {0:,}: it cuts prompts, or has "
                "another tokenizer; give it a longer context".format(*self._missing)
            )
        elif self._same >= _SAME_COUNT and self._longest >= 1.5 * self._shortest:
            found.append(
                f"the server counted {self._most_tokens:,} tokens in each of {self._same:,} "
                f"prompts of {self._shortest:,} to {self._longest:,} bytes: it may cut long "
                "prompts, or does not count; check its context length"
            )
        for what, note in _NOTES.items():
            if self._seen[what]:
                found.append(f"{self._seen[what]:,} {note}")
        return tuple(found)


_NOTES = {
    "too long": "prompts were too long for the server and are errors: "
    "give fewer examples, or the server a longer context",
    "held back": "answers were held back by the provider's content filter and count as they came",
    "reasoning": "answers were empty beside their reasoning (reasoning_content): the model ended "
    "its turn, or the server's reasoning parser took all for reasoning",
    "tool": "answers were the call of a tool without a text, and count as empty",
}
