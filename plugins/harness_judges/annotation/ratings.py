"""Judgements by item, in words that do not depend on the order in which answers were shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness_judges.annotation.items import Item
from harness_judges.annotation.store import Label, Store


@dataclass(frozen=True, slots=True)
class Rated:
    """An item and what each annotator said of it, skipped ones left out.

    Attributes:
        number: The item's number.
        item: The item.
        systems: The one system, or the pair in the order of the runs.
        values: Annotator → score; 1 or 0 for yes or no; for a preference 1 where the first of
            ``systems`` is preferred, 0 where the second is, ½ for a tie.
        comments: Annotator → comment, where there is one.
    """

    number: int
    item: Item
    systems: tuple[str, ...]
    values: Mapping[str, float]
    comments: Mapping[str, str]

    @property
    def cluster(self) -> str:
        """See ``Item.cluster``."""
        return self.item.cluster

    @property
    def consensus(self) -> float | None:
        """The mean value; None without any."""
        return sum(self.values.values()) / len(self.values) if self.values else None

    def text_of(self, system: str) -> str:
        """The system's answer."""
        return next(each.text for each in self.item.answers if each.system == system)


def rated(store: Store) -> list[Rated]:
    """Every item that someone judged, in the items' order."""
    by_item: dict[int, list[Label]] = {}
    for label in store.labels():
        by_item.setdefault(label.item, []).append(label)
    found = []
    for number, item in store.items.items():
        labels = by_item.get(number, [])
        if labels:
            systems = _systems(item, store.runs)
            values = {
                each.annotator: of_systems(each.value, item, systems)
                for each in labels
                if each.value is not None
            }
            comments = {each.annotator: each.comment for each in labels if each.comment}
            found.append(Rated(number, item, systems, values, comments))
    return found


def _systems(item: Item, runs: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted((answer.system for answer in item.answers), key=list(runs).index))


def of_systems(value: float, item: Item, systems: Sequence[str]) -> float:
    """A value as ``Rated.values`` has it: of a preference the place shown becomes the system."""
    if len(item.answers) == 1:
        return value
    first_shown = item.answers[0].system == systems[0]
    return 1 - value if first_shown else value
