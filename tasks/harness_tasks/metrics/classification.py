"""Accuracy, macro precision, recall and F1, and MCC, as scikit-learn defines them.

A sample's statistics are its one-hot confusion matrix; the sums of those are the matrix of the
whole set, from which every metric follows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.metrics import Corpus, Mean, ratio
from harness.protocols import Metric
from harness.types import ScoreValue

Array = NDArray[np.float64]


def metrics() -> tuple[Metric, ...]:
    """The metrics, in the order they are shown."""
    return (
        Mean("accuracy"),
        Corpus("precision_macro", precision_macro),
        Corpus("recall_macro", recall_macro),
        Corpus("f1_macro", f1_macro),
        Corpus("mcc", matthews),
    )


def values(truth: int, predicted: int, classes: int) -> dict[str, ScoreValue]:
    """A sample's values of ``metrics``, from its true and predicted class, from 0."""
    confusion = [0.0] * (classes * classes)
    confusion[truth * classes + predicted] = 1.0
    statistics = tuple(confusion)
    return {
        "accuracy": float(truth == predicted),
        "precision_macro": statistics,
        "recall_macro": statistics,
        "f1_macro": statistics,
        "mcc": statistics,
    }


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

    0 where truth or prediction is a single class, as in scikit-learn.
    """
    hits, true, predicted = _margins(sums)
    total, right = true.sum(axis=1), hits.sum(axis=1)
    covariance = right * total - (true * predicted).sum(axis=1)
    spread_true = total**2 - (true**2).sum(axis=1)
    spread_predicted = total**2 - (predicted**2).sum(axis=1)
    scale = np.sqrt(spread_true * spread_predicted)
    return ratio(covariance, scale, undefined=0.0)


def _margins(sums: Array) -> Sequence[Array]:
    """Hits, true and predicted counts per class, each of shape (r, classes)."""
    classes = round(sums.shape[1] ** 0.5)
    matrices = sums.reshape(-1, classes, classes)
    return (
        np.diagonal(matrices, axis1=1, axis2=2),
        matrices.sum(axis=2),
        matrices.sum(axis=1),
    )


def _macro(numerator: Array, denominator: Array, occurs: NDArray[np.bool_]) -> Array:
    """Mean ratio over the classes that occur in truth or prediction, 0/0 as 0; shape (r,)."""
    ratios = ratio(numerator, denominator, undefined=0.0)
    mean: Array = (ratios * occurs).sum(axis=1) / np.maximum(occurs.sum(axis=1), 1)
    return mean
