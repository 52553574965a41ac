"""Cuts a prefix tree's row into forward passes, and says who attends to what in each.

A pass is a slice of the row. Its tokens attend to

* the *path*: pieces of nodes computed in earlier passes, of which they are descendants, and
* each other, along the tree.

Both are written as blocks, rectangles of the attention matrix:

                    path              the pass's own tokens
               ┌────────────┐  ┌───────────────────────────────┐
      shared   │   full     │  │ causal                        │
      branch 1 │   full     │  │  full  │ tree (small subtrees │
      branch 2 │   full     │  │        │ with one dense mask) │

so that nothing outside a tile is computed to be masked away, and a shared key is read once for
all its descendants.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from harness_backends.hf.prefix_tree.tree import Integers, PrefixTree

TILE = 192
"""Subtrees up to this many tokens are computed with a dense mask: one call instead of many."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a node that one pass computes; places are those of the row.

    ``stop`` is the end of the node's subtree: tokens in [end, stop) attend to the piece.
    """

    start: int
    end: int
    stop: int


@dataclass(frozen=True, slots=True)
class Block:
    """Queries × keys; both are counted from the beginning of the pass, or of the path piece.

    ``shape`` ``full``: every query sees every key. ``causal``: the same tokens, each sees itself
    and what comes before it. ``tree``: the same tokens, each sees itself and its ancestors.
    """

    query: tuple[int, int]
    key: tuple[int, int]
    shape: Literal["full", "causal", "tree"]


@dataclass(frozen=True, slots=True)
class Pass:
    """One forward pass over the row's slice [start, end).

    Attributes:
        start: First token, a place in the row.
        end: One past the last.
        own: Blocks among the pass's tokens that hold each query's own key, once a query.
        inner: Further blocks among the pass's tokens, all full.
        path: One full block for each piece of the path; its keys are the whole piece.
        pieces: The parts of nodes that the pass computes, in order.
    """

    start: int
    end: int
    own: tuple[Block, ...]
    inner: tuple[Block, ...]
    path: tuple[Block, ...]
    pieces: tuple[Piece, ...]


def next_cut(tree: PrefixTree, start: int, tokens: int, rows: int | None = None) -> int:
    """Where the pass that begins at ``start`` ends.

    Args:
        tree: The tree.
        start: A place in its row.
        tokens: The most tokens that the pass may have.
        rows: The most sequences that may end in it; None for any number.

    Returns:
        The place, among those in the last third of what is allowed, that leaves the shallowest
        path open; the furthest of equals.
    """
    end = min(len(tree), start + tokens)
    if rows is not None:
        ends = np.sort(tree.ends[tree.ends > start])
        if len(ends) > rows:
            end = min(end, int(ends[rows - 1]))
    if end == len(tree):
        return end
    first, last = np.searchsorted(tree.node_starts, [start + (end - start) * 2 // 3 + 1, end + 1])
    candidates = tree.node_starts[first:last]
    if len(candidates) == 0:
        return end
    depths = tree.positions[candidates]
    return int(candidates[len(depths) - 1 - int(np.argmin(depths[::-1]))])


def plan_pass(
    tree: PrefixTree, start: int, end: int, path: Sequence[Piece], tile: int = TILE
) -> Pass:
    """Plans the pass over [start, end).

    Args:
        tree: The tree.
        start: First place.
        end: One past the last place.
        path: Pieces of earlier passes, all with ``stop`` > ``start``.
        tile: Most tokens of a tree-shaped block.
    """
    pieces = _pieces(tree, start, end)
    own: list[Block] = []
    inner: list[Block] = []
    open_tile = 0  # where the tile that is being filled begins, counted from ``start``
    place = 0
    size = end - start
    ends = {piece.start - start: piece for piece in pieces}
    while place < size:
        piece = ends[place]
        node_end, stop = piece.end - start, min(piece.stop - start, size)
        if stop - open_tile <= tile:
            place = stop
            continue
        if open_tile < place:
            own.append(_tile(open_tile, place, ends))
            open_tile = place
            continue
        own.append(Block((place, node_end), (place, node_end), "causal"))
        if stop > node_end:
            inner.append(Block((node_end, stop), (place, node_end), "full"))
        place = open_tile = node_end
    if open_tile < size:
        own.append(_tile(open_tile, size, ends))
    blocks = tuple(
        Block((0, min(piece.stop, end) - start), (0, piece.end - piece.start), "full")
        for piece in path
    )
    return Pass(start, end, tuple(own), tuple(inner), blocks, tuple(pieces))


def _tile(first: int, last: int, pieces: dict[int, Piece]) -> Block:
    piece = pieces[first]
    alone = piece.end - piece.start == last - first
    return Block((first, last), (first, last), "causal" if alone else "tree")


def _pieces(tree: PrefixTree, start: int, end: int) -> list[Piece]:
    first, last = tree.node_at(start), tree.node_at(end - 1)
    return [
        Piece(
            max(start, int(tree.node_starts[node])),
            min(end, int(tree.node_ends[node])),
            int(tree.stops[tree.node_starts[node]]),
        )
        for node in range(first, last + 1)
    ]


def sees(tree: PrefixTree, queries: Integers, keys: Integers) -> npt.NDArray[np.bool_]:
    """Which of the tokens at ``keys`` are ancestors of (or are) those at ``queries``.

    Returns:
        Booleans, shape [queries, keys].
    """
    visible: npt.NDArray[np.bool_] = (keys[None, :] <= queries[:, None]) & (
        queries[:, None] < tree.stops[keys][None, :]
    )
    return visible
