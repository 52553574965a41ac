"""Train, development and test rows without leaks: groups and duplicates stay together."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from harness.errors import DataError
from harness.stats.seeding import seeded
from harness_data.preparation import duplicates
from harness_data.preparation.table import Table

PARTS = ("train", "dev", "test")


def split(
    table: Table,
    shares: Sequence[float],
    links: Sequence[tuple[int, int]],
    *,
    group: str | None = None,
    label: str | None = None,
    seed: int = 0,
) -> list[str]:
    """The part of each row.

    Rows of one group, and rows that are (near) duplicates, are one unit, which is put into one
    part. The units come in a seeded order, large ones first, each into the part that lacks most of
    the unit's labels compared with its share.

    Args:
        table: The rows.
        shares: Of train, dev and test, summing to 1.
        links: Pairs of places that are duplicates.
        group: The column of groups; a row without a value is a group of its own.
        label: The column whose values should be spread evenly.
        seed: Of the order.

    Raises:
        DataError: There are fewer units than parts, or one of the parts stays empty.
    """
    units = _units(table, links, group)
    wanted = [name for name, share in zip(PARTS, shares, strict=True) if share > 0]
    if len(units) < len(wanted):
        raise DataError(
            f"{len(units)} groups that share nothing, and {len(wanted)} parts",
            path=table.path,
            expected="at least one group a part; duplicates count as one group",
        )
    labels = table.values(label) if label is not None else [None] * len(table.lines)
    of_unit = [Counter(labels[place] for place in unit) for unit in units]
    totals = Counter(labels)
    rng = seeded("split", seed)
    order = sorted(range(len(units)), key=lambda at: (-len(units[at]), rng.random()))
    share_of = dict(zip(PARTS, shares, strict=True))
    filled: dict[str, Counter[str | None]] = {name: Counter() for name in wanted}
    part_of: dict[int, str] = {}
    for at in order:
        name = max(
            wanted, key=lambda part: _room(of_unit[at], filled[part], totals, share_of[part])
        )
        filled[name] += of_unit[at]
        for place in units[at]:
            part_of[place] = name
    if empty := [name for name in wanted if not filled[name]]:
        raise DataError(
            f"{' and '.join(empty)} would have no rows",
            path=table.path,
            expected="more groups, or other --shares",
        )
    return [part_of[place] for place in range(len(table.lines))]


def _room(
    unit: Mapping[str | None, int],
    filled: Mapping[str | None, int],
    totals: Mapping[str | None, int],
    share: float,
) -> float:
    """How much of what the part should have of the unit's labels is missing, relative to it."""
    missing = 0.0
    for label, count in unit.items():
        wanted = share * totals[label]
        missing += count * (wanted - filled.get(label, 0)) / wanted
    return missing / sum(unit.values())


def _units(table: Table, links: Sequence[tuple[int, int]], group: str | None) -> list[list[int]]:
    """Places that must stay together."""
    joined = list(links)
    first: dict[str, int] = {}
    if group is not None:
        for place, value in enumerate(table.values(group)):
            if value is not None:
                joined.append((first.setdefault(value, place), place))
    members: dict[int, list[int]] = defaultdict(list)
    for place, unit in enumerate(duplicates.components(len(table.lines), joined)):
        members[unit].append(place)
    return list(members.values())
