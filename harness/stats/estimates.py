"""Estimates of one quantity: means (plain, clustered, 0/1) and bootstrapped corpus statistics."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.types import Estimate

Array = NDArray[np.float64]
NAN = float("nan")


def cluster_codes(clusters: Sequence[str | None]) -> NDArray[np.intp]:
    """Integer codes per row, shape (n,); a row without a cluster is a cluster of its own."""
    named: dict[str, int] = {}
    codes = np.empty(len(clusters), dtype=np.intp)
    next_code = 0
    for row, cluster in enumerate(clusters):
        if cluster is not None and cluster in named:
            codes[row] = named[cluster]
            continue
        codes[row] = next_code
        if cluster is not None:
            named[cluster] = next_code
        next_code += 1
    return codes


def mean(
    values: Sequence[float] | Array,
    clusters: Sequence[str | None] | None = None,
    confidence: float = 0.95,
) -> Estimate:
    """Mean with its interval.

    Student t on the (clustered) standard error; Wilson's interval where every value is 0 or 1
    and no cluster holds two rows. Clustered: SE² = C/(C−1)·Σ_c(Σ_{i∈c}(s_i−s̄))²/n²
    (Miller 2024, "Adding error bars to evals", eq. 4).

    Args:
        values: Shape (n,), finite.
        clusters: Cluster of each row; None, or a row's None, for rows of their own.
        confidence: Coverage of the interval, in (0, 1).
    """
    from scipy import stats

    array = np.asarray(values, dtype=np.float64)
    n = len(array)
    if n == 0:
        return Estimate(NAN, NAN, NAN, NAN, 0, "mean of no samples")
    centre = float(array.mean())
    codes = np.arange(n) if clusters is None else cluster_codes(clusters)
    count = int(codes.max()) + 1
    if count < 2:
        return Estimate(centre, NAN, NAN, NAN, n, "mean; too few samples for an interval")
    sums = np.bincount(codes, weights=array - centre, minlength=count)
    stderr = math.sqrt(count / (count - 1) * float(sums @ sums)) / n
    if count == n and bool(np.all((array == 0) | (array == 1))):
        z = float(stats.norm.ppf(0.5 + confidence / 2))
        low, high = wilson(centre, n, z)
        return Estimate(centre, stderr, low, high, n, "mean, Wilson")
    t = float(stats.t.ppf(0.5 + confidence / 2, count - 1))
    method = "mean, Student t" if count == n else f"mean, Student t, {count} clusters"
    return Estimate(centre, stderr, centre - t * stderr, centre + t * stderr, n, method)


def wilson(share: float, n: float, z: float) -> tuple[float, float]:
    """Wilson's score interval of a proportion (Wilson 1927)."""
    scale = 1 + z * z / n
    middle = (share + z * z / (2 * n)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def bootstrap(
    statistics: Array,
    compute: Callable[[Array], Array],
    clusters: Sequence[str | None] | None = None,
    resamples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Estimate:
    """Percentile bootstrap of a function of summed statistics, over samples or clusters.

    Args:
        statistics: Shape (n, k), one row of additive sufficient statistics a sample.
        compute: Maps sums of shape (r, k) to values of shape (r,).
        clusters: As in ``mean``; whole clusters are drawn.
        resamples: Number of bootstrap replicates.
        seed: Of the draws.
        confidence: Coverage of the interval, in (0, 1).
    """
    n = len(statistics)
    if n == 0:
        return Estimate(NAN, NAN, NAN, NAN, 0, "bootstrap of no samples")
    value = float(compute(statistics.sum(axis=0, keepdims=True))[0])
    if clusters is not None:
        codes = cluster_codes(clusters)
        grouped = np.zeros((int(codes.max()) + 1, statistics.shape[1]))
        np.add.at(grouped, codes, statistics)
        statistics = grouped
    units = len(statistics)
    if units < 2:
        return Estimate(value, NAN, NAN, NAN, n, "bootstrap; too few samples for an interval")
    replicates = compute(resampled_sums(statistics, resamples, seed))
    replicates = replicates[np.isfinite(replicates)]
    tail = (1 - confidence) / 2
    low, high = np.quantile(replicates, [tail, 1 - tail])
    unit = "" if units == n else f" over {units} clusters"
    return Estimate(
        value,
        float(replicates.std(ddof=1)),
        float(low),
        float(high),
        n,
        f"bootstrap percentile{unit}, {resamples} resamples",
    )


def resampled_sums(statistics: Array, resamples: int, seed: int) -> Array:
    """Sums over ``resamples`` draws with replacement of n rows; shape (resamples, k)."""
    rng = np.random.default_rng(seed)
    n = len(statistics)
    weights = rng.multinomial(n, np.full(n, 1 / n), size=resamples)
    return weights.astype(np.float64) @ statistics
