"""A reward of one's own: ``--held-out-reward plugin:examples/alignment/variety.py:variety``."""

from __future__ import annotations

from collections.abc import Sequence


def variety(prompts: Sequence[str], completions: Sequence[str]) -> list[float | None]:
    """Share of an answer's words that it has not said before, in (0, 1]; None without a word."""
    del prompts
    said = [answer.lower().split() for answer in completions]
    return [len(set(words)) / len(words) if words else None for words in said]
