"""Which rows of a data set are scored: all, the first ones, or a seeded, stratified sample."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence

from harness.authoring.io.packed_ids import ItemsAt
from harness.types import Sample

MOST_LABELS = 20
"""With more different answers than these, answers are no classes to stratify by."""


def choose(
    samples: Sequence[Sample], limit: int | None, size: int | None, seed: int, task: str
) -> tuple[Sequence[Sample], str]:
    """The samples to score, in the order of the data, and how they were chosen, in words.

    A sample of ``size`` has each stratum's share of the data, rounded by largest remainders.
    Within a stratum those are taken whose hash with the seed is smallest, so that neither the
    order of the rows nor the machine matters, and a larger sample holds a smaller one of the same
    stratum. Strata are the samples' groups, or their answers where these are few.

    Args:
        samples: All of the data set.
        limit: Take the first so many; None for no limit.
        size: Take a sample of so many; None for all. Only one of the two is given.
        seed: The run's seed.
        task: The task's name.
    """
    every = len(samples)
    if limit is not None:
        places = range(min(limit, every))
        return ItemsAt(samples, places), f"first {len(places):,} of {every:,} rows"
    if size is None:
        return samples, f"all {every:,} rows"
    strata, by = _strata(samples)
    shares = _shares({name: len(members) for name, members in strata.items()}, min(size, every))
    chosen: list[int] = []
    for name, members in strata.items():
        order = sorted(members, key=lambda place: _rank(samples[place].id, seed, task))
        chosen += order[: shares[name]]
    stratified = f", stratified by {by}" if len(strata) > 1 else ""
    how = f"sample of {len(chosen):,} of {every:,} rows, seed {seed}{stratified}"
    return ItemsAt(samples, sorted(chosen)), how


def _rank(identifier: str, seed: int, task: str) -> bytes:
    return hashlib.sha256("\x1f".join(["sample", task, str(seed), identifier]).encode()).digest()


def _strata(samples: Sequence[Sample]) -> tuple[dict[tuple[str, ...], list[int]], str]:
    """Stratum → the places of its samples, and what they have in common."""
    attributes = sorted({name for each in samples for name in each.groups})
    strata: dict[tuple[str, ...], list[int]] = defaultdict(list)
    if attributes:
        for place, each in enumerate(samples):
            strata[tuple(each.groups.get(name, "") for name in attributes)].append(place)
        return dict(strata), ", ".join(attributes)
    answers = {each.targets for each in samples}
    few = 1 < len(answers) <= MOST_LABELS and 2 * len(answers) <= len(samples)
    for place, each in enumerate(samples):
        strata[each.targets if few else ()].append(place)
    return dict(strata), "label"


def _shares(sizes: dict[tuple[str, ...], int], total: int) -> dict[tuple[str, ...], int]:
    """How many to take of each stratum: its share, rounded by the largest remainders."""
    every = sum(sizes.values())
    shares = {name: total * size // every for name, size in sizes.items()}
    order = sorted(sizes, key=lambda name: (-(total * sizes[name] % every), name))
    for name in order[: total - sum(shares.values())]:
        shares[name] += 1
    return shares
