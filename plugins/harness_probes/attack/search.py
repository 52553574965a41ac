"""The attack on one sample: which words matter, then greedy substitutions in that order.

Word importance by deletion, then the substitution that lowers the right option's probability
most, as in Jin et al. 2020 (TextFooler) and TextAttack's greedy search with word-importance
ranking. The model is a black box: only its probabilities of the options are read.
"""

from __future__ import annotations

import random
import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import TypeAlias

from harness.types import Sample
from harness_probes.robustness.spelling import HOMOGLYPHS, slip
from harness_probes.robustness.wording import synonyms_of
from harness_probes.text import Edit, apply, guarded, like, with_articles

WORDS, CHARACTERS = "words", "characters"
KINDS = (WORDS, CHARACTERS)
_SLIPS = 4  # misspelt forms tried of a word
_SHORTEST = 4  # a slip in a shorter word often makes another word


@dataclass(frozen=True, slots=True)
class Limits:
    """What the search may do.

    Attributes:
        queries: Texts that may be asked about one sample, the original among them.
        share: Share of the words that may be changed, in (0, 1]; one word always may.
        similarity: Least similarity to the original text, in [0, 1]; see ``similarity``.
        kinds: ``words`` (synonyms) and ``characters`` (one slip or look-alike letter a word).
    """

    queries: int = 200
    share: float = 0.2
    similarity: float = 0.6
    kinds: tuple[str, ...] = KINDS


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the model said of one text: the right option's probability, and whether it chose it."""

    chance: float
    right: bool


@dataclass(frozen=True, slots=True)
class Attacked:
    """How the attack on one sample ended.

    Attributes:
        sample: The sample.
        right: Whether the model was right before; samples that are not are not attacked.
        succeeded: Whether a text was found that makes it wrong.
        text: The last text: the one that succeeded, or the worst found.
        chance: The right option's probability for ``text``.
        queries: Texts asked about.
        changed: Words changed.
        words: Words that might have been.
    """

    sample: Sample
    right: bool
    succeeded: bool
    text: str
    chance: float
    queries: int
    changed: int
    words: int


Search: TypeAlias = Generator[list[Sample], list[Outcome], Attacked]
"""Gives the texts to ask about, takes what the model said of each, and returns how it ended."""


def search(sample: Sample, limits: Limits, rng: random.Random) -> Search:
    """Attacks one sample; words of the answer are left as they are."""
    (first,) = yield [sample]
    words = guarded(sample.input, [*sample.targets, *sample.choices]).words()
    state = Attacked(sample, first.right, False, sample.input, first.chance, 1, 0, len(words))
    if not first.right or not words:
        return state
    ranked = words
    if len(words) + 1 < limits.queries:
        asked = yield [_without(sample, word) for word in words]
        state = replace(state, queries=state.queries + len(words))
        # The lower the chance without the word, the more the word matters; ties keep their order.
        order = sorted(range(len(words)), key=lambda place: asked[place].chance)
        ranked = [words[place] for place in order]
    edits: list[Edit] = []
    for word in ranked:
        if len(edits) >= max(1, int(limits.share * len(words))):
            break
        attempts = _attempts(sample.input, edits, word, limits, rng)
        attempts = attempts[: limits.queries - state.queries]
        if not attempts:
            continue
        texts = [text for _, text in attempts]
        outcomes = yield [replace(sample, input=text) for text in texts]
        state = replace(state, queries=state.queries + len(texts))
        best = min(range(len(texts)), key=lambda at: (outcomes[at].right, outcomes[at].chance))
        if outcomes[best].right and outcomes[best].chance >= state.chance:
            continue
        edits = attempts[best][0]
        state = replace(state, text=texts[best], chance=outcomes[best].chance, changed=len(edits))
        if not outcomes[best].right:
            return replace(state, succeeded=True)
    return state


def _attempts(
    original: str, edits: Sequence[Edit], word: re.Match[str], limits: Limits, rng: random.Random
) -> list[tuple[list[Edit], str]]:
    """Edits that change the word too, and the text they make; those too unlike are left out."""
    every = [
        [*edits, Edit(*word.span(), other)] for other in candidates(word[0], limits.kinds, rng)
    ]
    made = [(each, apply(original, with_articles(original, each))) for each in every]
    return [(each, text) for each, text in made if similarity(original, text) >= limits.similarity]


def similarity(one: str, other: str) -> float:
    """2·M/T, in [0, 1]: M characters in matching runs, T characters of both texts.

    Ratcliff & Metzener 1988, "Pattern matching: the gestalt approach".
    """
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def candidates(word: str, kinds: Sequence[str], rng: random.Random) -> list[str]:
    """What may stand for a word: its synonyms, and forms one edit away."""
    found: list[str] = []
    if WORDS in kinds:
        found += [like(other, word) for other in synonyms_of(word)]
    if CHARACTERS in kinds and len(word) >= _SHORTEST:
        found += [slip(word, rng) for _ in range(_SLIPS)]
        places = [place for place, letter in enumerate(word) if letter in HOMOGLYPHS]
        if places:
            place = rng.choice(places)
            found.append(word[:place] + HOMOGLYPHS[word[place]] + word[place + 1 :])
    return [other for other in dict.fromkeys(found) if other != word]


def _without(sample: Sample, word: re.Match[str]) -> Sample:
    start, end = word.span()
    text = sample.input
    if text[end : end + 1] == " ":
        end += 1
    left = text[:start] + text[end:]
    return replace(sample, input=left if left.strip() else text)
