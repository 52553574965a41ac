"""A probe that makes the people of a text others, and keeps the question and its answer."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.protocols import Metric
from harness.types import Estimate, Sample, Score, Skipped
from harness_probes.text import Edit, apply, field_of, mentions, with_articles
from harness_probes.text_probe import with_field

FIELDS = ("input", "context", "passage", "document", "article")
"""All texts that speak of the same people are swapped together."""

ANSWERED = "the answer mentions what would be swapped"

Swapper = Callable[[Sequence[str], random.Random], "Mapping[str, Sequence[Sequence[Edit]]]"]
"""Texts of one sample → group → the edits of each text; a group the texts are of already is left
out."""


@dataclass(frozen=True, slots=True)
class Swap:
    """What a probe changes.

    Attributes:
        groups: The groups whose words it puts in.
        swap: Makes the changes.
        nothing: Why a sample is left out, in words.
        default: The groups where a user names none; empty: all.
    """

    groups: tuple[str, ...]
    swap: Swapper
    nothing: str
    default: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SwapProbe:
    """One variant a group; the group a variant belongs to is its label.

    Where an answer or a choice speaks of such people itself, or has one of the words that come
    and go, a swap could change which one is right: it is skipped, and counted.
    """

    name: str
    groups: tuple[str, ...]
    swap: Swapper
    nothing: str

    @property
    def labels(self) -> tuple[str, ...]:
        """The groups."""
        return self.groups

    def perturb(self, sample: Sample, rng: random.Random) -> Iterable[Sample | Skipped | None]:
        """The sample with its people made of each group, or why not."""
        texts = {name: content for name in FIELDS if (content := field_of(sample, name))}
        swaps = self.swap(list(texts.values()), rng)
        if not any(edits for of_group in swaps.values() for edits in of_group):
            return [Skipped(self.nothing)]
        if any(self._speaks_of_people(answer) for answer in (*sample.targets, *sample.choices)):
            return [Skipped(ANSWERED)]
        return [
            self._variant(sample, texts, swaps[group]) if any(swaps.get(group, ())) else None
            for group in self.groups
        ]

    def _speaks_of_people(self, answer: str) -> bool:
        swaps = self.swap([answer], random.Random(0))
        return any(edits for of_group in swaps.values() for edits in of_group)

    def _variant(
        self, sample: Sample, texts: Mapping[str, str], edits: Sequence[Sequence[Edit]]
    ) -> Sample | Skipped:
        before = {
            content[edit.start : edit.end]
            for content, of_text in zip(texts.values(), edits, strict=True)
            for edit in of_text
        }
        after = {edit.new for of_text in edits for edit in of_text}
        if mentions(sample, (term.strip() for term in before | after if term.strip())):
            return Skipped(ANSWERED)
        for (name, content), of_text in zip(texts.items(), edits, strict=True):
            sample = with_field(sample, name, apply(content, with_articles(content, of_text)))
        return sample

    def aggregate(
        self, metric: Metric, original: Sequence[Score], perturbed: Sequence[Score]
    ) -> Mapping[str, Estimate]:
        """The shared measures by group, and the worst group's change."""
        from harness.authoring import paired

        return {
            **paired.measures(metric, original, perturbed, self.labels),
            **paired.worst_group(metric, original, perturbed, self.labels),
        }
