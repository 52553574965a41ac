"""Who judges what: some items are everyone's, so that agreement can be computed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence


def assign(count: int, annotators: Sequence[str], overlap: float) -> Mapping[str, Sequence[int]]:
    """The items of each annotator, by their numbers from 0, in the order in which they are shown.

    Shared items are spread evenly over the whole, so that agreement is known early and does not
    rest on beginners' judgements; the others go round.

    Args:
        count: Items, in their seeded order.
        annotators: Names, each once.
        overlap: Share of the items that everyone judges, in [0, 1].
    """
    shared = math.ceil(overlap * count - 1e-9)
    found: dict[str, list[int]] = {name: [] for name in annotators}
    turn = 0
    for item in range(count):
        if (item * shared) // count != ((item + 1) * shared) // count:
            for items in found.values():
                items.append(item)
        else:
            found[annotators[turn % len(annotators)]].append(item)
            turn += 1
    return found
