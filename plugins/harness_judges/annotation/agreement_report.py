"""How far annotators agree, each and together, and on what they do not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

from harness.stats import agreement, estimates
from harness.stats.inference import estimate
from harness.types import Estimate
from harness_judges.annotation import mark_agreement
from harness_judges.annotation.items import Kind
from harness_judges.annotation.ratings import Rated, rated
from harness_judges.annotation.store import Store

FEWEST = 10
"""Shared items below which a coefficient says too little to be read without that warning."""


@dataclass(frozen=True, slots=True)
class Annotator:
    """One person's part.

    Attributes:
        name: As given with ``--annotators``.
        assigned: Items to judge.
        done: Judged, or skipped.
        skipped: Of these.
        mean: Of their values; for a preference, how often the pair's first run is preferred.
        first_shown: For a preference: how often the answer shown first is chosen, ties left out.
        seconds: The median time an item took; None where unknown.
    """

    name: str
    assigned: int
    done: int
    skipped: int
    mean: Estimate
    first_shown: Estimate | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class AgreementReport:
    """What ``harness annotate report`` shows.

    Attributes:
        kind: What was asked.
        items: How many there are.
        shared: How many two or more annotators judged.
        annotators: Each one's part.
        coefficients: Name → value with its interval; n counts the items it rests on.
        pairs: Two annotators → their Cohen's κ.
        marks: Label of marked parts → coefficient → value; n counts the answers that it rests on.
        disagreements: Items on which values differ, the widest apart first.
        notes: What a reader must know.
    """

    kind: Kind
    items: int
    shared: int
    annotators: tuple[Annotator, ...]
    coefficients: Mapping[str, Estimate]
    pairs: Mapping[str, Estimate]
    marks: Mapping[str, Mapping[str, Estimate]]
    disagreements: tuple[Rated, ...]
    notes: tuple[str, ...]


def report(store: Store) -> AgreementReport:
    """Computes everything from the judgements that stand."""
    found = rated(store)
    shared = [each for each in found if len(each.values) > 1]
    names = store.annotators
    coefficients = dict(_coefficients(shared, names, store.settings.kind))
    pairs = {
        f"{first} and {second}": _of(_pair(found, first, second))
        for first, second in combinations(names, 2)
    }
    apart = [each for each in shared if len(set(each.values.values())) > 1]
    apart.sort(
        key=lambda each: (min(each.values.values()) - max(each.values.values()), each.number)
    )
    return AgreementReport(
        store.settings.kind,
        len(store.items),
        len(shared),
        tuple(_annotator(store, found, name) for name in names),
        coefficients,
        pairs,
        mark_agreement.coefficients(store),
        tuple(apart),
        tuple(_notes(names, found, shared)),
    )


def _spread(rated_item: Rated) -> float:
    return max(rated_item.values.values()) - min(rated_item.values.values())


def _notes(names: Sequence[str], found: Sequence[Rated], shared: Sequence[Rated]) -> Iterator[str]:
    if len(names) == 1:
        yield (
            "one annotator only: agreement cannot be told, and what this one gets wrong stays in "
            "every figure"
        )
    elif not shared:
        yield "no item is judged by two annotators yet: agreement cannot be told"
    elif len(shared) < FEWEST:
        yield f"only {len(shared)} items are judged by two annotators: intervals are wide"
    values = {value for each in found for value in each.values.values()}
    if len(values) == 1:
        yield f"every judgement is {values.pop():g}: agreement beyond chance cannot be told"


def _coefficients(
    shared: Sequence[Rated], names: Sequence[str], kind: Kind
) -> Iterator[tuple[str, Estimate]]:
    ratings = [list(each.values.values()) for each in shared]
    levels = agreement.LEVELS if kind == "score" else agreement.LEVELS[:1]
    for level in levels:
        coefficient = agreement.krippendorff_alpha(ratings, level)
        yield coefficient.name, _of((coefficient, shared))
    whole = [each for each in shared if len(each.values) == len(names)]
    fleiss = agreement.fleiss_kappa([list(each.values.values()) for each in whole])
    yield fleiss.name, _of((fleiss, whole))


def _pair(
    found: Sequence[Rated], first: str, second: str
) -> tuple[agreement.Coefficient, Sequence[Rated]]:
    both = [each for each in found if first in each.values and second in each.values]
    kappa = agreement.cohen_kappa(
        [each.values[first] for each in both], [each.values[second] for each in both]
    )
    return kappa, both


def _of(found: tuple[agreement.Coefficient, Sequence[Rated]]) -> Estimate:
    coefficient, items = found
    return estimate(coefficient.infer([each.cluster for each in items]), len(items))


def _annotator(store: Store, found: Sequence[Rated], name: str) -> Annotator:
    labels = store.labels(name)
    kept = [each for each in found if name in each.values]
    mean = estimates.mean(
        [each.values[name] for each in kept],
        [each.cluster for each in kept],
        bounds=(store.settings.low, store.settings.high)
        if store.settings.kind == "score"
        else estimates.UNIT,
    )
    first = None
    if store.settings.kind == "preference":
        chosen = [float(each.value == 0) for each in labels if each.value in (0.0, 1.0)]
        first = estimates.mean(chosen)
    times = [each.seconds for each in labels if each.seconds is not None]
    return Annotator(
        name,
        len(store.assigned(name)),
        len(labels),
        sum(each.value is None for each in labels),
        mean,
        first,
        median(times) if times else None,
    )
