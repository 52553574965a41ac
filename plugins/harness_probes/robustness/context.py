"""More to read: sentences that have nothing to do with the question, a few or very many."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.protocols import Metric
from harness.types import Estimate, Sample, Score, Skipped
from harness_probes.text import field_of, guarded, lexicon, mentions
from harness_probes.text_probe import with_field

SENTENCES = Path(__file__).parent / "lexicon" / "neutral.txt"
CONTEXTS = ("context", "passage", "document", "article")
"""Names of the metadata that hold what a question is about."""

_SENTENCE_END = re.compile(r"(?<=[a-z)][.!?])\s+(?=[A-Z\"“])")


@dataclass(frozen=True, slots=True)
class Distractors:
    """Sentences about nothing in particular, put between those of a question's context.

    None of them mentions an answer, and none is put inside one.
    """

    counts: tuple[int, ...]
    name: str = "distractors"

    @property
    def labels(self) -> tuple[str, ...]:
        """The numbers of sentences."""
        return tuple(map(str, self.counts))

    def perturb(self, sample: Sample, rng: random.Random) -> Iterable[Sample | Skipped]:
        """A variant a number of sentences; the fewer are among the more."""
        field = context_field(sample)
        if field is None:
            return [Skipped("no context to add to")]
        content = field_of(sample, field)
        assert content is not None
        order = neutral_sentences(sample, rng)
        seed = rng.getrandbits(64)
        return [
            with_field(sample, field, _mixed(content, order[:count], sample, random.Random(seed)))
            for count in self.counts
        ]

    def aggregate(
        self, metric: Metric, original: Sequence[Score], perturbed: Sequence[Score]
    ) -> Mapping[str, Estimate]:
        """See ``harness.authoring.paired``."""
        from harness.authoring import paired

        return paired.measures(metric, original, perturbed, self.labels)


def _mixed(content: str, sentences: Sequence[str], sample: Sample, rng: random.Random) -> str:
    text = guarded(content, sample.targets)
    places = [0, *(end.end() for end in _SENTENCE_END.finditer(content)), len(content)]
    free = [place for place in places if text.free(place, place)]
    at: dict[int, list[str]] = {}
    for sentence in sentences:
        at.setdefault(rng.choice(free), []).append(sentence)
    parts, position = [], 0
    for place in sorted(at):
        added = " ".join(at[place])
        before = content[position:place]
        blank = " " if place == len(content) and not content[-1:].isspace() else ""
        parts += [before, f"{blank}{added}" if place == len(content) else f"{added} "]
        position = place
    return "".join([*parts, content[position:]])


@dataclass(frozen=True, slots=True)
class Padding:
    """Many such sentences before the context, or before the input where there is none."""

    counts: tuple[int, ...]
    name: str = "padding"

    @property
    def labels(self) -> tuple[str, ...]:
        """The numbers of words."""
        return tuple(map(str, self.counts))

    def perturb(self, sample: Sample, rng: random.Random) -> Iterable[Sample | Skipped]:
        """A variant a number of words; the shorter padding is the end of the longer."""
        field = context_field(sample) or "input"
        content = field_of(sample, field)
        if content is None:
            return [Skipped("no text to stand before")]
        order = neutral_sentences(sample, rng)
        return [
            with_field(sample, field, f"{_filler(order, count)}\n\n{content}")
            for count in self.counts
        ]

    def aggregate(
        self, metric: Metric, original: Sequence[Score], perturbed: Sequence[Score]
    ) -> Mapping[str, Estimate]:
        """See ``harness.authoring.paired``."""
        from harness.authoring import paired

        return paired.measures(metric, original, perturbed, self.labels)


def _filler(order: Sequence[str], words: int) -> str:
    """Whole sentences, the order repeated as often as needed, of at least that many words."""
    chosen: list[str] = []
    count = 0
    while count < words:
        sentence = order[len(chosen) % len(order)]
        chosen.append(sentence)
        count += len(sentence.split())
    return " ".join(reversed(chosen))


def context_field(sample: Sample) -> str | None:
    """The metadata that holds what the question is about."""
    return next((name for name in CONTEXTS if field_of(sample, name) is not None), None)


def neutral_sentences(sample: Sample, rng: random.Random) -> list[str]:
    """The sentences that mention no answer, in random order; all where every one does."""
    every = [sentence for (sentence,) in lexicon(SENTENCES)]
    fitting = [
        sentence
        for sentence in every
        if not mentions(Sample("", "", (sentence,)), filter(None, _answers(sample)))
    ]
    order = fitting or every
    rng.shuffle(order)
    return order


def _answers(sample: Sample) -> Iterable[str]:
    return (answer.strip() for answer in (*sample.targets, *sample.choices))
