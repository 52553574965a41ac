"""The bootstrap: resampled sums of statistics, and what follows from their replicates."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from harness.stats.estimates import Clusters, no_numbers, summed_by_cluster
from harness.stats.inference import (
    NAN,
    Array,
    Inference,
    Resampled,
    Unknown,
    estimate,
)
from harness.stats.kinds_of_rows import Kinds
from harness.stats.raised import without_chance
from harness.types import Estimate

Compute = Callable[[Array], Array]


RESAMPLES = 1000


FEWEST_NOISY = 20  # samples below which a quantity that chance raises gets no interval


MANY = 2000  # units from which on one more makes no difference


_ROUNDING = 1e-12  # width of an interval below which nothing varies but the last digits
_CHUNK = 500_000  # draws held at once: 4 MB, which stay in the processor's cache


def infer_bootstrap(
    statistics: Array,
    compute: Compute,
    clusters: Clusters | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Inference:
    """What the samples say about a function of summed statistics, by resampling them.

    Args:
        statistics: Shape (n, k), one row of additive sufficient statistics a sample.
        compute: Maps sums of shape (r, k) to values of shape (r,); NaN where undefined. Where it
            has the methods ``plain`` and ``noise`` of the same shape, they give the quantity with
            what chance adds, which it takes off, and how much that is at most; where it has a
            method ``doubt``, that says why these sums allow no interval, or None.
        clusters: As in ``infer_mean``; whole clusters are drawn.
        resamples: Number of bootstrap replicates.
        seed: Of the draws.
    """
    n = len(statistics)
    if n == 0:
        return Unknown(NAN, "bootstrap of no samples")
    rows = np.asarray(statistics, dtype=np.float64)
    if problem := no_numbers(rows.sum(axis=1), "bootstrap"):
        return problem
    units = summed_by_cluster(rows, clusters)
    total = units.sum(axis=0, keepdims=True)
    value = float(compute(total)[0])
    if len(units) < 2:
        return Unknown(value, "bootstrap; too few samples for an interval")
    if why := doubted(compute, total):
        return Unknown(value, f"bootstrap; no interval: {why}")
    over = "" if len(units) == n else f" over {len(units)} clusters"
    sums = resampled_sums(units, resamples, seed)
    if hasattr(compute, "plain"):
        return _infer_raised(compute, value, total, sums, len(units), f"bootstrap{over}")
    replicates = compute(sums)
    ends = None
    if len(units) <= MANY:
        worst, best = extreme_rows(units, compute)
        unseen = unseen_weights(resamples, seed)
        ends = quietly(compute, sums + unseen * worst), quietly(compute, sums + unseen * best)
    return from_replicates(value, replicates, len(units), f"bootstrap{over}", ends)


def _infer_raised(
    compute: Any, value: float, total: Array, sums: Array, units: int, name: str
) -> Inference:
    """What the resamples say about a quantity that chance raises; see ``raised``."""
    if units < FEWEST_NOISY:
        return Unknown(value, f"{name}; no interval below {FEWEST_NOISY} samples")
    plain, replicates = float(compute.plain(total)[0]), compute.plain(sums)
    found = from_replicates(plain, replicates, units, name)
    return without_chance(found, value, float(compute.noise(total)[0]))


def doubted(compute: Compute, *totals: Array) -> str | None:
    """Why ``compute`` of one of these sums (shape (1, k)) has no interval; None where all have."""
    doubt = getattr(compute, "doubt", None)
    return None if doubt is None else next(filter(None, map(doubt, totals)), None)


def extreme_rows(units: Array, compute: Compute, among: Array | None = None) -> tuple[Array, Array]:
    """The rows that lower and raise ``compute`` of the units' sum the most.

    Args:
        units: Shape (u, k).
        compute: As in ``infer_bootstrap``.
        among: Rows to choose from, shape (r, k); the units by default.

    Returns:
        Two rows of shape (k,).
    """
    rows = np.unique(units if among is None else among, axis=0)
    values = quietly(compute, units.sum(axis=0) + rows)
    finite = np.isfinite(values)
    if not finite.any():
        return rows[0], rows[0]
    low = int(np.argmin(np.where(finite, values, math.inf)))
    high = int(np.argmax(np.where(finite, values, -math.inf)))
    return rows[low], rows[high]


def quietly(compute: Compute, sums: Array) -> Array:
    """``compute`` of sums that are no counts of samples: rounding may leave its domain, as NaN."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return compute(sums)


def unseen_weights(resamples: int, seed: int) -> Array:
    """Weight of the one unit that was not seen, in each resample; shape (resamples, 1)."""
    rng = np.random.default_rng([seed, 1])
    return rng.exponential(size=(resamples, 1))


def from_replicates(
    value: float,
    replicates: Array,
    units: int,
    name: str,
    ends: tuple[Array, Array] | None = None,
    kind: str = "with an unseen unit",
) -> Inference:
    """The inference of replicates of shape (r,), drawn from that many units.

    Replicates in which the quantity is undefined (no positive drawn) are left out and counted;
    where they are more than a tenth, an interval from the rest would mislead and none is given.
    Nor is one where nothing varies: it would have width 0.

    Args:
        value: Of the data themselves.
        replicates: Shape (r,).
        units: How many were drawn from.
        name: For the method.
        ends: The replicates with one more unit, that was not seen, at its worst and at its best;
            or others for the lower and for the upper bound, which ``kind`` names.
        kind: For the method.
    """
    count = len(replicates)
    finite = np.sort(replicates[np.isfinite(replicates)])
    undefined = f"{count - len(finite)} of {count} resamples undefined"
    if not math.isfinite(value) or len(finite) < max(2, 0.9 * count):
        return Unknown(value, f"{name}; no interval, {undefined}")
    low, high = (
        (finite, finite) if ends is None else (np.sort(end[np.isfinite(end)]) for end in ends)
    )
    if not len(low) or not len(high) or high[-1] - low[0] <= _ROUNDING * max(1.0, abs(value)):
        return Unknown(value, f"{name}; no interval, nothing varies in {units} units")
    how = "percentile" if ends is None else f"percentile {kind}"
    method = f"{name}, {how}, {count} resamples"
    if len(finite) < count:
        method = f"{name}, {how}, {undefined}"
    return Resampled(value, finite, units, method, low, high)


def bootstrap(
    statistics: Array,
    compute: Compute,
    clusters: Clusters | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
    confidence: float = 0.95,
) -> Estimate:
    """A function of summed statistics with its bootstrap interval; see ``infer_bootstrap``.

    Args:
        statistics: Shape (n, k).
        compute: Maps sums of shape (r, k) to values of shape (r,).
        clusters: As in ``infer_mean``.
        resamples: Number of bootstrap replicates.
        seed: Of the draws.
        confidence: Coverage of the interval, in (0, 1).
    """
    inference = infer_bootstrap(statistics, compute, clusters, resamples, seed)
    return estimate(inference, len(statistics), confidence)


def resampled_sums(statistics: Array, resamples: int, seed: int) -> Array:
    """Sums over ``resamples`` draws with replacement of n rows; shape (resamples, k)."""
    n = len(statistics)
    if n == 0:
        return np.zeros((resamples, statistics.shape[1]))
    kinds = Kinds.of(statistics) if n > MANY else None
    if kinds is not None:
        return kinds.resampled_sums(resamples, seed)
    return np.concatenate([weights @ statistics for weights in draws(n, resamples, seed)])


def draws(n: int, resamples: int, seed: int) -> Iterator[Array]:
    """How often each of n rows is drawn, in chunks of shape (≤ resamples, n) that fit memory."""
    rng = np.random.default_rng(seed)
    step = max(1, min(resamples, _CHUNK // n))
    for start in range(0, resamples, step):
        count = min(step, resamples - start)
        chosen = rng.integers(0, n, size=(count, n)) + np.arange(count)[:, None] * n
        weights = np.bincount(chosen.ravel(), minlength=count * n)
        yield weights.reshape(count, n).astype(np.float64)
