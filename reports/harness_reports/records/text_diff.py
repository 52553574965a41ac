"""Which words differ between two texts, to be marked in each of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TypeAlias

Pieces: TypeAlias = tuple[tuple[bool, str], ...]
"""(changed, text), in order; joined they are the whole text."""

ALIGNED = 1_000
"""Words that are aligned, as the time grows with their square; of longer differences all but the
common start and end counts as changed."""

_WORD = re.compile(r"\s*(?:\w+|[^\w\s])|\s+$")


@dataclass(frozen=True, slots=True)
class Difference:
    """Both texts, with what the other one lacks marked as changed."""

    before: Pieces
    after: Pieces


def difference(before: str, after: str) -> Difference:
    """Aligns the words of two texts; a change of white space alone is none.

    Words are runs of letters, digits and underscores; any other character stands alone.
    """
    old, new = _WORD.findall(before), _WORD.findall(after)
    old_words, new_words = [word.strip() for word in old], [word.strip() for word in new]
    start = _shared(old_words, new_words)
    end = _shared(old_words[start:][::-1], new_words[start:][::-1])
    old_middle = old_words[start : len(old) - end]
    new_middle = new_words[start : len(new) - end]
    old_kept, new_kept = [True] * len(old), [True] * len(new)
    old_kept[start : len(old) - end] = [False] * len(old_middle)
    new_kept[start : len(new) - end] = [False] * len(new_middle)
    longest = max(len(old_middle), len(new_middle))
    if longest <= ALIGNED and not set(old_middle).isdisjoint(new_middle):
        matcher = SequenceMatcher(None, old_middle, new_middle, autojunk=False)
        for block in matcher.get_matching_blocks():
            for offset in range(block.size):
                old_kept[start + block.a + offset] = True
                new_kept[start + block.b + offset] = True
    return Difference(_pieces(old, old_kept), _pieces(new, new_kept))


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    """How many words both begin with."""
    for index, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return index
    return min(len(one), len(other))


def _pieces(words: Sequence[str], kept: Sequence[bool]) -> Pieces:
    """Neighbours of one kind become one piece; white space before a change stays outside it."""
    pieces: list[tuple[bool, str]] = []

    def add(changed: bool, text: str) -> None:
        if pieces and pieces[-1][0] == changed:
            pieces[-1] = (changed, pieces[-1][1] + text)
        elif text:
            pieces.append((changed, text))

    for word, keep in zip(words, kept, strict=True):
        bare = word.lstrip()
        if not keep and not (pieces and pieces[-1][0]):
            add(False, word[: len(word) - len(bare)])
            add(True, bare)
        else:
            add(not keep, word)
    return tuple(pieces)
