"""A probe that edits a sample's text and keeps its answers: what most probes are."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.protocols import Metric, ProbeOptions
from harness.types import Estimate, Sample, Score
from harness_probes.text import Text, field_of, guarded

Editor = Callable[[Text, random.Random], str]
"""The edited text; the protected stretches stand in it unchanged."""

StrengthEditor = Callable[[Text, float, random.Random], str]
"""The same at a strength above 0, at most 1."""


@dataclass(frozen=True, slots=True)
class TextProbe:
    """One variant a label, each made by an editor of its own.

    Wherever an answer stands in the edited text it is left as it is, so that it can still be
    found there.
    """

    name: str
    editors: Mapping[str, Editor]
    fields: tuple[str, ...] = ("input",)

    @property
    def labels(self) -> tuple[str, ...]:
        """What each variant's number means."""
        return tuple(self.editors)

    def perturb(self, sample: Sample, rng: random.Random) -> Iterable[Sample]:
        """A variant a label; the same seed for each, so that levels of strength are nested."""
        seed = rng.getrandbits(64)
        for editor in self.editors.values():
            yield self._edited(sample, editor, random.Random(seed))

    def _edited(self, sample: Sample, editor: Editor, rng: random.Random) -> Sample:
        for name in self.fields:
            content = field_of(sample, name)
            if content is None:
                continue
            edited = editor(guarded(content, sample.targets), rng)
            if edited.strip():
                sample = with_field(sample, name, edited)
        return sample

    def aggregate(
        self, metric: Metric, original: Sequence[Score], perturbed: Sequence[Score]
    ) -> Mapping[str, Estimate]:
        """See ``harness.authoring.paired``."""
        from harness.authoring import paired

        return paired.measures(metric, original, perturbed, self.labels)


def with_field(sample: Sample, name: str, content: str) -> Sample:
    """The sample with another ``input``, or another text among its metadata."""
    if name == "input":
        return replace(sample, input=content)
    return replace(sample, metadata={**sample.metadata, name: content})


def by_strength(
    name: str, edit: StrengthEditor, options: ProbeOptions, default: float
) -> TextProbe:
    """A probe with a level for each ``strength`` that the user names."""

    def at(strength: float) -> Editor:
        return lambda text, rng: edit(text, strength, rng)

    from harness_probes import settings

    chosen = settings.read(settings.strength(default), options, name)
    levels = {f"{level:g}": at(level) for level in chosen["strength"]}
    return TextProbe(name, levels, chosen["fields"])


def by_kind(name: str, editors: Mapping[str, Editor], options: ProbeOptions) -> TextProbe:
    """A probe with a variant for each of the ``kinds`` that the user names, by default all."""
    from harness_probes import settings

    chosen = settings.read(settings.kinds(tuple(editors)), options, name)
    return TextProbe(name, {kind: editors[kind] for kind in chosen["kinds"]}, chosen["fields"])
