"""Precision, recall and F1 of named entities, from counts that are summed over sentences.

Strict: place and type are right, as conlleval, seqeval and WNUT17's scorer count. Partial: the
boundaries alone, half for an overlap (SemEval 2013 task 9.1; Segura-Bedmar et al. 2013).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from harness.authoring.metrics import UNREAD, Corpus, ratio
from harness.protocols import Metric
from harness.types import Sample, ScoreValue
from harness_tasks.entities import answers
from harness_tasks.entities.spans import Entity, expected, placed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.float64]

SHARE = (0.0, 1.0)


def precision(sums: Array) -> Array:
    """Found of those answered; 0 where none is answered, NaN where there is none to find, too.

    Args:
        sums: Shape (r, 3): found, answered, expected.

    Returns:
        Shape (r,).
    """
    import numpy as np  # only where something is computed: commands that list tasks stay light

    empty = np.where(sums[:, 2] > 0, 0.0, np.nan)
    return np.where(sums[:, 1] > 0, ratio(sums[:, 0], sums[:, 1]), empty)


def recall(sums: Array) -> Array:
    """Found of those expected; NaN where none is. As ``precision``."""
    return ratio(sums[:, 0], sums[:, 2])


def f1(sums: Array) -> Array:
    """2·found/(answered + expected); NaN where both are 0. As ``precision``."""
    return ratio(2 * sums[:, 0], sums[:, 1] + sums[:, 2])


@dataclass(frozen=True, slots=True)
class EntityMatches:
    """``f1``, ``precision``, ``recall``, ``partial_f1``, ``unread``, and ``f1_TYPE`` of each type.

    ``types``: those that get an F1 of their own.
    """

    types: tuple[str, ...] = ()

    @property
    def metrics(self) -> Sequence[Metric]:
        """See ``harness.authoring.grading.Grader``."""
        return (
            Corpus("f1", f1, bounds=SHARE),
            Corpus("precision", precision, bounds=SHARE),
            Corpus("recall", recall, bounds=SHARE),
            Corpus("partial_f1", f1, bounds=SHARE),
            UNREAD,
            *(Corpus(_name(kind), f1, bounds=SHARE) for kind in self.types),
        )

    def grade(self, prediction: str, sample: Sample) -> Mapping[str, ScoreValue]:
        """See ``harness.authoring.grading.Grader``."""
        return self.grade_entities(answers.read(prediction, sample, types_of(sample)), sample)

    def grade_entities(
        self, given: Sequence[Entity] | None, sample: Sample
    ) -> Mapping[str, ScoreValue]:
        """Grades entities; None where the answer is unread."""
        right = expected(sample)
        answered = placed(given or [], sample.input, wanted=right)
        strict = _counts(answered, right)
        return {
            **dict.fromkeys(("f1", "precision", "recall"), strict),
            "partial_f1": _overlaps(answered, right),
            "unread": float(given is None),
            **{
                _name(kind): _counts(
                    [each for each in answered if each.type == kind],
                    [each for each in right if each.type == kind],
                )
                for kind in self.types
            },
        }


def types_of(sample: Sample) -> Collection[str]:
    """The types that the sample's data know."""
    types = sample.metadata["types"]
    assert isinstance(types, tuple | list)
    return types


def _name(kind: str) -> str:
    return "f1_" + "_".join(kind.split())


def _counts(answered: Sequence[Entity], right: Sequence[Entity]) -> tuple[float, float, float]:
    """(found, answered, expected)."""
    given, wanted = {each.key for each in answered}, {each.key for each in right}
    return float(len(given & wanted)), float(len(given)), float(len(wanted))


def _overlaps(answered: Sequence[Entity], right: Sequence[Entity]) -> tuple[float, float, float]:
    """The same of boundaries, where a pair that overlaps counts half; each is in one pair."""
    given = {each.key[1:]: each for each in answered}
    wanted = {each.key[1:]: each for each in right}
    sizes = float(len(given)), float(len(wanted))
    exact = given.keys() & wanted.keys()
    left = [each for key, each in wanted.items() if key not in exact]
    halves = 0
    for key, entity in given.items():
        pair = None if key in exact else next(filter(entity.overlaps, left), None)
        if pair is not None:
            left.remove(pair)
            halves += 1
    return len(exact) + halves / 2, *sizes
