"""Fairlearn's measures between groups, for every task that chooses among fixed labels.

Demographic parity: how far apart the groups' shares of each predicted label are. Equalized odds:
how far apart their rates of true and of false positives are, the larger of the two. Both as
difference and as ratio, for each label against the others. Their intervals are those of
``harness.authoring.measures.fairness``, which hold for the greatest of all pairs of groups, and
of both rates.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TypeAlias

from harness.authoring.measures import fairness, predictions
from harness.authoring.measures.fairness import Groups
from harness.authoring.metrics import Mean
from harness.types import Estimate, SampleRecord, Score

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
    found = {"demographic_parity": _estimates(data, label, "demographic_parity", (_called,))}
    fit, without = _with_both_outcomes(data, label)
    if fit is not None:
        odds = _estimates(fit, label, "equalized_odds", (_called_positives, _called_negatives))
        if without:
            note = (
                f"without {', '.join(without)}: fewer than {fairness.MINIMUM} samples that are, "
                f"or that are not, {label!r}"
            )
            odds = {
                name: replace(value, method=f"{value.method}; {note}")
                for name, value in odds.items()
            }
        found["equalized_odds"] = odds
    return found


def _with_both_outcomes(data: Classified, label: str) -> tuple[Classified | None, list[str]]:
    """The groups with enough samples with and without the label, and the names of the others.

    The rates of a group without positives are undefined; fairlearn takes them for 0, which makes
    a gap of up to 1 out of nothing.
    """
    sizes = {group: [0, 0] for group in sorted(set(data.groups))}
    for group, truth in zip(data.groups, data.truth, strict=True):
        sizes[group][truth == label] += 1
    without = [group for group, counts in sizes.items() if min(counts) < fairness.MINIMUM]
    rows = [
        row
        for row in zip(data.truth, data.predicted, data.groups, data.clusters, strict=True)
        if row[2] not in without
    ]
    if len(sizes) - len(without) < 2:
        return None, without
    return Classified(*zip(*rows, strict=True)), without


Rate: TypeAlias = Callable[[Classified, str], Groups]
"""Group → whether each of some of its samples is called the label."""


def _called(data: Classified, label: str, among: Callable[[str], bool] = bool) -> Groups:
    """Group → for each sample whose true label is ``among`` some, whether it is called so."""
    rows: dict[str, list[Score]] = {}
    of_samples = zip(data.truth, data.predicted, data.groups, data.clusters, strict=True)
    for place, (truth, predicted, group, cluster) in enumerate(of_samples):
        if among(truth):
            value = float(predicted == label)
            rows.setdefault(group, []).append(Score(str(place), label, value, cluster=cluster))
    return rows


def _called_positives(data: Classified, label: str) -> Groups:
    return _called(data, label, lambda truth: truth == label)


def _called_negatives(data: Classified, label: str) -> Groups:
    return _called(data, label, lambda truth: truth != label)


def _estimates(
    data: Classified, label: str, name: str, rates: Sequence[Rate]
) -> dict[str, Estimate]:
    """Fairlearn's values; the extreme of several rates has the extremes of their bounds."""
    from fairlearn import metrics

    truth = [int(value == label) for value in data.truth]
    predicted = [int(value == label) for value in data.predicted]
    confidence = 1 - 0.05 / len(rates)
    compared = [
        fairness.compare(Mean(label), rate(data, label), confidence=confidence) for rate in rates
    ]
    found: dict[str, Estimate] = {}
    for kind, measure, extreme in (("difference", "gap", max), ("ratio", "ratio", min)):
        function = getattr(metrics, f"{name}_{kind}")
        value = float(function(truth, predicted, sensitive_features=list(data.groups)))
        known = [each[measure] for each in compared if math.isfinite(each[measure].value)]
        low = extreme((each.low for each in known), default=math.nan)
        high = extreme((each.high for each in known), default=math.nan)
        between = extreme(known, key=lambda each: each.value).method if known else "undefined"
        between = between.partition("; debiased")[0]  # fairlearn's values are not
        method = f"fairlearn; {between}" + (", 2 rates" if len(rates) > 1 else "")
        n = len(data.truth)
        found[f"{kind}@{label}"] = Estimate(value, math.nan, low, high, n, method)
    return found
