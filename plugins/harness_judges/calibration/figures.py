"""How far judgements and labels of the same items agree, with an interval for every figure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.stats import agreement, compare, estimates, resampling
from harness.stats.agreement import Coefficient
from harness.stats.inference import Array, estimate
from harness.types import Estimate
from harness_judges.calibration.record import (
    FEWEST,
    FEWEST_OF_A_CLASS,
    agreement_of,
    exceeds_chance,
)


@dataclass(frozen=True, slots=True)
class Item:
    """One item that the judge and people judged.

    Attributes:
        judged: The judge's value.
        label: People's.
        people: What each of them said.
        length: Characters of the answer; for a pair the difference of log lengths.
        cluster: The sample's cluster, or its id.
        consistent: For a pair: whether both orders gave one verdict; None where unknown.
        first: For a pair: how often the answer shown first was preferred; None where unknown.
    """

    judged: float
    label: float
    people: tuple[float, ...]
    length: float
    cluster: str
    consistent: float | None = None
    first: float | None = None


def of(kind: str, items: Sequence[Item]) -> dict[str, Estimate]:
    """Name → figure; ``kind`` is ``score``, ``binary`` or ``preference``."""
    makers = {"score": _of_scores, "binary": _of_binary, "preference": _of_pairs}
    found = dict(makers[kind](items))
    several = [each for each in items if len(each.people) > 1]
    if several:
        level: agreement.Level = "interval" if kind == "score" else "nominal"
        alpha = agreement.krippendorff_alpha([each.people for each in several], level)
        found["people_alpha"] = _estimate(alpha, several)
    return found


def counts(items: Sequence[Item]) -> tuple[tuple[int, int], tuple[int, int]]:
    """(right, all) of the items that people labelled yes, and of those labelled no."""
    of_ones, of_zeros = agreement.sensitivity_and_specificity(*_classes(items))
    return (int(sum(of_ones)), len(of_ones)), (int(sum(of_zeros)), len(of_zeros))


def _classes(items: Sequence[Item]) -> tuple[list[float], list[float]]:
    return [float(each.judged > 0.5) for each in items], [each.label for each in items]


def _of_binary(items: Sequence[Item]) -> Iterator[tuple[str, Estimate]]:
    judged, labels = _classes(items)
    yield from _categories(judged, labels, items, ordered=False)
    of_ones, of_zeros = agreement.sensitivity_and_specificity(judged, labels)
    positive = [each.cluster for each in items if each.label == 1]
    negative = [each.cluster for each in items if each.label == 0]
    yield "sensitivity", estimates.mean(of_ones, positive, bounds=estimates.UNIT)
    yield "specificity", estimates.mean(of_zeros, negative, bounds=estimates.UNIT)
    yield from _bias(judged, labels, items)


def _of_scores(items: Sequence[Item]) -> Iterator[tuple[str, Estimate]]:
    judged, labels = [each.judged for each in items], [each.label for each in items]
    whole = [float(math.floor(each + 0.5)) for each in judged]
    of_people = [float(math.floor(each + 0.5)) for each in labels]
    yield from _categories(whole, of_people, items, ordered=True)
    interval = agreement.krippendorff_alpha(list(zip(judged, labels, strict=True)), "interval")
    yield "alpha_interval", _estimate(interval, items)
    yield "correlation", _correlation(judged, labels, items)
    yield from _bias(judged, labels, items)


def _of_pairs(items: Sequence[Item]) -> Iterator[tuple[str, Estimate]]:
    judged, labels = [each.judged for each in items], [each.label for each in items]
    three = [0.5 if 0 < each < 1 else each for each in judged]
    people = [0.5 if 0 < each < 1 else each for each in labels]
    yield from _categories(three, people, items, ordered=True)
    for name, values in (
        ("consistency", [(each.consistent, each.cluster) for each in items]),
        ("first_position", [(each.first, each.cluster) for each in items]),
    ):
        known = [(value, cluster) for value, cluster in values if value is not None]
        if known:
            yield (
                name,
                estimates.mean(
                    [value for value, _ in known],
                    [name for _, name in known],
                    bounds=estimates.UNIT,
                ),
            )
    yield from _bias(judged, labels, items)


def _categories(
    judged: Sequence[float], labels: Sequence[float], items: Sequence[Item], ordered: bool
) -> Iterator[tuple[str, Estimate]]:
    clusters = [each.cluster for each in items]
    same = [float(one == other) for one, other in zip(judged, labels, strict=True)]
    yield "agreement", estimates.mean(same, clusters, bounds=estimates.UNIT)
    if len({*judged, *labels}) > agreement.MOST_CATEGORIES:
        return  # these are numbers, no categories: the interval α says how far they agree
    kappa = agreement.cohen_kappa(judged, labels, "quadratic" if ordered else None)
    yield "kappa", _estimate(kappa, items)
    pairs = list(zip(judged, labels, strict=True))
    yield "alpha_nominal", _estimate(agreement.krippendorff_alpha(pairs, "nominal"), items)
    if ordered:
        yield "alpha_ordinal", _estimate(agreement.krippendorff_alpha(pairs, "ordinal"), items)


def _bias(
    judged: Sequence[float], labels: Sequence[float], items: Sequence[Item]
) -> Iterator[tuple[str, Estimate]]:
    """How much higher the judge grades than people, and whether that goes with length."""
    clusters = [each.cluster for each in items]
    inference = compare.infer_paired(list(labels), list(judged), clusters)
    yield "bias", estimate(inference, len(items))
    beyond = [one - other for one, other in zip(judged, labels, strict=True)]
    yield "length_bias", _correlation(beyond, [each.length for each in items], items)


def _estimate(coefficient: Coefficient, items: Sequence[Item]) -> Estimate:
    return estimate(coefficient.infer([each.cluster for each in items]), len(items))


def _correlation(
    first: Sequence[float], second: Sequence[float], items: Sequence[Item]
) -> Estimate:
    """Pearson's, with a bootstrap over items."""
    x, y = (np.asarray(each, dtype=np.float64) for each in (first, second))
    x, y = x - x.mean(), y - y.mean()  # keeps the difference of squares exact
    statistics = np.column_stack([np.ones(len(x)), x, y, x * x, y * y, x * y])
    return resampling.bootstrap(statistics, _pearson, [each.cluster for each in items])


def _pearson(sums: Array) -> Array:
    n, x, y, xx, yy, xy = sums.T
    spread = np.sqrt(np.maximum(n * xx - x * x, 0) * np.maximum(n * yy - y * y, 0))
    found = np.full(len(sums), np.nan)
    np.divide(n * xy - x * y, spread, out=found, where=spread > 1e-12)
    return np.asarray(np.clip(found, -1, 1))


def notes(
    kind: str, items: Sequence[Item], unmatched: int, undecided: int, annotators: int
) -> Iterator[str]:
    """What a reader must know."""
    if annotators == 1:
        yield "one annotator only: this annotator's own errors count as the judge's"
    if unmatched:
        yield f"{unmatched:,} labels are of no sample that the judge was read on: left out"
    if undecided:
        yield f"{undecided:,} samples are labelled yes and no equally often: left out"
    if len(items) < FEWEST:
        yield f"only {len(items)} labels: below {FEWEST} the judge stays uncalibrated"
    labels = [each.label for each in items]
    classes = set(labels)
    if kind == "binary" and len(classes) == 1:
        missing = "specificity" if classes == {1.0} else "sensitivity"
        yield (
            f"all labels are {'yes' if classes == {1.0} else 'no'}: {missing} cannot be told, and "
            "no share can be corrected"
        )
    elif kind == "binary" and min(map(labels.count, classes)) < FEWEST_OF_A_CLASS:
        yield f"fewer than {FEWEST_OF_A_CLASS} labels of a class: the judge stays uncalibrated"
    elif len(classes) == 1:
        yield (
            "all labels are equal: agreement beyond chance cannot be told, and the judge stays "
            "uncalibrated"
        )


def notes_on_chance(kind: str, found: Mapping[str, Estimate]) -> Iterator[str]:
    """Whether the labels show that the judge agrees with people more than by chance."""
    name = agreement_of(kind)
    agreed = found.get(name)
    if agreed is None or math.isnan(agreed.value):  # all labels are equal, which is noted
        return
    if not exceeds_chance(agreed.value, agreed.low):
        ends = "" if math.isnan(agreed.low) else f" [{agreed.low:z.2f}, {agreed.high:z.2f}]"
        yield (
            f"not usable: {name} is {agreed.value:z.2f}{ends}, and these labels do not show that "
            "the judge agrees with people more than by chance"
        )


Figures = Mapping[str, Estimate]
