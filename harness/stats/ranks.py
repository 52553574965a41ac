"""Ranks of several systems, as far as the data tell them apart.

Two systems are told apart where their difference is beyond what the greatest of all standardized
differences reaches in 95 % of the replicates (max-t; Mogstad, Romano, Shaikh & Wilhelm 2024,
"Inference for ranks", Rev. Econ. Stud. 91:476). The ranges hold for all systems at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.stats.inference import Array

_CHUNK = 4_000_000
"""Differences held at once: 32 MB."""


def told_apart(values: Array, replicates: Array, confidence: float = 0.95) -> NDArray[np.bool_]:
    """Which systems are shown to be better than which.

    Args:
        values: The systems' values, the higher the better; shape (k,).
        replicates: The same of resampled data, drawn together; shape (r, k).
        confidence: Of all statements together, in (0, 1).

    Returns:
        Shape (k, k): [i, j] says that i is better than j.
    """
    centred = replicates - replicates.mean(axis=0)
    covariance = centred.T @ centred / (len(replicates) - 1)
    variances = np.diag(covariance)
    squared = variances[:, None] + variances[None, :] - 2 * covariance
    # What rounding leaves of two systems that always agree is no spread.
    floor = 1e-12 * (variances[:, None] + variances[None, :])
    spread = np.sqrt(np.where(squared > floor, squared, 0.0))
    greatest = _greatest(centred, np.where(spread > 0, spread, np.inf))
    differences = values[:, None] - values[None, :]
    apart = (differences > np.quantile(greatest, confidence) * spread) & (spread > 0)
    return np.asarray(apart, dtype=np.bool_)


def _greatest(centred: Array, spread: Array) -> Array:
    """The greatest standardized difference of each replicate, shape (r,)."""
    step = max(1, _CHUNK // spread.size)
    parts = []
    for start in range(0, len(centred), step):
        drawn = centred[start : start + step]
        differences = drawn[:, :, None] - drawn[:, None, :]
        differences /= spread
        parts.append(differences.max(axis=(1, 2)))
    return np.concatenate(parts)


def ranges(better: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """The best and the worst rank of each system, from 1.

    Args:
        better: As ``told_apart`` returns it, shape (k, k).
    """
    count = len(better)
    best, worst = 1 + better.sum(axis=0), count - better.sum(axis=1)
    return [(int(low), int(high)) for low, high in zip(best, worst, strict=True)]
