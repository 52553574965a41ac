"""Accuracy, macro precision, recall and F1, and MCC, as scikit-learn defines them.

A sample's value is its true and its predicted class. What is summed are counts per class (found,
true, predicted), from which every metric follows: their size grows with the classes, not with
the square of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.authoring.grading import Graded, Grader
from harness.authoring.metrics import Corpus, Mean, ratio
from harness.authoring.multiple_choice import Choice
from harness.errors import HarnessError
from harness.protocols import Metric
from harness.types import ScoreValue

Array = NDArray[np.float64]
SHARE = (0.0, 1.0)
FEWEST = 5
"""Samples of each class below which no interval holds what it says (``docs/statistics.md``)."""


@dataclass(frozen=True, slots=True)
class OfClasses:
    """A metric of counts per class, which rare classes make too uncertain for an interval."""

    formula: Callable[[Array], Array]

    def __call__(self, sums: Array) -> Array:
        """The metric of sums of shape (r, 3·classes), shape (r,)."""
        return self.formula(sums)

    def doubt(self, sums: Array) -> str | None:
        """Why no interval can be trusted, from sums of shape (1, 3·classes); None where one can."""
        true = _margins(sums)[1][0]
        fewest = int(true.min())
        if fewest >= FEWEST:
            return None
        enough = f", about {math.ceil(true.sum() * FEWEST / fewest):,} in all" if fewest else ""
        return f"a class has {fewest} samples, and each takes {FEWEST}{enough}"


def metrics() -> tuple[Metric, ...]:
    """The metrics, in the order they are shown."""
    return (
        Mean("accuracy", bounds=SHARE),
        Corpus("precision_macro", OfClasses(precision_macro), bounds=SHARE, expand=expand),
        Corpus("recall_macro", OfClasses(recall_macro), bounds=SHARE, expand=expand),
        Corpus("f1_macro", OfClasses(f1_macro), bounds=SHARE, expand=expand),
        Corpus("mcc", OfClasses(matthews), bounds=(-1.0, 1.0), expand=expand),
    )


def values(truth: int, predicted: int | None, classes: int) -> dict[str, ScoreValue]:
    """A sample's values of ``metrics``.

    Args:
        truth: Its true class, from 0.
        predicted: The class that was answered; None where the answer is none of them, which is
            wrong, and adds to no class's answers.
        classes: How many there are.
    """
    value = (float(truth), -1.0 if predicted is None else float(predicted), float(classes))
    names = ("precision_macro", "recall_macro", "f1_macro", "mcc")
    return {"accuracy": float(truth == predicted), **dict.fromkeys(names, value)}


def grader() -> Grader[Choice]:
    """Computes ``metrics``."""
    return Graded(
        metrics(), lambda choice, _: values(choice.right, choice.index, len(choice.options))
    )


def expand(stored: Array) -> Array:
    """Counts per class of each sample: found, true and predicted.

    Args:
        stored: Shape (n, 3), from ``values``; or shape (n, classes²), the one-hot confusion
            matrices that run folders of earlier versions hold.

    Returns:
        Shape (n, 3·classes).

    Raises:
        HarnessError: The values have another shape.
    """
    count, width = stored.shape
    classes = math.isqrt(width)
    if width == 3:
        true, predicted = stored[:, 0].astype(int), stored[:, 1].astype(int)
        classes = int(stored[:, 2].max())
    elif width == classes**2 and classes > 1:
        true, predicted = np.divmod(stored.argmax(axis=1), classes)
    else:
        raise HarnessError(
            f"a classification score holds {width} numbers, which no version of it does",
            "Run the task again: a run folder that is as it was written has 3, or labels².",
        )
    counts, rows = np.zeros((count, 3, classes)), np.arange(count)
    counts[rows, 0, true] = true == predicted
    counts[rows, 1, true] = 1
    answered = predicted >= 0
    counts[rows[answered], 2, predicted[answered]] = 1
    return counts.reshape(count, -1)


def precision_macro(sums: Array) -> Array:
    """Mean over classes of the share of right answers among those given; see ``_macro``."""
    hits, true, predicted = _margins(sums)
    return _macro(hits, predicted, true + predicted > 0)


def recall_macro(sums: Array) -> Array:
    """Mean over classes of the share of its samples that were found; see ``_macro``."""
    hits, true, predicted = _margins(sums)
    return _macro(hits, true, true + predicted > 0)


def f1_macro(sums: Array) -> Array:
    """Mean over classes of 2·hits/(true + predicted); see ``_macro``."""
    hits, true, predicted = _margins(sums)
    return _macro(2 * hits, true + predicted, true + predicted > 0)


def matthews(sums: Array) -> Array:
    """Matthews' correlation coefficient for many classes (Gorodkin 2004, R_K), in [−1, 1].

    0 where truth or prediction is a single class, as in scikit-learn. What names no class is a
    class of its own, which is never true.
    """
    hits, true, predicted = _margins(sums)
    total, right = true.sum(axis=1), hits.sum(axis=1)
    nameless = total - predicted.sum(axis=1)
    covariance = right * total - (true * predicted).sum(axis=1)
    spread_true = total**2 - (true**2).sum(axis=1)
    spread_predicted = total**2 - (predicted**2).sum(axis=1) - nameless**2
    scale = np.sqrt(spread_true * spread_predicted)
    return ratio(covariance, scale, undefined=0.0)


def _margins(sums: Array) -> tuple[Array, Array, Array]:
    """Found, true and predicted counts per class, each of shape (r, classes)."""
    found, true, predicted = np.split(sums, 3, axis=1)
    return found, true, predicted


def _macro(numerator: Array, denominator: Array, occurs: NDArray[np.bool_]) -> Array:
    """Mean ratio over the classes that occur in truth or prediction, 0/0 as 0; shape (r,)."""
    ratios = ratio(numerator, denominator, undefined=0.0)
    mean: Array = (ratios * occurs).sum(axis=1) / np.maximum(occurs.sum(axis=1), 1)
    return mean
