"""What a probe's variants say against the originals: the measures that every probe shares.

    score        the variants' score
    mean_change  variants − originals
    worst_case   each sample's worst score, the original's among them
    flip_rate    share of variants whose prediction is another; where scores carry no prediction
                 (generated text), of those that turned right into wrong or wrong into right

All are paired by sample: only samples with a scored original and a scored variant count, each
with the mean over its variants, and clusters of samples are respected. Where variants are told
apart by a label (a strength, a group), ``measure@label`` says it for one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from harness.authoring.metrics import Resamplable, clusters_of, statistics_of
from harness.protocols import Metric, bounds_of
from harness.stats import compare, estimates, resampling
from harness.stats.inference import NAN, Unknown, estimate
from harness.stats.raised import debiased_range, without_chance
from harness.types import Estimate, Score

PREDICTIONS, CORRECTNESS = "changed predictions", "changes between right and wrong"
"""What ``flip_rate`` counts; its method begins with one of them."""

Array = NDArray[np.float64]
Compute = Callable[[Array], Array]


@dataclass(frozen=True, slots=True)
class Pairs:
    """The originals that have variants, in order, and each one's variants."""

    originals: tuple[Score, ...]
    variants: tuple[tuple[Score, ...], ...]

    @property
    def clusters(self) -> Sequence[str | None] | None:
        """The samples' clusters; None where every sample stands alone."""
        return clusters_of(self.originals)

    @property
    def numeric(self) -> bool:
        """Whether every score is a number, rather than statistics of a corpus metric."""
        return all(isinstance(row.value, float | int) for row in self.rows())

    def rows(self) -> list[Score]:
        """Every score, originals first."""
        return [*self.originals, *(row for rows in self.variants for row in rows)]

    def before(self) -> Array:
        """The originals' numbers, shape (n,)."""
        return np.array([row.value for row in self.originals], dtype=np.float64)

    def after(self) -> list[Array]:
        """Each sample's variants' numbers."""
        return [np.array([row.value for row in rows], dtype=np.float64) for rows in self.variants]


def pair(original: Sequence[Score], perturbed: Sequence[Score]) -> Pairs:
    """Pairs variants with their originals by sample id; what has no partner is left out."""
    found: dict[str, list[Score]] = {}
    for row in perturbed:
        found.setdefault(row.sample_id, []).append(row)
    kept = [row for row in original if row.sample_id in found]
    return Pairs(tuple(kept), tuple(tuple(found[row.sample_id]) for row in kept))


def measures(
    metric: Metric,
    original: Sequence[Score],
    perturbed: Sequence[Score],
    labels: Sequence[str] = (),
) -> dict[str, Estimate]:
    """All measures that the metric allows.

    ``worst_case`` needs a metric with a better direction, ``flip_rate`` one of 0 and 1. Corpus
    metrics (BLEU, macro F1) have ``score`` and ``mean_change``, by the paired bootstrap.

    Args:
        metric: Whose scores these are.
        original: Scores of the originals, none of them ``Unscored``.
        perturbed: Scores of the variants.
        labels: What each variant's number means; ``measure@label`` is added where there are
            several.
    """
    pairs = pair(original, perturbed)
    if not pairs.originals:
        return {}
    found = _basic(metric, pairs)
    if (
        metric.higher_is_better is not None
        and not isinstance(metric, Resamplable)
        and pairs.numeric
    ):
        found["worst_case"] = worst_case(pairs, metric.higher_is_better)
    if len(labels) > 1:
        for number, label in enumerate(labels):
            only = pair(original, [row for row in perturbed if row.variant == number])
            if only.originals:
                of_one = _basic(metric, only)
                found |= {f"{measure}@{label}": value for measure, value in of_one.items()}
    return found


def _basic(metric: Metric, pairs: Pairs) -> dict[str, Estimate]:
    if isinstance(metric, Resamplable):
        return _of_corpus(metric, pairs)
    if not pairs.numeric:
        return _without_interval(metric, pairs)
    before, clusters = pairs.before(), pairs.clusters
    bounds = bounds_of(metric)
    means = np.array([values.mean() for values in pairs.after()])
    change = compare.infer_paired(before, means, clusters, bounds)
    found = {
        "score": estimates.mean(means, clusters, bounds=bounds),
        "mean_change": estimate(change, len(before)),
    }
    if _binary(before) and all(map(_binary, pairs.after())):
        found["flip_rate"] = flip_rate(pairs)
    return found


def _of_corpus(metric: Resamplable, pairs: Pairs) -> dict[str, Estimate]:
    before = statistics_of(pairs.originals, metric)
    after = np.stack([statistics_of(rows, metric).mean(axis=0) for rows in pairs.variants])
    change, _ = compare.paired_bootstrap(before, after, metric.compute, pairs.clusters)
    return {
        "score": resampling.bootstrap(after, metric.compute, pairs.clusters),
        "mean_change": estimate(change, len(before)),
    }


def _without_interval(metric: Metric, pairs: Pairs) -> dict[str, Estimate]:
    """For a metric that can only be aggregated as a whole: values without intervals."""
    score = metric.aggregate([row for rows in pairs.variants for row in rows])
    change = score.value - metric.aggregate(pairs.originals).value
    method = "difference of the metric's values; no interval"
    n = len(pairs.originals)
    return {
        "score": replace(score, n=n),
        "mean_change": Estimate(change, NAN, NAN, NAN, n, method),
    }


def worst_case(pairs: Pairs, higher_is_better: bool) -> Estimate:
    """Mean over samples of the worst score among the original and its variants.

    The worst is the least where higher is better, and the greatest where lower is.
    """
    worst = np.min if higher_is_better else np.max
    values = [
        float(worst(np.append(variants, original)))
        for original, variants in zip(pairs.before(), pairs.after(), strict=True)
    ]
    return estimates.mean(values, pairs.clusters)


def flip_rate(pairs: Pairs) -> Estimate:
    """Mean over samples of the share of variants that flip.

    A variant flips where its prediction is not the original's. Where a score carries no
    prediction, those count whose 0/1 score is another; ``method`` says which.
    """
    known = all(row.prediction is not None for row in pairs.rows())
    shares = [
        float(np.mean([_outcome(row, known) != _outcome(original, known) for row in variants]))
        for original, variants in zip(pairs.originals, pairs.variants, strict=True)
    ]
    found = estimates.mean(shares, pairs.clusters, bounds=estimates.UNIT)
    return replace(found, method=f"{PREDICTIONS if known else CORRECTNESS}; {found.method}")


def _outcome(row: Score, by_prediction: bool) -> object:
    return row.prediction if by_prediction else row.value


def worst_group(
    metric: Metric,
    original: Sequence[Score],
    perturbed: Sequence[Score],
    labels: Sequence[str],
    confidence: float = 0.95,
) -> dict[str, Estimate]:
    """``worst_group``: the mean change of the label it hurts most, named in ``method``.

    The interval is simultaneous over the labels (Bonferroni), because the worst of several is
    chosen after looking. Empty where fewer than two labels have variants, and where the metric has
    no better direction or is no mean.
    """
    if isinstance(metric, Resamplable) or metric.higher_is_better is None:
        return {}
    groups = {
        label: pair(original, [row for row in perturbed if row.variant == number])
        for number, label in enumerate(labels)
    }
    groups = {label: pairs for label, pairs in groups.items() if pairs.originals and pairs.numeric}
    if len(groups) < 2:
        return {}
    level = 1 - (1 - confidence) / len(groups)
    changes: dict[str, Estimate] = {}
    for label, pairs in groups.items():
        means = [float(values.mean()) for values in pairs.after()]
        change = compare.infer_paired(pairs.before(), means, pairs.clusters)
        method = f"{label} of {len(groups)}; {change.method}, Bonferroni"
        changes[label] = replace(estimate(change, len(means), level), method=method)
    sign = 1 if metric.higher_is_better else -1
    worst = min(changes, key=lambda label: sign * changes[label].value)
    return {"worst_group": changes[worst]}


def spread(
    metric: Metric, original: Sequence[Score], perturbed: Sequence[Score]
) -> dict[str, Estimate]:
    """``spread``: the metric's greatest less its least value over the original and each variant.

    Over the samples that have every variant; bootstrap interval. Chance raises a greatest less a
    least, and is taken off: see ``harness.stats.raised``.
    """
    numbers = sorted({row.variant for row in perturbed})
    pairs = pair(original, perturbed)
    whole = [
        (first, sorted(rows, key=lambda row: row.variant))
        for first, rows in zip(pairs.originals, pairs.variants, strict=True)
        if {row.variant for row in rows} == set(numbers)
    ]
    if not whole or not all(isinstance(value, float | int | tuple) for value in _values(whole)):
        return {}
    compute: Compute = metric.compute if isinstance(metric, Resamplable) else _mean_of_sums
    if not isinstance(metric, Resamplable) and not pairs.numeric:
        return {}
    columns = [_columns([rows[0] for rows in whole], metric)]
    columns += [_columns([rows[1][i] for rows in whole], metric) for i in range(len(numbers))]
    width = columns[0].shape[1]

    def levels(sums: Array) -> Array:
        values = [compute(sums[:, i * width : (i + 1) * width]) for i in range(len(columns))]
        return np.stack(values)

    def range_of(sums: Array) -> Array:
        values = levels(sums)
        return np.asarray(values.max(axis=0) - values.min(axis=0))

    clusters = clusters_of([first for first, _ in whole])
    rows = np.hstack(columns)
    found = resampling.infer_bootstrap(rows, range_of, clusters)
    if not isinstance(found, Unknown):
        units = estimates.summed_by_cluster(rows, clusters)
        replicates = levels(resampling.resampled_sums(units, resampling.RESAMPLES, 0))
        errors = (replicates - np.nanmean(replicates, axis=1, keepdims=True)).T
        known = errors[np.isfinite(errors).all(axis=1)]
        value, noise = debiased_range(levels(rows.sum(axis=0, keepdims=True))[:, 0], known)
        found = without_chance(found, value, noise)
    return {"spread": estimate(found, len(whole))}


def _values(whole: Sequence[tuple[Score, Sequence[Score]]]) -> list[object]:
    return [row.value for first, rows in whole for row in (first, *rows)]


def _columns(rows: Sequence[Score], metric: Metric) -> Array:
    """Sufficient statistics, shape (n, k); for a mean the value and a count."""
    values = statistics_of(rows, metric)
    if isinstance(metric, Resamplable):
        return values
    return np.hstack([values, np.ones((len(rows), 1))])


def _mean_of_sums(sums: Array) -> Array:
    return np.asarray(sums[:, 0] / sums[:, 1])


def _binary(values: Array) -> bool:
    return bool(np.all((values == 0) | (values == 1)))
