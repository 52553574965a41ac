"""Data whose score is a mean, with its true value: shares, scores, pairs of them, clusters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.stats.compare import infer_paired
from harness.stats.estimates import infer_mean
from harness.stats.inference import Inference, decisive

Array = NDArray[np.float64]


def exact_share(rng: np.random.Generator, n: int) -> tuple[Inference, float]:
    """A share near 1, inferred by the exact interval that decides."""
    truth = rng.choice([0.9, 0.95, 0.98])
    return decisive(infer_mean((rng.random(n) < truth).astype(float))), float(truth)


def few_differ(rng: np.random.Generator, n: int) -> tuple[Inference, float]:
    """Pairs of 0 and 1 of which few differ."""
    kind = rng.random(n)
    lost, gained = (kind < 0.02).astype(float), ((kind > 0.5) & (kind < 0.505)).astype(float)
    return infer_paired(np.where(gained == 1, 0.0, 1.0), 1 - lost), 0.005 - 0.02


def collapse(rng: np.random.Generator, n: int, scale: float) -> tuple[Inference, float]:
    """Pairs of scores of which 4 % collapse to 0, times ``scale``."""
    before = rng.beta(5, 2, n)
    collapsed = rng.random(n) < 0.04
    after = np.where(collapsed, 0.0, np.clip(before + rng.normal(0, 0.005, n), 0, 1))
    bounds = (0.0, 1.0) if scale == 1 else None
    return infer_paired(scale * before, scale * after, bounds=bounds), -0.04 * scale * 5 / 7


def judge(rng: np.random.Generator, n: int) -> tuple[Inference, float]:
    """Pairs of grades from 1 to 5, of which 5 % fall to 1."""
    before, after = rng.choice(5, n, p=[0.02, 0.03, 0.05, 0.3, 0.6]) + 1.0, 0.0
    after = np.where(rng.random(n) < 0.05, 1.0, before)
    return infer_paired(before, after, bounds=(1, 5)), 0.05 * (1 - 4.43)


def wins(rng: np.random.Generator, n: int) -> tuple[Inference, float]:
    """Wins, ties and losses of one model against another."""
    return infer_mean(rng.choice([0.0, 0.5, 1.0], n, p=[0.05, 0.8, 0.15])), 0.55


def lognormal(
    rng: np.random.Generator, n: int, bounds: tuple[float, float] | None = None
) -> tuple[Inference, float]:
    """Long-tailed numbers, with or without known bounds."""
    return infer_mean(rng.lognormal(0, 1, n), bounds=bounds), float(np.exp(0.5))


def t_of_three(rng: np.random.Generator, n: int) -> tuple[Inference, float]:
    """Heavy-tailed numbers: Student's t with 3 degrees of freedom."""
    return infer_mean(rng.standard_t(3, n)), 0.0


def brier(rng: np.random.Generator, n: int) -> tuple[Inference, float]:
    """Brier scores of calibrated confidences."""
    sure = rng.uniform(0.5, 1, n)
    right = rng.random(n) < sure
    return infer_mean(2 * (right - sure) ** 2, bounds=(0, 2)), 1 / 3


def share(rng: np.random.Generator, n: int) -> tuple[Inference, float]:
    """A share, over many true ones."""
    # Over many true shares: at one share, the coverage of any interval for a count is jagged.
    truth = rng.uniform(0.05, 0.95)
    return infer_mean((rng.random(n) < truth).astype(float)), truth


def _f1_like(rng: np.random.Generator, n: int) -> Array:
    kind = rng.random(n)
    return np.where(kind < 0.3, 0.0, np.where(kind < 0.6, 1.0, rng.beta(2, 2, n)))


def scores(rng: np.random.Generator, n: int) -> tuple[Inference, float]:
    """Scores from 0 to 1 with many zeros and ones."""
    return infer_mean(_f1_like(rng, n)), 0.5


def paired_shares(rng: np.random.Generator, n: int) -> tuple[Inference, float]:
    """Pairs of 0 and 1."""
    lost, gained = rng.uniform(0.02, 0.2, 2)
    kind = rng.random(n)
    before = (kind < lost + 0.4).astype(float)
    after = ((kind >= lost) & (kind < lost + 0.4 + gained)).astype(float)
    return infer_paired(before, after), gained - lost


def paired_scores(rng: np.random.Generator, n: int) -> tuple[Inference, float]:
    """Pairs of scores of which 30 % are drawn anew."""
    before = _f1_like(rng, n)
    redrawn = rng.random(n) < 0.3
    return infer_paired(before, np.where(redrawn, _f1_like(rng, n), before)), 0.0


def _members(rng: np.random.Generator, clusters: int, sizes: str) -> tuple[Array, list[str | None]]:
    counts = np.full(clusters, 5)
    if sizes == "uneven":
        counts = rng.geometric(0.2, clusters)
    if sizes == "pareto":
        counts = np.ceil(2 * (1 + rng.pareto(1.5, clusters))).astype(int)
    names: list[str | None] = [str(c) for c, count in enumerate(counts) for _ in range(count)]
    return counts, names


def clustered(
    rng: np.random.Generator, clusters: int, sizes: str, binary: bool
) -> tuple[Inference, float]:
    """Clusters of 0 and 1, or of numbers, of equal or uneven sizes."""
    counts, names = _members(rng, clusters, sizes)
    level = np.repeat(rng.beta(2, 2, clusters), counts)
    noise = rng.random(len(level))
    values = (noise < level).astype(float) if binary else (level + noise) / 2
    return infer_mean(values, names), 0.5


def paired_clustered(
    rng: np.random.Generator, clusters: int, sizes: str
) -> tuple[Inference, float]:
    """Pairs of 0 and 1 in clusters."""
    counts, names = _members(rng, clusters, sizes)
    lost = np.repeat(rng.beta(2, 14, clusters), counts)
    kind = rng.random(len(lost))
    before = (kind < lost + 0.4).astype(float)
    after = ((kind >= lost) & (kind < lost + 0.5)).astype(float)
    return infer_paired(before, after, names), 0.1 - 0.125
