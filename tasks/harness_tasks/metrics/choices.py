"""Accuracy and calibration of a choice among options, from their log-probabilities."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.authoring.answers.choices import best
from harness.authoring.measures.predictions import softmax
from harness.authoring.metrics import UNREAD, Corpus, Mean, ratio
from harness.protocols import Metric
from harness.types import ScoreValue

Array = NDArray[np.float64]
BINS = 15
"""Equal-width confidence bins of the calibration error."""
SHARE = (0.0, 1.0)


def metrics() -> tuple[Metric, ...]:
    """The metrics that log-probabilities give, in the order they are shown."""
    return (
        *(Mean(name, bounds=SHARE) for name in ("acc", "acc_norm", "acc_bytes")),
        *calibration_metrics(),
    )


def calibration_metrics() -> tuple[Metric, ...]:
    """How well probabilities of the options fit what is right."""
    return (
        Corpus("ece", calibration_error, higher_is_better=False, bounds=SHARE, expand=binned),
        Mean("brier", higher_is_better=False, bounds=(0.0, 2.0)),
    )


def generated_metrics() -> tuple[Metric, ...]:
    """The metrics that remain when the choice is read from generated text."""
    return (Mean("acc", bounds=SHARE), UNREAD)


def values(totals: Sequence[float], texts: Sequence[str], right: int) -> dict[str, ScoreValue]:
    """A sample's values of ``metrics``.

    Args:
        totals: Log-probability of each choice, in nats.
        texts: Their texts, without the blank that joins them to the context.
        right: The index of the right one.
    """
    by_characters = [total / max(len(text), 1) for total, text in zip(totals, texts, strict=True)]
    by_bytes = [
        total / max(len(text.encode()), 1) for total, text in zip(totals, texts, strict=True)
    ]
    chosen = best(totals)
    return {
        "acc": float(chosen == right),
        "acc_norm": float(best(by_characters) == right),
        "acc_bytes": float(best(by_bytes) == right),
        **calibration(softmax(totals), right),
    }


def calibration(probabilities: Sequence[float], right: int) -> dict[str, ScoreValue]:
    """A sample's values of ``calibration_metrics``, from the options' probabilities."""
    chosen = best(probabilities)
    return {
        "ece": (probabilities[chosen], float(chosen == right)),
        "brier": brier(probabilities, right),
    }


def brier(probabilities: Sequence[float], right: int) -> float:
    """Σ over choices of (probability − truth)², in [0, 2] (Brier 1950); 0 is best."""
    return sum((p - (index == right)) ** 2 for index, p in enumerate(probabilities))


def binned(stored: Array) -> Array:
    """The statistics of ``calibration_error``: count, confidence and hits in each sample's bin.

    Bins are open below and closed above, as in Guo et al. 2017; the first holds 0 too.

    Args:
        stored: Shape (n, 2): the chosen option's probability, and whether it is right; or shape
            (n, 3·BINS), the statistics themselves, which earlier versions' run folders hold.

    Returns:
        Shape (n, 3·BINS).
    """
    if stored.shape[1] == 3 * BINS:
        return stored
    confidence, correct = stored.T
    bins = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    statistics = np.zeros((len(stored), BINS, 3))
    ones = np.ones(len(stored))
    statistics[np.arange(len(stored)), bins] = np.stack([ones, confidence, correct], axis=1)
    return statistics.reshape(len(stored), -1)


class CalibrationError:
    """Expected calibration error in [0, 1], debiased: Σ_b n_b/n·|accuracy_b − confidence_b|.

    Guo et al. 2017, "On calibration of modern neural networks", eq. 3, is ``plain``. Chance alone
    raises it: a perfectly calibrated model has 0.13 among 50 samples. So what chance adds is taken
    off, as large as it is where the bins' true gaps have the debiased mean square of Kumar, Liang &
    Ma 2019 ("Verified uncertainty calibration", NeurIPS), and never below 0.
    """

    def __call__(self, sums: Array) -> Array:
        """The error of sums of ``binned`` rows, shape (r, 3·BINS); shape (r,)."""
        weights, gaps, errors = _bins(sums)
        squares = (weights * gaps**2).sum(axis=1, keepdims=True)
        noise = (weights * errors**2).sum(axis=1, keepdims=True)
        true = gaps * np.maximum(0.0, 1 - ratio(noise, squares, 1.0))
        added = (weights * (_folded_mean(true, errors) - true)).sum(axis=1)
        return np.asarray(np.maximum(0.0, self.plain(sums) - added))

    def plain(self, sums: Array) -> Array:
        """The error as it is, chance included; shape (r,)."""
        counts, confidence, hits = sums[:, 0::3], sums[:, 1::3], sums[:, 2::3]
        gaps = np.abs(hits - confidence).sum(axis=1)
        return ratio(gaps, counts.sum(axis=1))

    def noise(self, sums: Array) -> Array:
        """What a perfectly calibrated model's error is on average: the most that chance adds.

        A bin's gap is normal about its true value μ with error σ; E|N(μ, σ²)| ≤ |μ| + σ·√(2/π).
        """
        weights, _, errors = _bins(sums)
        return np.asarray((weights * errors).sum(axis=1) * math.sqrt(2 / math.pi))


def _bins(sums: Array) -> tuple[Array, Array, Array]:
    """Each bin's share of the samples, gap and its standard error; shape (r, BINS).

    The error is √(c(1 − c)/n_b), c the mean confidence or the accuracy, whichever varies more.
    """
    counts, confidence, hits = sums[:, 0::3], sums[:, 1::3], sums[:, 2::3]
    sure, right = ratio(confidence, counts, 0.0), ratio(hits, counts, 0.0)
    variance = np.maximum(0.0, np.maximum(sure * (1 - sure), right * (1 - right)))
    weights = ratio(counts, counts.sum(axis=1, keepdims=True))
    return weights, np.abs(right - sure), np.sqrt(ratio(variance, counts, 0.0))


def _folded_mean(mean: Array, error: Array) -> Array:
    """E|N(mean, error²)| for a mean of at least 0."""
    from scipy.special import ndtr

    scaled = ratio(mean, error, math.inf)
    density = np.exp(-(scaled**2) / 2) * math.sqrt(2 / math.pi)
    return np.asarray(error * density + mean * (1 - 2 * ndtr(-scaled)))


calibration_error = CalibrationError()
