"""Fairlearn's measures between groups, for every task that chooses among fixed labels.

Demographic parity: how far apart the groups' shares of each predicted label are. Equalized odds:
how far apart their rates of true and of false positives are, the larger of the two. Both as
difference and as ratio, for each label against the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from harness import fairness, predictions
from harness.types import Estimate, SampleRecord

Array = NDArray[np.float64]
MOST_LABELS = 20


@dataclass(frozen=True, slots=True)
class Classified:
    """True and predicted label, group and cluster of each sample, in one order."""

    truth: tuple[str, ...]
    predicted: tuple[str, ...]
    groups: tuple[str, ...]
    clusters: tuple[str | None, ...]


def classified(attribute: str, records: Sequence[SampleRecord]) -> tuple[Classified, list[str]]:
    """What was predicted, and the labels; no labels where the task is no classification.

    Samples that failed, and groups too small to be compared, are left out.
    """
    rows: list[tuple[str, str, str, str | None]] = []
    labels: list[str] | None = None
    for record in records:
        if record.error is not None:
            continue
        chances = predictions.of_record(record)
        if chances is None or len(record.sample.targets) != 1:
            return Classified((), (), (), ()), []
        labels = labels or list(chances)
        if list(chances) != labels or record.sample.targets[0] not in chances:
            return Classified((), (), (), ()), []
        sample = record.sample
        label = predictions.chosen(chances)
        rows.append((sample.targets[0], label, sample.groups[attribute], sample.cluster))
    if labels is None or len(labels) > MOST_LABELS:
        return Classified((), (), (), ()), []
    sizes = {group: sum(row[2] == group for row in rows) for group in {row[2] for row in rows}}
    kept = [row for row in rows if sizes[row[2]] >= fairness.MINIMUM]
    if len({row[2] for row in kept}) < 2:
        return Classified((), (), (), ()), []
    return Classified(*zip(*kept, strict=True)), labels


def measures(attribute: str, records: Sequence[SampleRecord]) -> dict[str, dict[str, Estimate]]:
    """``demographic_parity`` and ``equalized_odds``: ``difference@LABEL`` and ``ratio@LABEL``.

    Nothing where fairlearn is not installed or the task is no classification.
    """
    if find_spec("fairlearn") is None:
        return {}
    data, labels = classified(attribute, records)
    found: dict[str, dict[str, Estimate]] = {}
    for label in labels:
        for name, of_name in _of_label(data, label).items():
            found.setdefault(name, {}).update(of_name)
    return found


def _of_label(data: Classified, label: str) -> dict[str, dict[str, Estimate]]:
    parity = _estimates(data, label, "demographic_parity", selection_rates)
    fit, without = _with_both_outcomes(data, label)
    odds = _estimates(fit, label, "equalized_odds", error_rates) if fit is not None else {}
    if without:
        note = f"without {', '.join(without)}: all or none of them is {label!r}"
        odds = {
            name: replace(value, method=f"{value.method}; {note}") for name, value in odds.items()
        }
    return {
        name: of_name
        for name, of_name in (("demographic_parity", parity), ("equalized_odds", odds))
        if of_name
    }


def _with_both_outcomes(data: Classified, label: str) -> tuple[Classified | None, list[str]]:
    """The groups that have samples with and without the label, and the names of the others.

    The rates of a group without positives are undefined; fairlearn takes them for 0, which makes
    a gap of up to 1 out of nothing.
    """
    outcomes: dict[str, set[bool]] = {}
    for group, truth in zip(data.groups, data.truth, strict=True):
        outcomes.setdefault(group, set()).add(truth == label)
    without = sorted(group for group, seen in outcomes.items() if len(seen) < 2)
    rows = [
        row
        for row in zip(data.truth, data.predicted, data.groups, data.clusters, strict=True)
        if row[2] not in without
    ]
    if len(outcomes) - len(without) < 2:
        return None, without
    return Classified(*zip(*rows, strict=True)), without


def _estimates(
    data: Classified, label: str, name: str, rates: Callable[[Array], Array]
) -> dict[str, Estimate]:
    """Fairlearn's value with a bootstrap interval over samples or clusters."""
    from fairlearn import metrics

    from harness.stats import estimates

    truth = [int(value == label) for value in data.truth]
    predicted = [int(value == label) for value in data.predicted]
    clusters = data.clusters if any(data.clusters) else None
    statistics = _statistics(data, label)
    found: dict[str, Estimate] = {}
    for kind, combine in (("difference", _difference), ("ratio", _ratio)):
        function = getattr(metrics, f"{name}_{kind}")
        value = float(function(truth, predicted, sensitive_features=list(data.groups)))
        spread = estimates.bootstrap(statistics, _composed(rates, combine), clusters)
        method = f"fairlearn; {spread.method}"
        found[f"{kind}@{label}"] = replace(spread, value=value, method=method)
    return found


def _composed(
    rates: Callable[[Array], Array], combine: Callable[[Array], Array]
) -> Callable[[Array], Array]:
    return lambda sums: combine(rates(sums))


def _statistics(data: Classified, label: str) -> Array:
    """Shape (n, 4·groups): each group's true and false positives, positives and negatives."""
    names = sorted(set(data.groups))
    table = np.zeros((len(data.groups), 4 * len(names)))
    rows = zip(data.truth, data.predicted, data.groups, strict=True)
    for row, (truth, predicted, group) in enumerate(rows):
        start = 4 * names.index(group)
        positive, called = truth == label, predicted == label
        table[row, start : start + 4] = (
            positive and called, not positive and called, positive, not positive,
        )  # fmt: skip
    return table


def selection_rates(sums: Array) -> Array:
    """Share of each group that is called positive; shape (1, r, groups)."""
    hits, false, positives, negatives = (sums[:, place::4] for place in range(4))
    return np.asarray([_divided(hits + false, positives + negatives)])


def error_rates(sums: Array) -> Array:
    """True and false positive rates of each group; shape (2, r, groups), NaN where undefined."""
    hits, false, positives, negatives = (sums[:, place::4] for place in range(4))
    return np.asarray([_divided(hits, positives), _divided(false, negatives)])


def _divided(numerator: Array, denominator: Array) -> Array:
    nan = np.full_like(numerator, np.nan)
    return np.divide(numerator, denominator, out=nan, where=denominator > 0)


def _difference(rates: Array) -> Array:
    return np.asarray((rates.max(axis=2) - rates.min(axis=2)).max(axis=0))


def _ratio(rates: Array) -> Array:
    return np.asarray(_divided(rates.min(axis=2), rates.max(axis=2)).min(axis=0))
