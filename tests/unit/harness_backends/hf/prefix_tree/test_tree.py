"""The prefix tree and its passes against brute force."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from harness_backends.hf.prefix_tree.packing import Pass, Piece, next_cut, plan_pass, sees
from harness_backends.hf.prefix_tree.tree import PrefixTree, build_tree

# Few distinct tokens, so that beginnings are shared; some sequences extend others.
sequences = st.lists(
    st.lists(st.integers(0, 2), min_size=1, max_size=12).map(tuple), min_size=1, max_size=14
)


def prefixes(items: list[tuple[int, ...]]) -> set[tuple[int, ...]]:
    return {item[:length] for item in items for length in range(1, len(item) + 1)}


def text_of(tree: PrefixTree, place: int) -> tuple[int, ...]:
    """The tokens from the root to ``place``, by what sees what."""
    keys = np.arange(len(tree))
    return tuple(tree.tokens[sees(tree, np.array([place]), keys)[0]])


@settings(deadline=None)
@given(sequences)
def test_row_holds_every_prefix_once(items: list[tuple[int, ...]]) -> None:
    tree = build_tree(items, min_shared=1, worth=0)
    texts = [text_of(tree, place) for place in range(len(tree))]
    assert len(set(texts)) == len(texts)
    assert set(texts) == prefixes(items)


@settings(deadline=None)
@given(sequences, st.integers(1, 5), st.floats(0, 1))
def test_sequences_are_found_at_their_places(
    items: list[tuple[int, ...]], min_shared: int, worth: float
) -> None:
    tree = build_tree(items, min_shared, worth)
    assert len(tree.leaves) == len(items)
    for index, item in enumerate(items):
        places = tree.places(index)
        assert tuple(tree.tokens[places]) == item
        assert list(tree.positions[places]) == list(range(len(item)))
        assert places[-1] == tree.ends[index] - 1
        for first in range(len(item) + 1):
            assert list(tree.places(index, first)) == list(places[first:])
        for place, length in zip(places, range(1, len(item) + 1), strict=True):
            assert text_of(tree, int(place)) == item[:length]


@settings(deadline=None)
@given(sequences, st.integers(2, 5), st.floats(0, 1))
def test_sharing_less_never_computes_more_than_all(
    items: list[tuple[int, ...]], min_shared: int, worth: float
) -> None:
    least = len(build_tree(items, 1, worth=0))
    assert least <= len(build_tree(items, min_shared, worth)) <= sum(map(len, items))


def test_short_common_beginnings_are_computed_again() -> None:
    items = [(1, 2, 3, 4), (1, 2, 5, 6)]
    assert len(build_tree(items, min_shared=2)) == 6
    assert len(build_tree(items, min_shared=3)) == 8
    # Where a sequence ends, its extension shares it, however short.
    assert len(build_tree([(1,), (1, 2)], min_shared=3)) == 2


def test_beginnings_that_save_a_branch_little_are_computed_again() -> None:
    start = tuple(range(10))
    short = [(*start, place, *range(50, 90)) for place in range(20, 24)]  # a quarter each
    assert len(build_tree(short)) == 10 + 4 * 41
    long = [(*start, place, *[9] * 600) for place in range(20, 24)]  # a sixtieth each
    assert len(build_tree(long)) == sum(map(len, long))
    # What several branches have in common is worth it where each of them is short.
    asked = [(*text, place) for text in long for place in range(4)]
    assert len(build_tree(asked)) == sum(map(len, long)) + 16


def all_passes(tree: PrefixTree, tokens: int, rows: int | None, tile: int) -> list[Pass]:
    passes: list[Pass] = []
    path: list[Piece] = []
    start = 0
    while start < len(tree):
        end = next_cut(tree, start, tokens, rows)
        path = [piece for piece in path if piece.stop > start]
        passes.append(plan_pass(tree, start, end, path, tile))
        path += passes[-1].pieces
        start = end
    return passes


@settings(deadline=None)
@given(sequences, st.integers(1, 20), st.none() | st.integers(1, 3), st.integers(1, 8))
def test_blocks_cover_exactly_what_each_token_sees(
    items: list[tuple[int, ...]], tokens: int, rows: int | None, tile: int
) -> None:
    tree = build_tree(items, min_shared=1, worth=0)
    everything = np.arange(len(tree))
    expected = sees(tree, everything, everything)
    found = np.zeros_like(expected, dtype=int)
    path: list[Piece] = []
    for step in all_passes(tree, tokens, rows, tile):
        assert 0 < step.end - step.start <= tokens
        if rows is not None:  # repeats of a sequence end together
            assert sum(step.start < end < step.end for end in tree.ends) < rows
        own = np.zeros(step.end - step.start, dtype=int)
        for block in (*step.own, *step.inner):
            queries = np.arange(*block.query) + step.start
            keys = np.arange(*block.key) + step.start
            cell = np.ix_(queries, keys)
            match block.shape:
                case "full":
                    found[cell] += 1
                case "causal":
                    found[cell] += np.tri(len(queries), dtype=int)
                case "tree":
                    assert len(queries) <= tile
                    found[cell] += sees(tree, queries, keys)
        for block in step.own:
            own[slice(*block.query)] += 1
        assert (own == 1).all()
        path = [piece for piece in path if piece.stop > step.start]
        assert len(path) == len(step.path)
        for piece, block in zip(path, step.path, strict=True):
            queries = np.arange(*block.query) + step.start
            found[np.ix_(queries, np.arange(piece.start, piece.end))] += 1
        path += step.pieces
    assert (found == expected).all()
