"""Data whose score is of the whole corpus, with its true value: F1, MCC, ECE, BLEU, perplexity."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from harness.stats.compare import paired_bootstrap
from harness.stats.inference import Inference
from harness.stats.resampling import infer_bootstrap
from harness_tasks.metrics.choices import binned, calibration_error
from harness_tasks.metrics.classification import OfClasses, expand, f1_macro, matthews

Array = NDArray[np.float64]


def _confidences(rng: np.random.Generator, n: int) -> Array:
    return np.asarray(rng.beta(4, 2, n) * 0.75 + 0.25)


@cache
def _true_ece(honesty: float) -> float:
    sure = _confidences(np.random.default_rng(0), 200_000)
    statistics = binned(np.stack([sure, honesty * sure], axis=1))
    return float(calibration_error.plain(statistics.sum(axis=0, keepdims=True))[0])


def ece(rng: np.random.Generator, n: int, honesty: float) -> tuple[Inference, float]:
    """Expected calibration error; a share ``honesty`` of each confidence is true."""
    sure = _confidences(rng, n)
    right = (rng.random(n) < honesty * sure).astype(float)
    statistics = binned(np.stack([sure, right], axis=1))
    seed = int(rng.integers(2**31))
    return infer_bootstrap(statistics, calibration_error, seed=seed), _true_ece(honesty)


def paired_ece(rng: np.random.Generator, n: int, honesty: float) -> tuple[Inference, float]:
    """ECE of calibrated answers, and of others to the same questions."""
    chance = rng.random(n)
    sides = []
    for each in (1.0, honesty):
        sure = _confidences(rng, n)
        sides.append(binned(np.stack([sure, chance < each * sure], axis=1)))
    inference, _ = paired_bootstrap(*sides, calibration_error, seed=int(rng.integers(2**31)))
    return inference, _true_ece(honesty)


def _classified(rng: np.random.Generator, truth: Array, found: float) -> Array:
    return np.where(truth == 1, rng.random(len(truth)) < found, rng.random(len(truth)) < 0.01)


def _true_mcc(rare: float, found: float) -> float:
    tp, fn, fp, tn = rare * found, rare * (1 - found), (1 - rare) * 0.01, (1 - rare) * 0.99
    return float((tp * tn - fp * fn) / np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)))


def _counts(truth: Array, predicted: Array) -> Array:
    return expand(np.stack([truth, predicted, np.full(len(truth), 2)], axis=1).astype(float))


def mcc(rng: np.random.Generator, n: int, rare: float) -> tuple[Inference, float]:
    """Matthews correlation where ``rare`` is the share of the positive class."""
    truth = rng.random(n) < rare
    seed = int(rng.integers(2**31))
    statistics = _counts(truth, _classified(rng, truth, 0.8))
    return infer_bootstrap(statistics, OfClasses(matthews), seed=seed), _true_mcc(rare, 0.8)


def paired_mcc(rng: np.random.Generator, n: int, rare: float) -> tuple[Inference, float]:
    """Matthews correlation before and after a quarter of the hits is lost."""
    truth = rng.random(n) < rare
    before = _classified(rng, truth, 0.8)
    after = before & ~(truth & (rng.random(n) < 0.25))
    seed = int(rng.integers(2**31))
    inference, _ = paired_bootstrap(
        _counts(truth, before), _counts(truth, after), OfClasses(matthews), seed=seed
    )
    return inference, _true_mcc(rare, 0.6) - _true_mcc(rare, 0.8)


@cache
def _true_rare_f1(rare: float, found: float) -> float:
    rng = np.random.default_rng(0)
    truth = rng.random(2_000_000) < rare
    sums = _counts(truth, _classified(rng, truth, found)).sum(axis=0, keepdims=True)
    return float(f1_macro(sums)[0])


def rare_f1(rng: np.random.Generator, n: int, rare: float) -> tuple[Inference, float]:
    """Macro F1 before and after a quarter of a rare class's hits is lost."""
    truth = rng.random(n) < rare
    before = _classified(rng, truth, 0.8)
    after = before & ~(truth & (rng.random(n) < 0.25))
    seed = int(rng.integers(2**31))
    statistics = _counts(truth, before), _counts(truth, after)
    inference, _ = paired_bootstrap(*statistics, OfClasses(f1_macro), seed=seed)
    return inference, _true_rare_f1(rare, 0.6) - _true_rare_f1(rare, 0.8)


def _confusion(rng: np.random.Generator, positive: Array, right: float) -> Array:
    correct = rng.random(len(positive)) < right
    said = np.where(correct, positive, ~positive)
    return np.stack(
        [positive & said, ~positive & said, positive & ~said, ~positive & ~said], axis=1
    ).astype(float)


def macro_f1(sums: Array) -> Array:
    """Macro F1 of two classes from sums of (tp, fp, fn, tn)."""
    tp, fp, fn, tn = sums.T
    with np.errstate(invalid="ignore"):
        return (2 * tp / (2 * tp + fp + fn) + 2 * tn / (2 * tn + fp + fn)) / 2


def _true_f1(right: float) -> float:
    wrong = 1 - right
    return float(macro_f1(np.array([[0.3 * right, 0.7 * wrong, 0.3 * wrong, 0.7 * right]]))[0])


def macro_f1_of_classes(rng: np.random.Generator, n: int) -> tuple[Inference, float]:
    """Macro F1 of two classes."""
    statistics = _confusion(rng, rng.random(n) < 0.3, 0.8)
    return infer_bootstrap(statistics, macro_f1, seed=int(rng.integers(2**31))), _true_f1(0.8)


def paired_f1(rng: np.random.Generator, n: int) -> tuple[Inference, float]:
    """Macro F1 of two classifiers on the same texts."""
    positive = rng.random(n) < 0.3
    before, after = _confusion(rng, positive, 0.8), _confusion(rng, positive, 0.75)
    seed = int(rng.integers(2**31))
    inference, _ = paired_bootstrap(before, after, macro_f1, seed=seed)
    return inference, _true_f1(0.75) - _true_f1(0.8)


def perplexity(rng: np.random.Generator, n: int) -> tuple[Inference, float]:
    """Perplexity of texts of uneven length."""
    words = rng.integers(20, 200, n).astype(float)
    loss = words * rng.gamma(25, 3.2 / 25, n)
    statistics = np.stack([loss, words], axis=1)
    seed = int(rng.integers(2**31))
    inference = infer_bootstrap(statistics, lambda s: np.exp(s[:, 0] / s[:, 1]), seed=seed)
    return inference, float(np.exp(3.2))


def _grams(rng: np.random.Generator, quality: Array, length: Array) -> Array:
    """Hypothesis and reference length, then matches and totals of 1- to 4-grams of each text."""
    columns = [length + rng.integers(-2, 2, len(length)), length]
    for order in range(1, 5):
        totals = np.maximum(0, columns[0] - order + 1)
        columns += [rng.binomial(totals, quality**order), totals]
    return np.stack(columns, axis=1).astype(float)


def bleu(sums: Array) -> Array:
    """Corpus BLEU in [0, 1] from sums of ``_grams`` rows (Papineni et al. 2002)."""
    precisions = np.maximum(sums[:, 2::2], 0.5) / np.maximum(sums[:, 3::2], 1)
    brevity = np.minimum(0.0, 1 - sums[:, 1] / sums[:, 0])
    return np.asarray(np.exp(np.log(precisions).mean(axis=1) + brevity))


def _texts(rng: np.random.Generator, n: int) -> tuple[Array, Array]:
    return rng.beta(6, 4, n), rng.integers(5, 40, n)


@cache
def _true_bleu(loss: float) -> float:
    rng = np.random.default_rng(0)
    quality, length = _texts(rng, 500_000)
    return float(bleu(_grams(rng, quality * (1 - loss), length).sum(axis=0, keepdims=True))[0])


def bleu_of_texts(rng: np.random.Generator, n: int) -> tuple[Inference, float]:
    """Corpus BLEU of texts of uneven quality."""
    rows = _grams(rng, *_texts(rng, n))
    return infer_bootstrap(rows, bleu, seed=int(rng.integers(2**31))), _true_bleu(0.0)


def paired_bleu(rng: np.random.Generator, n: int) -> tuple[Inference, float]:
    """Corpus BLEU of the same texts by a model and by one that is 5 % worse."""
    quality, length = _texts(rng, n)
    sides = [_grams(rng, quality * (1 - loss), length) for loss in (0.0, 0.05)]
    inference, _ = paired_bootstrap(*sides, bleu, seed=int(rng.integers(2**31)))
    return inference, _true_bleu(0.05) - _true_bleu(0.0)
