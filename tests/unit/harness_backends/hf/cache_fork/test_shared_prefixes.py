"""Which shared beginnings become trunks: all are covered, and only what pays is forked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness_backends.hf.cache_fork.shared_prefixes import (
    DEEPEST,
    STEP,
    Costs,
    SharedPrefix,
    plan_shared_prefixes,
)

contexts = st.lists(
    st.lists(st.integers(0, 1), max_size=40).map(tuple), min_size=1, max_size=14
).map(lambda items: items + [item + item for item in items[:3]])


def paths(
    trunk: SharedPrefix, before: tuple[int, ...] = ()
) -> Iterator[tuple[SharedPrefix, tuple[int, ...]]]:
    """Every trunk with the tokens from the root to its end."""
    tokens = (*before, *trunk.tokens)
    yield trunk, tokens
    for above in trunk.trunks:
        assert above.depth == trunk.depth + 1
        yield from paths(above, tokens)


@settings(deadline=None)
@given(contexts, st.integers(0, 3), st.integers(1, 60), st.booleans())
def test_every_sequence_goes_on_from_its_own_beginning(
    items: list[tuple[int, ...]], more: int, call: int, chunks: bool
) -> None:
    lengths = [len(item) + 1 + more for item in items]
    found: list[int] = []
    for trunk, tokens in paths(plan_shared_prefixes(items, lengths, Costs(call, chunks))):
        assert trunk.end == len(tokens)
        assert trunk.depth <= DEEPEST
        assert trunk.depth == 0 or len(trunk.tokens) > 0
        found += trunk.rows
        for index in trunk.rows:
            assert items[index][: trunk.end] == tokens
    assert sorted(found) == list(range(len(items)))


@settings(deadline=None)
@given(contexts, st.integers(1, 60))
def test_no_fork_costs_more_than_it_saves(items: list[tuple[int, ...]], call: int) -> None:
    root = plan_shared_prefixes(items, [len(item) + 1 for item in items], Costs(call, chunks=True))
    trunks = [trunk for trunk, _ in paths(root)]
    computed = sum(len(trunk.tokens) for trunk in trunks)
    computed += sum(len(items[i]) + 1 - trunk.end for trunk in trunks for i in trunk.rows)
    assert computed + call * (len(trunks) - 1) <= sum(len(item) + 1 for item in items)


def shape(trunk: SharedPrefix) -> object:
    return trunk.end, [shape(above) for above in trunk.trunks], len(trunk.rows)


def test_shots_questions_and_choices() -> None:
    shots = tuple(range(500))
    questions = [(*shots, *range(1000 * n, 1000 * n + 60)) for n in range(1, 4)]
    items = [question for question in questions for _ in range(4)]
    lengths = [len(item) + 3 for item in items]

    def planned(call: int) -> object:
        return shape(plan_shared_prefixes(items, lengths, Costs(call, chunks=True)))

    # Cut to a multiple of 16, a question's last 12 tokens would be computed 3 times more.
    assert planned(32) == (0, [(500, [(560, [], 4)] * 3, 0)], 0)
    assert planned(64) == (0, [(500, [(500 + 3 * STEP, [], 4)] * 3, 0)], 0)
    # Where calls are dear, the questions are no trunks of their own.
    assert planned(900) == (0, [(500, [], 12)], 0)


@pytest.mark.parametrize(("tail", "forked"), [(3, True), (100, False)])
def test_single_steps_are_calls(tail: int, forked: bool) -> None:
    items = [tuple(range(200))] * 4
    root = plan_shared_prefixes(items, [200 + tail] * 4, Costs(32, chunks=False))
    assert bool(root.trunks) == forked


def test_a_long_chain_of_extensions_stays_shallow() -> None:
    items = [tuple(range(20 * n)) for n in range(1, 400)]
    root = plan_shared_prefixes(items, [len(item) + 1 for item in items], Costs(4, chunks=True))
    assert max(trunk.depth for trunk, _ in paths(root)) == DEEPEST
