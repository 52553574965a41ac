"""How far metrics agree with people: coefficients with intervals, over samples and systems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import DataError, UnknownNameError
from harness.stats import correlation
from harness.stats.inference import NAN, Array, estimate
from harness.stats.resampling import RESAMPLES
from harness.stats.weighted import OfWeights, infer_weighted
from harness.types import Estimate
from harness_grounding.meta_evaluation.tables import Labelled

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEVELS = {
    "sample": "over samples",
    "partial": "over samples, freed of the controls",
    "system": "over systems' means",
}
FEWEST_SYSTEMS = 3
MOST_PAIRED = 5_000
"""Samples up to which Kendall's τ, which looks at every pair, gets an interval."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """One coefficient of one metric.

    Attributes:
        metric: The metric's name.
        level: A key of ``LEVELS``.
        coefficient: ``pearson``, ``spearman``, ``kendall``, ``auroc`` or ``balanced_accuracy``.
        estimate: The value with its interval.
        difference: What it is more than the other metric's, on the samples that both scored.
    """

    metric: str
    level: str
    coefficient: str
    estimate: Estimate
    difference: Estimate | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """How agreement is measured.

    Attributes:
        positive_from: The least label that is positive; None: labels of 0 and 1 are taken as such.
        thresholds: Metric → the least score that says positive.
        against: The metric that the others are compared with.
        resamples: Bootstrap replicates.
        seed: Of the draws.
    """

    positive_from: float | None = None
    thresholds: Mapping[str, float] | None = None
    against: str | None = None
    resamples: int = RESAMPLES
    seed: int = 0


@dataclass(frozen=True, slots=True)
class _Columns:
    """The rows in which the metrics that are looked at have a score."""

    labels: Array
    systems: NDArray[np.intp] | None
    clusters: Sequence[str] | None
    controls: Array | None


def evaluate(labelled: Labelled, settings: Settings) -> list[Agreement]:
    """Every coefficient of every metric.

    Raises:
        UnknownNameError: A metric that the settings name is not there.
        DataError: All labels are equal.
    """
    if len(set(labelled.labels)) < 2:
        raise DataError(
            f"all {len(labelled.labels):,} labels are equal", expected="labels that differ"
        )
    for name in [*(settings.thresholds or {}), *filter(None, [settings.against])]:
        if name not in labelled.scores:
            raise UnknownNameError("metric", name, labelled.scores)
    return [
        replace(found, difference=_difference(labelled, settings, name, found))
        for name in labelled.scores
        for found in _of_metric(labelled, settings, name)
    ]


def _of_metric(labelled: Labelled, settings: Settings, name: str) -> Iterator[Agreement]:
    rows = _rows(labelled, name)
    scores, columns = _scores(labelled, name, rows), _columns(labelled, rows)
    for level, coefficient, compute in _coefficients(name, scores, columns, settings):
        if isinstance(compute, correlation.Kendall) and len(rows) > MOST_PAIRED:
            yield Agreement(name, level, coefficient, _without_interval(scores, columns.labels))
            continue
        found = infer_weighted(
            compute, len(rows), columns.clusters, settings.resamples, settings.seed
        )
        told = estimate(found, len(rows))
        if level == "system" and columns.systems is not None:
            count = int(columns.systems.max()) + 1
            told = replace(told, method=f"{told.method}, these {count} systems")
        yield Agreement(name, level, coefficient, told)


def _without_interval(scores: Array, labels: Array) -> Estimate:
    """Kendall's τ_b of too many samples for a bootstrap over pairs."""
    from scipy.stats import kendalltau

    value = float(kendalltau(scores, labels).statistic)
    why = f"no interval beyond {MOST_PAIRED:,} samples"
    return Estimate(value, NAN, NAN, NAN, len(scores), why)


def _difference(
    labelled: Labelled, settings: Settings, name: str, found: Agreement
) -> Estimate | None:
    """A coefficient less the other metric's, resampled together."""
    other = settings.against
    if other is None or other == name:
        return None
    rows = [row for row in _rows(labelled, name) if labelled.scores[other][row] is not None]
    if found.coefficient == "kendall" and len(rows) > MOST_PAIRED:
        return None
    columns = _columns(labelled, rows)
    computes = []
    for metric in (name, other):
        scores = _scores(labelled, metric, rows)
        for level, coefficient, compute in _coefficients(metric, scores, columns, settings):
            if (level, coefficient) == (found.level, found.coefficient):
                computes.append(compute)
    if len(computes) < 2:
        return None
    first, second = computes

    def less(weights: Array) -> Array:
        return first(weights) - second(weights)

    inference = infer_weighted(less, len(rows), columns.clusters, settings.resamples, settings.seed)
    return estimate(inference, len(rows))


def _rows(labelled: Labelled, name: str) -> list[int]:
    return [row for row, value in enumerate(labelled.scores[name]) if value is not None]


def _scores(labelled: Labelled, name: str, rows: Sequence[int]) -> Array:
    return np.array([labelled.scores[name][row] for row in rows], dtype=np.float64)


def _columns(labelled: Labelled, rows: Sequence[int]) -> _Columns:
    def chosen(values: Sequence[Any] | None) -> list[Any] | None:
        return None if values is None else [values[row] for row in rows]

    systems = chosen(labelled.systems)
    controls = [_dummies(chosen(values) or []) for values in labelled.controls.values()]
    return _Columns(
        np.array([labelled.labels[row] for row in rows], dtype=np.float64),
        None if systems is None else np.unique(systems, return_inverse=True)[1],
        chosen(labelled.clusters),
        np.concatenate(controls, axis=1) if controls and rows else None,
    )


def _dummies(values: Sequence[float | str]) -> Array:
    """Numbers as a column; categories as a column of 0 and 1 each but the first."""
    if not any(isinstance(value, str) for value in values):
        return np.array(values, dtype=np.float64).reshape(-1, 1)
    kinds = sorted(set(map(str, values)))
    return np.array([[float(value == kind) for kind in kinds[1:]] for value in values])


def _coefficients(
    name: str, scores: Array, columns: _Columns, settings: Settings
) -> Iterator[tuple[str, str, OfWeights]]:
    labels, controls = columns.labels, columns.controls
    yield "sample", "pearson", correlation.Pearson(scores, labels)
    yield "sample", "spearman", correlation.Pearson(scores, labels, ranked=True)
    yield "sample", "kendall", correlation.Kendall(scores, labels)
    positive = _positive(labels, settings.positive_from)
    if positive is not None:
        yield "sample", "auroc", correlation.AreaUnderCurve(scores, positive)
        threshold = (settings.thresholds or {}).get(name)
        if threshold is not None:
            accuracy = correlation.BalancedAccuracy(scores, positive, threshold)
            yield "sample", "balanced_accuracy", accuracy
    if controls is not None:
        yield "partial", "pearson", correlation.Pearson(scores, labels, controls)
        yield "partial", "spearman", correlation.Pearson(scores, labels, controls, ranked=True)
    systems = columns.systems
    if systems is not None and len(systems) and int(systems.max()) + 1 >= FEWEST_SYSTEMS:
        for kind in ("pearson", "spearman", "kendall"):
            yield "system", kind, correlation.SystemLevel(scores, labels, systems, kind)


def _positive(labels: Array, positive_from: float | None) -> NDArray[np.bool_] | None:
    """Which labels are positive; None where that is not said and the labels are not 0 and 1."""
    if positive_from is not None:
        return np.asarray(labels >= positive_from)
    return labels == 1 if bool(np.isin(labels, (0, 1)).all()) else None
