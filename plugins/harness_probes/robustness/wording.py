"""The same said in slightly other words: fillers between them, synonyms in their place."""

from __future__ import annotations

import random
from pathlib import Path

from harness.errors import DataError
from harness_probes.robustness.surface import GAP
from harness_probes.text import Edit, Text, apply, lexicon, like, some, with_articles

LEXICON = Path(__file__).parent / "lexicon"
FILLERS = (
    "um,", "uh,", "er,", "ah,", "hmm,", "well,", "like,", "so,", "okay,", "right,", "you know,",
    "I mean,", "you see,", "let's see,", "as it were,", "if you will,", "so to speak,", "I guess,",
)  # fmt: skip


def fillers(text: Text, strength: float, rng: random.Random) -> str:
    """Words that say nothing, in a share of the gaps between words."""
    gaps = some(text.matches(GAP), strength, rng)
    edits = [Edit(*gap.span(), f" {rng.choice(FILLERS)} ") for gap in gaps]
    return apply(text.content, edits)


def synonyms_of(word: str, path: Path = LEXICON / "synonyms.txt") -> tuple[str, ...]:
    """Words that can stand for a word in nearly every sentence; none where none are known.

    Raises:
        DataError: A line of the list has one word alone.
    """
    return _table(path).get(word.lower(), ())


def _table(path: Path) -> dict[str, tuple[str, ...]]:
    table: dict[str, tuple[str, ...]] = {}
    for row in lexicon(path):
        if len(row) < 2:
            raise DataError(f"no synonym in {row[0]!r}", path=path, expected="word | synonym | …")
        for word in row:
            others = tuple(other for other in row if other != word)
            table[word.lower()] = tuple(dict.fromkeys(table.get(word.lower(), ()) + others))
    return table


def synonyms(
    text: Text, strength: float, rng: random.Random, path: Path = LEXICON / "synonyms.txt"
) -> str:
    """A synonym for a share of the words that have one; ``a`` and ``an`` follow."""
    table = _table(path)
    known = [word for word in text.words() if word[0].lower() in table]
    edits = [
        Edit(*word.span(), like(rng.choice(table[word[0].lower()]), word[0]))
        for word in some(known, strength, rng)
    ]
    return apply(text.content, with_articles(text.content, edits))
