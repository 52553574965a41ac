"""Which shared beginnings are computed once: all are covered, and only what pays is forked."""

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
    prefix: SharedPrefix, before: tuple[int, ...] = ()
) -> Iterator[tuple[SharedPrefix, tuple[int, ...]]]:
    """Every shared prefix with the tokens from the root to its end."""
    tokens = (*before, *prefix.tokens)
    yield prefix, tokens
    for above in prefix.children:
        assert above.depth == prefix.depth + 1
        yield from paths(above, tokens)


@settings(deadline=None)
@given(contexts, st.integers(0, 3), st.integers(1, 60), st.booleans())
def test_every_sequence_goes_on_from_its_own_beginning(
    items: list[tuple[int, ...]], more: int, call: int, chunks: bool
) -> None:
    lengths = [len(item) + 1 + more for item in items]
    found: list[int] = []
    for prefix, tokens in paths(plan_shared_prefixes(items, lengths, Costs(call, chunks))):
        assert prefix.end == len(tokens)
        assert prefix.depth <= DEEPEST
        assert prefix.depth == 0 or len(prefix.tokens) > 0
        found += prefix.rows
        for index in prefix.rows:
            assert items[index][: prefix.end] == tokens
    assert sorted(found) == list(range(len(items)))


@settings(deadline=None)
@given(contexts, st.integers(1, 60))
def test_no_fork_costs_more_than_it_saves(items: list[tuple[int, ...]], call: int) -> None:
    root = plan_shared_prefixes(items, [len(item) + 1 for item in items], Costs(call, chunks=True))
    prefixes = [prefix for prefix, _ in paths(root)]
    computed = sum(len(prefix.tokens) for prefix in prefixes)
    computed += sum(len(items[i]) + 1 - prefix.end for prefix in prefixes for i in prefix.rows)
    assert computed + call * (len(prefixes) - 1) <= sum(len(item) + 1 for item in items)


def shape(prefix: SharedPrefix) -> object:
    return prefix.end, [shape(above) for above in prefix.children], len(prefix.rows)


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
    # Where calls are dear, the questions are not computed by themselves.
    assert planned(900) == (0, [(500, [], 12)], 0)


@pytest.mark.parametrize(("tail", "forked"), [(3, True), (100, False)])
def test_single_steps_are_calls(tail: int, forked: bool) -> None:
    items = [tuple(range(200))] * 4
    root = plan_shared_prefixes(items, [200 + tail] * 4, Costs(32, chunks=False))
    assert bool(root.children) == forked


def test_a_long_chain_of_extensions_stays_shallow() -> None:
    items = [tuple(range(20 * n)) for n in range(1, 400)]
    root = plan_shared_prefixes(items, [len(item) + 1 for item in items], Costs(4, chunks=True))
    assert max(prefix.depth for prefix, _ in paths(root)) == DEEPEST
