"""Quality against its price: which runs no other run beats in both."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness_view.figures.boards import Board, ranked
from harness_view.figures.ranking import Ranking, has_order
from harness_view.index.entries import Entry, Measured

NAMES = {
    "cost": "cost, US$",
    "energy_kwh": "energy, kWh",
    "money": "machine, US$",
    "co2e_kg": "CO₂ equivalents, kg",
    "seconds": "time, s",
    "completion_tokens": "tokens written",
    "computed_tokens": "tokens computed",
    "prompt_tokens": "tokens read",
}
"""Resource → what it is called; others by their own names."""
LEFT_OUT = frozenset({"requests", "cached", "reused_tokens"})
"""Counts that are no price."""
FEWEST = 2


@dataclass(frozen=True, slots=True)
class Point:
    """A run.

    Attributes:
        measured: Its quality.
        price: What it took.
        is_best: Whether no run has a better value at the same or a lower price.
        beaten_by: The run that is shown to be better at the same or a lower price; empty for none.
    """

    measured: Measured
    price: float
    is_best: bool
    beaten_by: str


@dataclass(frozen=True, slots=True)
class Front:
    """Runs by price and quality, the cheapest first.

    Attributes:
        resource: The resource's name.
        title: What it is called.
        points: The runs.
        left_out: Runs that took answers from the response store, whose price is not theirs.
    """

    resource: str
    title: str
    points: tuple[Point, ...]
    left_out: int


def fronts(board: Board, entries: Mapping[str, Entry], ranking: Ranking | None) -> list[Front]:
    """A front for each resource that at least two of the ranked runs counted."""
    if not has_order(board.measured[0]):
        return []
    known = [each for each in ranked(board, entries) if math.isfinite(each.estimate.value)]
    fresh = [each for each in known if "cached" not in entries[each.run].resources]
    names = dict.fromkeys(
        name for name in (*NAMES, *sorted({n for e in fresh for n in entries[e.run].resources}))
        if name not in LEFT_OUT
    )  # fmt: skip
    found = []
    for name in names:
        priced = [each for each in fresh if name in entries[each.run].resources]
        if len(priced) >= FEWEST:
            prices = {each.run: entries[each.run].resources[name] for each in priced}
            points = _points(priced, prices, ranking or Ranking())
            title = NAMES.get(name, name.replace("_", " "))
            found.append(Front(name, title, points, len(known) - len(fresh)))
    return found


def _points(
    measured: Sequence[Measured], prices: Mapping[str, float], ranking: Ranking
) -> tuple[Point, ...]:
    """The best first among equals in price, as the board's order is by quality."""
    place = {run: number for number, run in enumerate(ranking.runs)}
    values = list(dict.fromkeys(each.estimate.value for each in measured))
    quality = {each.run: values.index(each.estimate.value) for each in measured}
    ordered = sorted(measured, key=lambda each: (prices[each.run], quality[each.run]))
    found, best = [], math.inf
    for each in ordered:
        number = place.get(each.run)
        shown = () if number is None else ranking.better[number]
        rivals = [
            ranking.runs[other]
            for other in shown
            if ranking.runs[other] in prices and prices[ranking.runs[other]] <= prices[each.run]
        ]
        found.append(
            Point(each, prices[each.run], quality[each.run] < best, rivals[0] if rivals else "")
        )
        best = min(best, quality[each.run])
    return tuple(found)
