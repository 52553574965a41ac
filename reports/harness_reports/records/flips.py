"""Samples that a probe turned, original and variant side by side with the changed words marked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

from harness.authoring.measures import predictions
from harness.authoring.measures.predictions import prompt_text, response_text
from harness.authoring.reporting import numbers
from harness.authoring.reporting.records import Clipper
from harness.types import SampleRecord, TaskResult
from harness_reports.records.text_diff import Difference, difference

SHOWN = 5
"""Examples of one probe."""

Candidate: TypeAlias = tuple[float, SampleRecord, SampleRecord]
"""How much worse the variant is, the original, the variant."""


@dataclass(frozen=True, slots=True)
class Flip:
    """One sample and its variant: the score got worse or better, or the answer merely another.

    ``before`` and ``after`` are the predictions, or the scores where there are none.
    """

    id: str
    outcome: str
    before: str
    after: str
    prompt: Difference
    response: Difference


@dataclass(frozen=True, slots=True)
class Flips:
    """The worst of the variants that flipped, and how many there are.

    ``what`` changed in them: the prediction, or the metric where there is none.
    """

    what: str
    changed: int
    variants: int
    examples: tuple[Flip, ...]


class FlipCollector:
    """Fed with a task's records in their order, keeps the worst flips of each probe.

    A variant is compared with its original by the first metric of the probe that has a better
    direction and a number for each sample; where the two have predictions, by these.
    """

    def __init__(self, task: TaskResult, clip: Clipper) -> None:
        self._task = task
        self._clip = clip
        self._metric = {
            probe: next((name for name in metrics if self._direction(name) is not None), None)
            for probe, metrics in task.probes.items()
        }
        self._originals: dict[str, SampleRecord] = {}
        self._variants: dict[str, int] = {}
        self._changed: dict[str, int] = {}
        self._what: dict[str, str] = {}
        self._worst: dict[str, list[Candidate]] = {}

    @property
    def wants_more(self) -> bool:
        """Whether there are probes."""
        return bool(self._metric)

    def add(self, record: SampleRecord) -> None:
        """The next record; an original comes before its variants."""
        if not self._metric:
            return
        if record.probe is None:
            self._originals[record.sample.id] = record
            return
        metric = self._metric.get(record.probe)
        original = self._originals.get(record.sample.id)
        if metric is None or original is None:
            return
        before, after = original.scores.get(metric), record.scores.get(metric)
        if not (isinstance(before, float) and isinstance(after, float)):
            return
        self._variants[record.probe] = self._variants.get(record.probe, 0) + 1
        change = after - before
        chose = _predictions(original, record, metric)
        flipped = change != 0 and math.isfinite(change) if chose is None else chose[0] != chose[1]
        if not flipped:
            return
        if chose is not None:
            self._what[record.probe] = "the prediction"
        self._changed[record.probe] = self._changed.get(record.probe, 0) + 1
        badness = -change if self._direction(metric) else change
        self._keep(self._worst.setdefault(record.probe, []), (badness, original, record))

    @staticmethod
    def _keep(worst: list[Candidate], new: Candidate) -> None:
        """One example of a sample, however many of its variants flipped."""
        for index, (other, known, _) in enumerate(worst):
            if known is new[1]:
                if new[0] > other:
                    worst[index] = new
                break
        else:
            worst.append(new)
        worst.sort(key=lambda flip: -flip[0])
        del worst[SHOWN:]

    def found(self) -> dict[str, Flips]:
        """Probe → its flips, the worst first."""
        return {
            probe: Flips(
                what=self._what.get(probe) or self._metric[probe] or "",
                changed=self._changed[probe],
                variants=self._variants[probe],
                examples=tuple(self._flip(probe, *flip) for flip in worst),
            )
            for probe, worst in self._worst.items()
        }

    def _direction(self, metric: str) -> bool | None:
        result = self._task.metrics.get(metric)
        return None if result is None else result.higher_is_better

    def _flip(
        self, probe: str, badness: float, original: SampleRecord, variant: SampleRecord
    ) -> Flip:
        metric, clip = self._metric[probe] or "", self._clip
        before, after = original.scores[metric], variant.scores[metric]
        assert isinstance(before, float)
        assert isinstance(after, float)
        chose = _predictions(original, variant, metric)
        told = (numbers.trimmed(before), numbers.trimmed(after)) if chose is None else chose
        return Flip(
            id=original.sample.id,
            outcome="worse" if badness > 0 else "better" if badness < 0 else "other",
            before=told[0],
            after=told[1],
            prompt=difference(clip(prompt_text(original)), clip(prompt_text(variant))),
            response=difference(clip(response_text(original)), clip(response_text(variant))),
        )


def _predictions(
    original: SampleRecord, variant: SampleRecord, metric: str
) -> tuple[str, str] | None:
    """What the model chose before and after; None where its answers are no choice."""
    before = predictions.judged(original, original.scores[metric])
    after = predictions.judged(variant, variant.scores[metric])
    return None if before is None or after is None else (before, after)
