"""How well one of two classes is told from the other: balanced accuracy, AUROC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.authoring.grading import Graded, Grader
from harness.authoring.metrics import Corpus, Mean, clusters_of, statistics_of
from harness.authoring.multiple_choice import Choice
from harness.protocols import Metric
from harness.stats.correlation import AreaUnderCurve
from harness.stats.inference import NAN, Array, estimate
from harness.stats.weighted import infer_weighted
from harness.types import Estimate, Sample, Score, ScoreValue

SHARE = (0.0, 1.0)
FEWEST = 5
"""Samples of each class below which no interval of the balanced accuracy is given."""


@dataclass(frozen=True, slots=True)
class BalancedAccuracy:
    """The mean of both classes' recalls, from counts (members, right ones) of each."""

    def __call__(self, sums: Array) -> Array:
        """Sums of shape (r, 4) to values of shape (r,)."""
        with np.errstate(invalid="ignore", divide="ignore"):
            recalls = sums[:, [1, 3]] / sums[:, [0, 2]]
        return np.asarray(recalls.mean(axis=1), dtype=np.float64)

    def doubt(self, sums: Array) -> str | None:
        """Why no interval can be trusted, of sums of shape (1, 4)."""
        fewest = int(min(sums[0, 0], sums[0, 2]))
        return None if fewest >= FEWEST else f"a class has {fewest} samples, and takes {FEWEST}"


@dataclass(frozen=True, slots=True)
class Auroc:
    """The area under the ROC curve of the probability of the second option.

    A sample's value is (probability, whether the second option is the right one).
    """

    name: str = "auroc"
    higher_is_better: bool | None = True
    bounds: tuple[float, float] | None = SHARE

    def aggregate(self, rows: Sequence[Score]) -> Estimate:
        """With an interval by a bootstrap over clusters."""
        if not rows:
            return Estimate(NAN, NAN, NAN, NAN, 0, "no samples")
        found = infer_weighted(self._area(rows), len(rows), clusters_of(rows))
        return estimate(found, len(rows))

    def value(self, rows: Sequence[Score]) -> float:
        """The area alone."""
        return float(self._area(rows)(np.ones((1, len(rows))))[0]) if rows else NAN

    def _area(self, rows: Sequence[Score]) -> AreaUnderCurve:
        scores, positive = statistics_of(rows, self).T
        return AreaUnderCurve(scores, positive == 1)


def grader(with_probabilities: bool) -> Grader[Choice]:
    """Accuracy, balanced accuracy and, of probabilities, AUROC.

    Args:
        with_probabilities: Whether the model gives any; of generated answers there is no AUROC.

    Each sample has two options, such as no and yes, of which the second one is to be detected.
    """
    metrics: list[Metric] = [
        Mean("accuracy", bounds=SHARE),
        Corpus("balanced_accuracy", BalancedAccuracy(), bounds=SHARE),
    ]
    if with_probabilities:
        metrics.append(Auroc())

    def grade(choice: Choice, _: Sample) -> Mapping[str, ScoreValue]:
        positive, right = float(choice.right), choice.correct
        counts = (positive, positive * right, 1 - positive, (1 - positive) * right)
        values: dict[str, ScoreValue] = {"accuracy": right, "balanced_accuracy": counts}
        if choice.probabilities:
            values["auroc"] = (float(choice.probabilities[1]), positive)
        return values

    return Graded(metrics, grade)
