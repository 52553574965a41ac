"""Samples of rows: shares of strata, the same whatever the order, and how they are told."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.run.planning import sampling
from harness.types import Sample


def rows(*sizes: int) -> list[Sample]:
    return [
        Sample(f"{group}-{i}", "x", groups={"category": f"g{group}"})
        for group, size in enumerate(sizes)
        for i in range(size)
    ]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.integers(1, 60), st.randoms())
def test_a_sample_has_each_group_s_share_and_does_not_depend_on_the_order(
    sizes, size, random
) -> None:
    every = rows(*sizes)
    chosen, how = sampling.choose(every, None, size, 3, "t")
    assert len(chosen) == min(size, len(every))
    assert [each for each in every if each in chosen] == list(chosen)
    counts = Counter(each.groups["category"] for each in chosen)
    for group, of_group in enumerate(sizes):
        assert abs(counts[f"g{group}"] - len(chosen) * of_group / len(every)) < 1
    assert ("stratified by category" in how) == (len(sizes) > 1)
    shuffled = list(every)
    random.shuffle(shuffled)
    again, _ = sampling.choose(shuffled, None, size, 3, "t")
    assert {each.id for each in again} == {each.id for each in chosen}


def test_seeds_and_tasks_draw_differently() -> None:
    drawn = [
        frozenset(each.id for each in sampling.choose(rows(100), None, 20, seed, task)[0])
        for seed, task in ((0, "a"), (1, "a"), (0, "b"))
    ]
    assert len(set(drawn)) == 3


def test_few_answers_are_strata_and_many_are_not() -> None:
    labelled = [Sample(str(i), "x", ("yes" if i % 10 else "no",)) for i in range(100)]
    chosen, how = sampling.choose(labelled, None, 20, 0, "t")
    assert Counter(each.targets for each in chosen) == {("yes",): 18, ("no",): 2}
    assert how == "sample of 20 of 100 rows, seed 0, stratified by label"
    free = [Sample(str(i), "x", (str(i),)) for i in range(100)]
    assert sampling.choose(free, None, 20, 0, "t")[1] == "sample of 20 of 100 rows, seed 0"


@pytest.mark.parametrize(
    ("limit", "size", "count", "how"),
    [
        (3, None, 3, "first 3 of 9 rows"),
        (20, None, 9, "first 9 of 9 rows"),
        (None, None, 9, "all 9 rows"),
        (None, 20, 9, "sample of 9 of 9 rows, seed 0, stratified by category"),
    ],
)
def test_how_it_is_told(limit, size, count, how) -> None:
    chosen, told = sampling.choose(rows(4, 5), limit, size, 0, "t")
    assert (list(chosen), told) == (rows(4, 5)[:count], how)
