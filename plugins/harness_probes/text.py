"""What every probe does to text: finds words, keeps answers untouched, and puts edits in."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from harness.authoring.readers import text_files
from harness.types import Sample

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
"""Letters, with apostrophes inside: ``don't`` is one word, ``well-known`` are two."""

_ARTICLE_BEFORE = re.compile(r"\b(an?)(?=\s+$)", re.IGNORECASE)
_SOUNDS_LIKE_VOWEL = re.compile(r"(?:[aeiou]|hour|hono|heir|honest)", re.IGNORECASE)
_SOUNDS_LIKE_CONSONANT = re.compile(
    r"(?:eu|ewe|one(?![a-z])|once|uni(?!n|m)|us[aeiu]|usually|ut[aeiou]|ura|uk|ufo)", re.IGNORECASE
)

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Edit:
    """Puts ``new`` in the place of characters ``start`` to ``end``."""

    start: int
    end: int
    new: str


@dataclass(frozen=True, slots=True)
class Text:
    """A text with the stretches that no edit may touch, as (start, end)."""

    content: str
    protected: tuple[tuple[int, int], ...] = ()

    def free(self, start: int, end: int) -> bool:
        """Whether no protected stretch overlaps start to end."""
        return all(end <= low or start >= high for low, high in self.protected)

    def words(self) -> list[re.Match[str]]:
        """The words that may be edited, in order."""
        return [found for found in WORD.finditer(self.content) if self.free(*found.span())]

    def matches(self, pattern: re.Pattern[str]) -> list[re.Match[str]]:
        """What a pattern finds in places that may be edited."""
        return [found for found in pattern.finditer(self.content) if self.free(*found.span())]


def guarded(content: str, answers: Iterable[str]) -> Text:
    """The text, with every place that holds an answer protected, whatever its case."""
    spans = [
        found.span()
        for answer in answers
        if answer.strip()
        for found in mention(answer.strip()).finditer(content)
    ]
    return Text(content, tuple(sorted(spans)))


@lru_cache(maxsize=4096)
def mention(words: str) -> re.Pattern[str]:
    """Finds the words as they stand, whatever their case, and not inside other words."""
    return re.compile(rf"(?<!\w){re.escape(words)}(?!\w)", re.IGNORECASE)


def apply(content: str, edits: Iterable[Edit]) -> str:
    """The text after all edits, which must not overlap."""
    parts: list[str] = []
    position = 0
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        parts += [content[position : edit.start], edit.new]
        position = edit.end
    return "".join([*parts, content[position:]])


def with_articles(content: str, edits: Sequence[Edit]) -> list[Edit]:
    """The edits, and those of ``a`` and ``an`` before a replaced word that now sounds otherwise."""
    more: list[Edit] = []
    for edit in edits:
        article = _ARTICLE_BEFORE.search(content, 0, edit.start)
        if article is None:
            continue
        right = like("an" if _sounds_like_vowel(edit.new) else "a", article[1])
        if len(article[1]) == 1 and article[1].isupper() and right == "AN":
            right = "An"
        if right != article[1]:
            more.append(Edit(*article.span(), right))
    return [*edits, *more]


def _sounds_like_vowel(word: str) -> bool:
    return bool(_SOUNDS_LIKE_VOWEL.match(word)) and not _SOUNDS_LIKE_CONSONANT.match(word)


def like(word: str, model: str) -> str:
    """The word in the capitals of ``model``: all, the first, or as it is."""
    if len(model) > 1 and model.isupper():
        return word.upper()
    if model[:1].isupper():
        return word[:1].upper() + word[1:]
    return word


def some(candidates: Sequence[Item], strength: float, rng: random.Random) -> list[Item]:
    """A share of the candidates, at least one, in random order.

    With the same generator a greater strength chooses the same ones first, so that levels of
    strength are nested.
    """
    order = list(candidates)
    rng.shuffle(order)
    return order[: max(1, round(strength * len(order)))] if order else []


def field_of(sample: Sample, name: str) -> str | None:
    """The sample's ``input`` or one of its metadata, where that is text."""
    value = sample.input if name == "input" else sample.metadata.get(name)
    return value if isinstance(value, str) and value.strip() else None


def mentions(sample: Sample, terms: Iterable[str]) -> bool:
    """Whether a target or a choice has one of the terms in it."""
    answers = [*sample.targets, *sample.choices]
    return any(mention(term).search(answer) for term in terms for answer in answers)


@lru_cache(maxsize=64)
def lexicon(path: Path) -> tuple[tuple[str, ...], ...]:
    """A word list: a line an entry, its parts separated by ``|``; ``#`` starts a comment."""
    rows = []
    for _, line in text_files.lines(path):
        content = line.partition("#")[0].strip()
        if content:
            rows.append(tuple(part.strip() for part in content.split("|")))
    return tuple(rows)
