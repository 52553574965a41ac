"""Two systems on the same samples: paired differences, tests, corrections, power."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.stats.estimates import UNIT, Clusters, infer_bounded, no_numbers, summed_by_cluster
from harness.stats.inference import NAN, Array, Inference, Unknown
from harness.stats.kinds_of_rows import Kinds
from harness.stats.raised import raised_ends
from harness.stats.resampling import (
    MANY,
    RESAMPLES,
    doubted,
    draws,
    extreme_rows,
    from_replicates,
    quietly,
    unseen_weights,
)

Compute = Callable[[Array], Array]
TRIALS = 10_000
_CHUNK = 500_000  # as in estimates

# --------------------------------------------------------------------------- means


def infer_paired(
    baseline: Sequence[float] | Array,
    candidate: Sequence[float] | Array,
    clusters: Clusters | None = None,
    bounds: tuple[float, float] | None = None,
) -> Inference:
    """What paired scores say about the mean difference, candidate − baseline.

    See ``infer_bounded``; its test of no difference between 0/1 scores is McNemar's exact one.
    A difference is at most the width of the scores' bounds, and it is that of the values seen in
    both runs where the bounds are not known.

    Args:
        baseline: Shape (n,).
        candidate: Shape (n,), of the same samples in the same order.
        clusters: Cluster of each sample; None, or a sample's None, for samples of their own.
        bounds: The least and the greatest that a score can be; as in ``infer_mean``.
    """
    before = np.asarray(baseline, dtype=np.float64)
    after = np.asarray(candidate, dtype=np.float64)
    both = np.concatenate([before, after])
    if problem := no_numbers(both, "paired"):
        return problem
    if bounds is not None and not all(map(math.isfinite, bounds)):
        bounds = None
    low, high = (float(both.min()), float(both.max())) if bounds is None else bounds
    if bounds is None and low >= 0 and high <= 1:
        low, high = UNIT
    width = high - low
    if width == 0:
        return Unknown(0.0, f"paired; all {len(both):,} scores are equal: no interval")
    kind = "held by the scores seen" if bounds is None and (low, high) != UNIT else ""
    return infer_bounded(after - before, (-width, width), clusters, "paired", kind)


def two_sided(inference: Inference, null: float = 0.0) -> float:
    """p-value of H0: the quantity equals ``null``."""
    return min(1.0, 2 * min(inference.below(null), inference.above(null)))


def mcnemar(gained: int, lost: int) -> float:
    """Exact two-sided McNemar test (McNemar 1947): given gained + lost, half are expected.

    Args:
        gained: Pairs in which only the candidate is right.
        lost: Pairs in which only the baseline is right.
    """
    from scipy.special import bdtr

    total = gained + lost
    return 1.0 if total == 0 else min(1.0, 2 * float(bdtr(min(gained, lost), total, 0.5)))


# --------------------------------------------------------------------------- corpus metrics


def paired_bootstrap(
    baseline: Array,
    candidate: Array,
    compute: Compute,
    clusters: Clusters | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[Inference, float]:
    """Paired bootstrap of a corpus metric (Koehn 2004), with sacrebleu's p-value.

    p = (c+1)/(R+1), where c counts the resamples whose |difference|, less its mean over all
    resamples, is at least the observed |difference|. (sacrebleu counts those strictly greater,
    which gives two equal systems p = 1/(R+1); with continuous scores the two agree.) Subtracting
    the mean of absolute differences makes it about twice too small for equal systems; it is given
    to agree with the field, and ``approximate_randomization`` is the test to decide by.

    Args:
        baseline: Sufficient statistics, shape (n, k).
        candidate: The same samples in the same order, shape (n, k).
        compute: Maps sums of shape (r, k) to values of shape (r,).
        clusters: Whole clusters are drawn.
        resamples: R.
        seed: Of the draws.

    Returns:
        The difference candidate − baseline, and p.
    """
    n = len(baseline)
    if n == 0:
        return Unknown(NAN, "paired bootstrap of no samples"), NAN
    before, after = summed_by_cluster(baseline, clusters), summed_by_cluster(candidate, clusters)
    observed = _difference(before.sum(axis=0), after.sum(axis=0), compute)
    units = len(before)
    if units < 2:
        return Unknown(observed, "paired bootstrap; too few samples for an interval"), NAN
    totals = [each.sum(axis=0, keepdims=True) for each in (before, after)]
    if why := doubted(compute, *totals):
        return Unknown(observed, f"paired bootstrap; no interval: {why}"), NAN
    old, new = _resampled_pairs(before, after, resamples, seed)
    replicates = compute(new) - compute(old)
    ends, kind = None, "with an unseen unit"
    if hasattr(compute, "plain"):
        sides = [_raised(compute, *each) for each in zip(totals, (old, new), strict=True)]
        ends, kind = (sides[1][0] - sides[0][1], sides[1][1] - sides[0][0]), "less what chance adds"
    elif units <= MANY:
        both = np.concatenate([before, after])
        lows, highs = zip(
            *(extreme_rows(each, compute, both) for each in (before, after)), strict=True
        )
        unseen = unseen_weights(resamples, seed)
        ends = (
            quietly(compute, new + unseen * lows[1]) - quietly(compute, old + unseen * highs[0]),
            quietly(compute, new + unseen * highs[1]) - quietly(compute, old + unseen * lows[0]),
        )
    over = "" if units == n else f" over {units} clusters"
    inference = from_replicates(observed, replicates, units, f"paired bootstrap{over}", ends, kind)
    sizes = np.abs(replicates[np.isfinite(replicates)])
    return inference, _share_at_least(sizes - sizes.mean() if len(sizes) else sizes, abs(observed))


def _resampled_pairs(before: Array, after: Array, resamples: int, seed: int) -> tuple[Array, Array]:
    """Sums of both sides over the same draws, each of shape (resamples, k)."""
    n, width = before.shape
    kinds = Kinds.of_pairs(before, after) if n > MANY else None
    if kinds is not None:
        sums = kinds.resampled_sums(resamples, seed)
        return sums[:, :width], sums[:, width:]
    pairs = [(weights @ before, weights @ after) for weights in draws(n, resamples, seed)]
    old, new = zip(*pairs, strict=True)
    return np.concatenate(old), np.concatenate(new)


def _raised(compute: Any, total: Array, sums: Array) -> tuple[Array, Array]:
    """Replicates of one side's quantity that chance raises; see ``raised_ends``."""
    replicates = compute.plain(sums)
    again = float(np.nanmean(replicates) - compute.plain(total)[0])
    return raised_ends(replicates, float(compute.noise(total)[0]), again)


def approximate_randomization(
    baseline: Array,
    candidate: Array,
    compute: Compute,
    clusters: Clusters | None = None,
    trials: int | None = None,
    seed: int = 0,
) -> float:
    """p-value of H0: the two systems are exchangeable (Riezler & Maxwell 2005; sacrebleu's).

    In each trial every sample (cluster) swaps its two outputs with probability ½;
    p = (c+1)/(R+1), c the trials whose |difference| is at least the observed one.

    Args:
        baseline: Sufficient statistics, shape (n, k).
        candidate: The same samples in the same order, shape (n, k).
        compute: Maps sums of shape (r, k) to values of shape (r,).
        clusters: Whole clusters are swapped.
        trials: R; by default 10,000, or 1,000 from 20,000 units on.
        seed: Of the swaps.
    """
    before, after = summed_by_cluster(baseline, clusters), summed_by_cluster(candidate, clusters)
    units = len(before)
    if units == 0:
        return NAN
    trials = trials or (TRIALS if units < 20_000 else TRIALS // 10)
    total_before, total_after = before.sum(axis=0), after.sum(axis=0)
    parts = [
        compute(total_after - moved) - compute(total_before + moved)
        for moved in _moved(before, after, trials, seed)
    ]
    sizes = np.abs(np.concatenate(parts))
    observed = abs(_difference(total_before, total_after, compute))
    return _share_at_least(sizes[np.isfinite(sizes)], observed)


def _moved(before: Array, after: Array, trials: int, seed: int) -> Iterator[Array]:
    """Sums of after − before of the rows that swap, some trials at a time, shape (≤ trials, k)."""
    n, width = before.shape
    kinds = Kinds.of_pairs(before, after) if n > MANY else None
    if kinds is None:
        gap = after - before
        for swapped in _coin_flips(n, trials, seed):
            yield swapped.astype(np.float64) @ gap
        return

    counts = kinds.halved(trials, seed)
    gaps = kinds.rows[:, width:] - kinds.rows[:, :width]
    for start in range(0, trials, RESAMPLES):
        yield counts[start : start + RESAMPLES] @ gaps


def _coin_flips(n: int, trials: int, seed: int) -> Iterator[NDArray[np.uint8]]:
    rng = np.random.default_rng(seed)
    step = max(1, min(trials, _CHUNK // n))
    for start in range(0, trials, step):
        count = min(step, trials - start)
        octets = rng.integers(0, 256, size=(count, (n + 7) // 8), dtype=np.uint8)
        yield np.unpackbits(octets, axis=1, count=n)


def _difference(before: Array, after: Array, compute: Compute) -> float:
    values = compute(np.stack([before, after]))
    return float(values[1] - values[0])


def _share_at_least(sizes: Array, observed: float) -> float:
    """(c+1)/(R+1); rounding must not turn a tie into a smaller value."""
    if not math.isfinite(observed) or len(sizes) == 0:
        return NAN
    slack = 1e-9 * max(1.0, observed)
    return float(np.sum(sizes >= observed - slack) + 1) / (len(sizes) + 1)


# --------------------------------------------------------------------------- several, and power


def resamples_needed(rules: int, alpha: float) -> int:
    """Resamples with which ``rules`` corrected for each other can still be decided at ``alpha``.

    A p-value from R resamples is at least 1/(R + 1), and Holm–Bonferroni multiplies the smallest
    by the number of rules: 20·rules/α leave it a twentieth of what may be spent.
    """
    return max(RESAMPLES, math.ceil(20 * rules / alpha))


def simultaneous(groups: int, confidence: float) -> float:
    """Coverage of each pair's interval with which those of all pairs of groups hold at once.

    Tukey & Kramer's: the greatest of all pairs' |differences|/SE is at most as large as the range
    of as many independent normal values, over √2 (Hayter 1984, Ann. Stat. 12:61).

    Args:
        groups: At least 2.
        confidence: Of all intervals together, in (0, 1).
    """
    from scipy.optimize import brentq
    from scipy.special import ndtr

    grid = np.linspace(-8.0, 8.0, 1601)
    density = np.exp(-(grid**2) / 2) / math.sqrt(2 * math.pi) * (grid[1] - grid[0])

    def excess(critical: float) -> float:
        within = ndtr(grid) - ndtr(grid - math.sqrt(2) * critical)
        return groups * float(density @ within ** (groups - 1)) - confidence

    critical = float(brentq(excess, 0.0, 20.0))
    return 1 - 2 * float(ndtr(-critical))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm–Bonferroni adjusted p-values (Holm 1979, Scand. J. Stat. 6:65), in the given order.

    Rejecting what is ≤ α keeps the chance of any false rejection ≤ α, however they depend.
    """
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values (Benjamini & Hochberg 1995, JRSS B 57:289), in the given order.

    Of what is ≤ q, a share of at most q is expected to be false.
    """
    count = len(p_values)
    adjusted = [1.0] * count
    least = 1.0
    for rank, index in enumerate(sorted(range(count), key=lambda i: -p_values[i])):
        least = min(least, p_values[index] * count / (count - rank))
        adjusted[index] = least
    return adjusted


def minimum_detectable_effect(
    inference: Inference, confidence: float = 0.95, power: float = 0.8
) -> float:
    """The smallest true difference that this much data would detect with that ``power``.

    (z₁₋α/₂ + z_power)·SE with SE read from the interval, half-width/z₁₋α/₂, which is not 0 where
    the samples happen to agree.
    """
    from scipy.special import ndtri

    low, high = inference.interval(confidence)
    return (high - low) / 2 * (1 + float(ndtri(power) / ndtri(0.5 + confidence / 2)))
