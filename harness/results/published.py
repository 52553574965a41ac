"""A metric as it was published, set against the samples' scores in the same file."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from harness.authoring.metrics import Mean
from harness.protocols import ImportedMetric
from harness.stats import estimates
from harness.stats.inference import NAN, decisive, estimate, wilson
from harness.types import Estimate, MetricResult, Score

UNIT = (0.0, 1.0)
_EXACT = 1e-6
_MOST_REBUILT = 10_000_000
"""Samples of a share that are counted out again; a larger set has a narrow interval anyway."""


def settle(
    name: str, metric: ImportedMetric, rows: Sequence[Score], records: int, n: int
) -> tuple[MetricResult, str]:
    """The metric's result, and why it is not the mean of samples' scores; empty where it is.

    It is the mean of the samples' scores where that is what the file publishes, within its
    rounding; else what it publishes.

    Args:
        name: The metric's name.
        metric: What is published of it.
        rows: The samples' scores.
        records: Samples in the file.
        n: Samples that the published value rests on.
    """
    why = _unlike(metric, rows, records, n)
    if not why:
        mean = Mean(name, metric.higher_is_better, bounds=metric.bounds)
        found = mean.aggregate(list(rows))
        result = MetricResult(found, metric.higher_is_better, kind="mean", bounds=metric.bounds)
        return result, ""
    result = MetricResult(
        published_estimate(metric, n),
        metric.higher_is_better,
        kind="published",
        bounds=metric.bounds,
    )
    return result, why


def _unlike(metric: ImportedMetric, rows: Sequence[Score], records: int, n: int) -> str:
    """Why the samples do not stand for the published value; empty where they do."""
    if metric.value is None:
        return "" if rows else "no sample has a score"
    if not rows:
        return "the file holds no sample's score"
    if records < n:
        return f"the file holds {records:,} of {n:,} samples"
    values = np.array([row.value for row in rows])
    mean = float(values.mean()) if np.isfinite(values).all() else NAN
    if not abs(mean - metric.value) <= _tolerance(metric.value):
        return f"the mean of the samples' scores is {mean:.6g}, not {metric.value:.6g}"
    return ""


def _tolerance(value: float) -> float:
    """How far the mean may lie from a value that was perhaps rounded to 3 or more decimals."""
    decimals = len(repr(value).partition(".")[2]) if "e" not in repr(value) else 0
    rounding = 0.5000001 * 10.0**-decimals if 3 <= decimals <= 12 else 0.0
    return max(rounding, _EXACT * abs(value), 1e-12)


def published_estimate(metric: ImportedMetric, n: int) -> Estimate:
    """The published value with its interval; NaN where none can be told.

    A share of 0/1 scores is known from its value and n, and has its exact interval: the variance
    of scores from 0 to 1 is p(1−p) only where all are 0 or 1. An error of 0 says nothing by itself.
    """
    value = NAN if metric.value is None else float(metric.value)
    stderr = NAN if metric.stderr is None or metric.stderr < 0 else float(metric.stderr)
    method = f"published{', ' + metric.method if metric.method else ''}"
    if _is_share(metric, value, stderr, n):
        hits = round(value * n)
        rebuilt = estimates.infer_mean(np.repeat([0.0, 1.0], [n - hits, hits]))
        found = estimate(decisive(rebuilt), n)
        return Estimate(value, found.stderr, found.low, found.high, n, f"published; {found.method}")
    if math.isnan(stderr) and metric.low is None and metric.bounds == UNIT and 0 <= value <= 1 < n:
        # No scores from 0 to 1 with that mean vary more than 0s and 1s.
        low, high = wilson(value, n, _quantile(0.95))
        widest = math.sqrt(value * (1 - value) / n)
        return Estimate(value, widest, low, high, n, f"{method}; Wilson, the widest of such scores")
    low, high = _interval(metric, value, stderr)
    if math.isnan(stderr) and math.isfinite(low) and math.isfinite(high):
        stderr = (high - low) / (2 * _quantile(0.95))
    return Estimate(value, stderr, low, high, n, method)


def _is_share(metric: ImportedMetric, value: float, stderr: float, n: int) -> bool:
    """Whether the value can only be a share of n scores of 0 and 1."""
    if metric.bounds != UNIT or not 0 < n <= _MOST_REBUILT or not 0 <= value <= 1:
        return False
    if abs(round(value * n) - value * n) > 0.01 or metric.low is not None:
        return False
    if math.isnan(stderr):
        return value in (0.0, 1.0)
    variance = value * (1 - value)
    errors = [math.sqrt(variance / (n - freed)) for freed in (0, 1) if n > freed]
    return any(math.isclose(stderr, each, rel_tol=1e-3, abs_tol=1e-12) for each in errors)


def _interval(metric: ImportedMetric, value: float, stderr: float) -> tuple[float, float]:
    """The interval at 95 %: the published one, else a normal one from the standard error."""
    wanted = _quantile(0.95)
    if metric.low is not None and metric.high is not None:
        scale = wanted / _quantile(metric.confidence)
        low = value - scale * (value - metric.low)
        high = value + scale * (metric.high - value)
        return (low, high) if low <= value <= high and low < high else (NAN, NAN)
    if not stderr > 0 or math.isnan(value):
        return NAN, NAN
    least, greatest = metric.bounds or (-math.inf, math.inf)
    return max(least, value - wanted * stderr), min(greatest, value + wanted * stderr)


def _quantile(confidence: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(0.5 + confidence / 2)) if 0 < confidence < 1 else NAN
