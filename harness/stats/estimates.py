"""Estimates of one quantity: means (plain, clustered, 0/1) and bootstrapped corpus statistics."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.stats.inference import (
    EVERYWHERE,
    NAN,
    Array,
    Inference,
    Resampled,
    Share,
    StudentT,
    Unknown,
    estimate,
    wilson,
)
from harness.types import Estimate

__all__ = [
    "RESAMPLES",
    "Clusters",
    "bootstrap",
    "cluster_codes",
    "clustered_error",
    "infer_bootstrap",
    "infer_mean",
    "mean",
    "resampled_sums",
    "summed_by_cluster",
    "wilson",
]

Clusters = Sequence[str | None]
Compute = Callable[[Array], Array]
RESAMPLES = 1000
_FEW = 50
_CHUNK = 500_000  # draws held at once: 4 MB, which stay in the processor's cache

# --------------------------------------------------------------------------- clusters


def cluster_codes(clusters: Clusters) -> NDArray[np.intp]:
    """Integer codes per row from 0, shape (n,); a row without a cluster is one of its own."""
    # The position stands in for a missing name: it is no string, so it cannot be another's.
    keys = [row if cluster is None else cluster for row, cluster in enumerate(clusters)]
    codes = {key: code for code, key in enumerate(dict.fromkeys(keys))}
    return np.fromiter(map(codes.__getitem__, keys), dtype=np.intp, count=len(keys))


def summed_by_cluster(statistics: Array, clusters: Clusters | None) -> Array:
    """Statistics of shape (n, k) summed over clusters, shape (C, k)."""
    if clusters is None:
        return statistics
    codes = cluster_codes(clusters)
    if len(codes) == 0 or int(codes.max()) + 1 == len(codes):
        return statistics
    columns = [np.bincount(codes, weights=column) for column in statistics.T]
    return np.stack(columns, axis=1) if columns else np.zeros((int(codes.max()) + 1, 0))


def clustered_error(values: Array, clusters: Clusters | None) -> tuple[float, float, int]:
    """Standard error of a mean, its degrees of freedom, and the number of clusters.

    SE² = C/(C−1)·Σ_c(Σ_{i∈c}(s_i−s̄))²/n² (Miller 2024, "Adding error bars to evals", eq. 4).
    The degrees of freedom are Bell & McCaffrey's (2002, Survey Methodology 28:169): C−1 where all
    clusters have one size, fewer where a few large ones carry the sum.

    Args:
        values: Shape (n,), n ≥ 1.
        clusters: Cluster of each row; None: every row alone.
    """
    n = len(values)
    residuals = values - values.mean()
    sums, sizes = summed_by_cluster(np.stack([residuals, np.ones(n)], axis=1), clusters).T
    count = len(sums)
    if count < 2:
        return NAN, NAN, count
    stderr = math.sqrt(count / (count - 1) * float(sums @ sums)) / n
    if count == n:
        return stderr, n - 1.0, n
    return stderr, _freedom(sizes, sums, float(residuals @ residuals)), count


def _freedom(sizes: Array, sums: Array, squares: float) -> float:
    """tr(G)²/tr(G²), G the covariance of the clusters' summed residuals ``sums``.

    A cluster's sum has variance V_c = m_c·(1 + ρ(m_c−1)), ρ estimated from the residuals (their
    sum of squares is ``squares``); taking out the mean gives G = V − abᵀ − baᵀ + t·aaᵀ with
    a = m/n, b = diag(V), t = ΣV_c.
    """
    n, pairs = sizes.sum(), (sizes**2).sum() - sizes.sum()
    agreement = (sums @ sums / (squares / n) - n) / pairs if squares > 0 else 1.0
    b = sizes * (1 + min(max(agreement, 0.0), 1.0) * (sizes - 1))
    a, t = sizes / n, b.sum()
    aa, ab, bb = a @ a, a @ b, b @ b
    trace = t - 2 * ab + t * aa
    square = bb + 2 * (b * (t * a**2 - 2 * a * b)).sum()
    square += 2 * aa * bb + 2 * ab**2 - 4 * t * aa * ab + (t * aa) ** 2
    return max(1.0, float(trace**2 / square)) if square > 0 else 1.0


# --------------------------------------------------------------------------- means


def infer_mean(
    values: Sequence[float] | Array,
    clusters: Clusters | None = None,
    bounds: tuple[float, float] | None = None,
) -> Inference:
    """What the values say about their population's mean.

    Student t on the (clustered) standard error; Wilson's interval where every value is 0 or 1,
    with the effective sample size p(1−p)/SE² where clusters hold several rows.

    Args:
        values: Shape (n,), finite.
        clusters: Cluster of each row; None, or a row's None, for rows of their own.
        bounds: The least and the greatest that a value can be; None for no bounds.
    """
    array = np.asarray(values, dtype=np.float64)
    n = len(array)
    if n == 0:
        return Unknown(NAN, "mean of no samples")
    centre = float(array.mean())
    binary = bool(np.all((array == 0) | (array == 1)))
    stderr, freedom, count = clustered_error(array, clusters)
    if binary and count == n:
        return Share(centre, stderr, n, math.inf, "mean, Wilson")
    if count < 2:
        return Unknown(centre, "mean; too few samples for an interval")
    if binary:
        size = effective_size(centre * (1 - centre), stderr, n, count)
        return Share(centre, stderr, size, freedom, f"mean, Wilson, {count} clusters")
    over = "" if count == n else f", {count} clusters"
    return StudentT(centre, stderr, freedom, f"mean, Student t{over}", bounds or EVERYWHERE)


def effective_size(variance: float, stderr: float, n: int, count: int) -> float:
    """Independent samples that a clustered sample is worth: variance/SE², in [1, n].

    Where nothing varies the error says nothing, and each cluster counts once.
    """
    if variance <= 0 or stderr <= 0:
        return float(count)
    return min(float(n), max(1.0, variance / stderr**2))


def mean(
    values: Sequence[float] | Array,
    clusters: Clusters | None = None,
    confidence: float = 0.95,
    bounds: tuple[float, float] | None = None,
) -> Estimate:
    """Mean with its interval; see ``infer_mean``.

    Args:
        values: Shape (n,), finite.
        clusters: As in ``infer_mean``.
        confidence: Coverage of the interval, in (0, 1).
        bounds: As in ``infer_mean``.
    """
    return estimate(infer_mean(values, clusters, bounds), len(values), confidence)


# --------------------------------------------------------------------------- bootstrap


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
        compute: Maps sums of shape (r, k) to values of shape (r,); NaN where undefined.
        clusters: As in ``infer_mean``; whole clusters are drawn.
        resamples: Number of bootstrap replicates.
        seed: Of the draws.
    """
    n = len(statistics)
    if n == 0:
        return Unknown(NAN, "bootstrap of no samples")
    units = summed_by_cluster(np.asarray(statistics, dtype=np.float64), clusters)
    value = float(compute(units.sum(axis=0, keepdims=True))[0])
    if len(units) < 2:
        return Unknown(value, "bootstrap; too few samples for an interval")
    over = "" if len(units) == n else f" over {len(units)} clusters"
    replicates = compute(resampled_sums(units, resamples, seed))
    return from_replicates(value, replicates, len(units), f"bootstrap{over}")


def from_replicates(value: float, replicates: Array, units: int, name: str) -> Inference:
    """The inference of replicates of shape (r,), drawn from that many units.

    Replicates in which the quantity is undefined (no positive drawn) are left out and counted;
    where they are more than a tenth, an interval from the rest would mislead and none is given.
    Nor is one where nothing varies and the units are few: it would have width 0.
    """
    count = len(replicates)
    finite = np.sort(replicates[np.isfinite(replicates)])
    undefined = f"{count - len(finite)} of {count} resamples undefined"
    if not math.isfinite(value) or len(finite) < max(2, 0.9 * count):
        return Unknown(value, f"{name}; no interval, {undefined}")
    if units < _FEW and finite[0] == finite[-1]:
        return Unknown(value, f"{name}; no interval, nothing varies in {units} units")
    method = f"{name}, percentile, {count} resamples"
    if len(finite) < count:
        method = f"{name}, percentile, {undefined}"
    return Resampled(value, finite, units, method)


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
    if len(statistics) == 0:
        return np.zeros((resamples, statistics.shape[1]))
    parts = [weights @ statistics for weights in draws(len(statistics), resamples, seed)]
    return np.concatenate(parts)


def draws(n: int, resamples: int, seed: int) -> Iterator[Array]:
    """How often each of n rows is drawn, in chunks of shape (≤ resamples, n) that fit memory."""
    rng = np.random.default_rng(seed)
    step = max(1, min(resamples, _CHUNK // n))
    for start in range(0, resamples, step):
        count = min(step, resamples - start)
        chosen = rng.integers(0, n, size=(count, n))
        chosen += np.arange(count)[:, None] * n
        weights = np.bincount(chosen.ravel(), minlength=count * n)
        yield weights.reshape(count, n).astype(np.float64)
