"""Estimates of one quantity: means (plain, clustered, 0/1) and bootstrapped corpus statistics."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.stats.bounded import BoundedMean, Units
from harness.stats.inference import (
    NAN,
    Array,
    Inference,
    Reported,
    Share,
    StudentT,
    Unknown,
    estimate,
    wilson,
)
from harness.types import Estimate

__all__ = [
    "Clusters",
    "cluster_codes",
    "clustered_error",
    "from_estimate",
    "infer_bounded",
    "infer_mean",
    "mean",
    "summed_by_cluster",
    "wilson",
]

Clusters = Sequence[str | None] | NDArray[np.intp]
"""Names of the rows' clusters, or their codes."""
_FEW = 50
_FEW_CLUSTERS = 25
_NEGLIGIBLE = 0.05  # of a standard error, by which one unseen value can move a mean
UNIT = (0.0, 1.0)
_SEEN = "held beyond the values seen"

# --------------------------------------------------------------------------- clusters


def cluster_codes(clusters: Clusters) -> NDArray[np.intp]:
    """Integer codes per row from 0, shape (n,); a row without a cluster is one of its own."""
    if isinstance(clusters, np.ndarray):
        return clusters
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
    The degrees of freedom are C−1 where all clusters have one size, fewer where a few large ones
    carry the sum: the lesser of Bell & McCaffrey's (2002, Survey Methodology 28:169) and the
    effective number of clusters less 1 (Carter, Schnepel & Steigerwald 2017, Rev. Econ. Stat.
    99:698; the members of a cluster taken to agree wholly, as they advise).

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
    freedom = _freedom(sizes, sums, float(residuals @ residuals))
    return stderr, max(1.0, min(freedom, effective_clusters(sizes) - 1)), count


def effective_clusters(sizes: Array) -> float:
    """C/(1 + Γ), Γ the squared coefficient of variation of the clusters' squared sizes.

    Args:
        sizes: Samples in each cluster, shape (C,).
    """
    squares = sizes**2
    return len(sizes) / (1 + float(squares.var()) / float(squares.mean()) ** 2)


def _freedom(sizes: Array, sums: Array, squares: float) -> float:
    """tr(G)²/tr(G²), G the covariance of the clusters' summed residuals ``sums``.

    A cluster's sum has variance V_c = m_c·(1 + ρ(m_c−1)), ρ estimated from the residuals (their
    sum of squares is ``squares``); taking out the mean gives G = V − abᵀ − baᵀ + t·aaᵀ with
    a = m/n, b = diag(V), t = ΣV_c.
    """
    b = sizes * (1 + _agreement(sums, sizes, squares) * (sizes - 1))
    a, t = sizes / sizes.sum(), b.sum()
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

    Wilson's interval where every value is 0 or 1, with the effective sample size p(1−p)/SE² where
    clusters hold several rows. Else, where the least and the greatest value are known, see
    ``infer_bounded``. Else Student t on the (clustered) standard error; from 50 values on
    what lies somewhat beyond those seen stands in for the bounds (see ``beyond_seen``), because t
    misses the mean of heavy tails twice as often as it says.

    Args:
        values: Shape (n,).
        clusters: Cluster of each row; None, or a row's None, for rows of their own.
        bounds: The least and the greatest that a value can be; None where not known: then values
            that all lie in [0, 1] are taken for bounded by it.
    """
    array = np.asarray(values, dtype=np.float64)
    n = len(array)
    if problem := no_numbers(array, "mean"):
        return problem
    if bounds is None and bool(np.all((array >= 0) & (array <= 1))):
        bounds = UNIT
    if bounds is not None and not all(map(math.isfinite, bounds)):
        return _infer_half_bounded(array, bounds, clusters)
    binary = bounds in (UNIT, None) and bool(np.all((array == 0) | (array == 1)))
    if bounds is not None and not binary:
        return infer_bounded(array, bounds, clusters)
    if clusters is not None:
        clusters = cluster_codes(clusters)
    stderr, freedom, count = clustered_error(array, clusters)
    centre = float(array.mean())
    if not binary and count >= 2 and stderr == 0:
        return Unknown(centre, f"mean; all {n:,} values are equal: no interval")
    if not binary and count >= _FEW:
        return infer_bounded(array, beyond_seen(array), clusters, "mean", _SEEN)
    if not binary and count >= 2:
        return StudentT(centre, stderr, freedom, f"mean, Student t{_over(count, n)}")
    if count < min(n, 2):
        return Unknown(centre, "mean; all samples are of one cluster: no interval")
    if not binary:
        return Unknown(centre, "mean; too few samples for an interval")
    if count < n and freedom + 1 < _FEW_CLUSTERS:
        return infer_bounded(array, UNIT, clusters)
    method = f"mean, Wilson{_over(count, n)}"
    exact = infer_bounded(array, UNIT, clusters)
    if count == n:
        return Share(centre, stderr, n, math.inf, method, exact)
    size = effective_size(centre * (1 - centre), stderr, n, count)
    return Share(centre, stderr, size, freedom, method, exact)


def _infer_half_bounded(
    values: Array, bounds: tuple[float, float], clusters: Clusters | None
) -> Inference:
    """A mean of values of which one side has no end, such as counts: the values seen hold it."""
    ends = float(values.min()), float(values.max())
    if ends[0] == ends[1]:
        return Unknown(ends[0], f"mean; all {len(values):,} values are equal: no interval")
    far = beyond_seen(values)
    low, high = (b if math.isfinite(b) else e for b, e in zip(bounds, far, strict=True))
    return infer_bounded(values, (low, high), clusters, "mean", _SEEN)


def beyond_seen(values: Array) -> tuple[float, float]:
    """Where one value more may lie, on both sides, where nothing bounds the values.

    As far beyond the outermost value as the √n outermost ones lie beyond the innermost of them on
    average: the mean excess, which is what a next record adds to the last one where the tail is
    exponential (Davison & Smith 1990, JRSS B 52:393).

    Args:
        values: Shape (n,), n ≥ 1.
    """
    count = len(values)
    k = max(1, round(math.sqrt(count)))
    top = np.partition(values, count - k)[count - k :]
    bottom = np.partition(values, k - 1)[:k]
    low, high = float(bottom.min()), float(top.max())
    return low - float(bottom.max() - bottom.mean()), high + float(top.mean() - top.min())


def from_estimate(reported: Estimate) -> Inference:
    """What a reported estimate says, where the data behind it are gone: a probe's measure.

    A share of 0/1 values keeps its exact test, rebuilt from the share and n. Anything else keeps
    its interval; without one nothing can be shown.
    """
    value, n = reported.value, reported.n
    if re.search(r"mean, Wilson$", reported.method) and n > 0 and 0 <= value <= 1:
        hits = round(value * n)
        if math.isclose(hits / n, value, abs_tol=1e-9):
            return infer_mean(np.repeat([0.0, 1.0], [n - hits, hits]))
    ends = (value, reported.low, reported.high)
    if not all(map(math.isfinite, ends)) or reported.low == reported.high:
        return Unknown(value, f"{reported.method}; no interval to judge by")
    found = re.search(r"([\d.]+) %$", reported.method)
    confidence = float(found[1]) / 100 if found else 0.95
    return Reported(
        value, reported.stderr, reported.low, reported.high, confidence, reported.method
    )


def infer_bounded(
    values: Sequence[float] | Array,
    bounds: tuple[float, float],
    clusters: Clusters | None = None,
    name: str = "mean",
    kind: str = "",
) -> Inference:
    """What values with known bounds say about their population's mean; see ``bounded``.

    It is Student t's where one unseen value at a bound could not move the mean by more than a
    twentieth of its standard error. The skewness of the mean is then at most as much, which moves
    a one-sided level of 5 % by less than 0.6 points.

    Args:
        values: Shape (n,).
        bounds: The least and the greatest that a value can be.
        clusters: As in ``infer_mean``.
        name: What the values are, for the method.
        kind: How they are bounded, for the method; by default the bounds.
    """
    array = np.asarray(values, dtype=np.float64)
    if problem := no_numbers(array, name):
        return problem
    n = len(array)
    if clusters is not None:
        clusters = cluster_codes(clusters)
    stderr, freedom, count = clustered_error(array, clusters)
    centre, over = float(array.mean()), _over(count, n)
    low, high = min(bounds[0], float(array.min())), max(bounds[1], float(array.max()))
    binary = bool(np.all((array == low) | (array == high)))
    if count < 2 and not (binary and n == 1):
        reason = "all samples are of one cluster" if n > 1 else "too few samples"
        return Unknown(centre, f"{name}; {reason}: no interval")
    units = Units.of(array) if count == n else _cluster_units(array, clusters, freedom)
    exact = count == n and bool(np.isin(array, (low, (low + high) / 2, high)).all())
    if not exact and (high - low) * units.unseen <= _NEGLIGIBLE * stderr * n:
        return StudentT(centre, stderr, freedom, f"{name}, Student t{over}", (low, high))
    kind = "exact" if exact else kind or f"bounded in [{low:g}, {high:g}]"
    return BoundedMean(centre, stderr, units, (low, high), f"{name}, {kind}{over}")


def _cluster_units(values: Array, clusters: Clusters | None, freedom: float) -> Units:
    """Clusters as the units; that which was not seen is as large as an average value's.

    Where there are enough clusters to see how far their members agree, ρ, they are worth
    1 + ρ·(size − 1) values as bad as can be at once. Simulated coverage asks for more: the unseen
    unit has the geometric mean of that and its size. With few clusters it counts as a whole.
    """
    columns = np.stack([values, np.ones(len(values))], axis=1)
    totals, sizes = summed_by_cluster(columns, clusters).T
    unseen = float(sizes @ sizes) / len(values)
    if freedom + 1 >= _FEW_CLUSTERS:
        residuals = totals - values.mean() * sizes
        squares = float(((values - values.mean()) ** 2).sum())
        worth = 1 + _agreement(residuals, sizes, squares) * (unseen - 1)
        unseen = math.sqrt(worth * unseen)
    return Units.of(totals, sizes, unseen)


def _agreement(sums: Array, sizes: Array, squares: float) -> float:
    """Correlation of a cluster's members, in [0, 1], from the clusters' summed residuals."""
    n, pairs = float(sizes.sum()), float((sizes**2).sum() - sizes.sum())
    if squares <= 0:
        return 1.0
    return min(max((float(sums @ sums) / (squares / n) - n) / pairs, 0.0), 1.0)


def no_numbers(array: Array, name: str) -> Unknown | None:
    """Why nothing can be said: no values, or one that is not a number; None where all is well."""
    if len(array) == 0:
        return Unknown(NAN, f"{name} of no samples")
    finite = np.isfinite(array)
    if finite.all():
        return None
    place = int(np.argmin(finite))
    return Unknown(NAN, f"{name}; value {place + 1:,} of {len(array):,} is {array[place]}")


def _over(count: int, n: int) -> str:
    return "" if count == n else f", {count} clusters"


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
