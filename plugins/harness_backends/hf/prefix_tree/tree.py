"""A prefix tree over token ids, laid out as one row of unique tokens.

Sequences that begin alike share the nodes of their common beginning:

    A B C D E          node   tokens  parent          row:  A B C D E F G H
    A B C F      ──►   0      A B C   -                     └─0─┘ └1┘ 2 └3┘
    G H                1      D E     0
                       2      F       0               a node's subtree is a slice of the row:
                       3      G H     -               node 0: [0, 6), node 1: [3, 5), …

The row is the tree in preorder, so every token's ancestors come before it, and all that
descends from a node follows it without a gap. Whoever computes the row from left to right
needs, at any point, only the ancestors of the next token: the *path*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Integers: TypeAlias = npt.NDArray[np.int64]

MIN_SHARED = 4
"""A common beginning shorter than this is computed again rather than given a node of its own."""
WORTH = 1 / 50
"""So is one that saves less than this share of a branch: the passes below a node attend to it in
calls of their own, which cost about ten tokens of the 512 of a pass."""


@dataclass(frozen=True, slots=True)
class PrefixTree:
    """Unique tokens of many sequences.

    Attributes:
        tokens: The row, shape [row].
        positions: Each token's place in its sequences, from 0; shape [row].
        stops: The end (in the row) of the subtree of each token's node; shape [row].
        node_starts: Where each node begins in the row, ascending; shape [nodes].
        node_ends: Where each node's own tokens end; shape [nodes].
        parents: Each node's parent, -1 for a root; shape [nodes].
        leaves: The node with which each sequence ends; shape [sequences].
    """

    tokens: Integers
    positions: Integers
    stops: Integers
    node_starts: Integers
    node_ends: Integers
    parents: Integers
    leaves: Integers

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def ends(self) -> Integers:
        """Where each sequence ends in the row (exclusive); shape [sequences]."""
        return self.node_ends[self.leaves]

    def node_at(self, place: int) -> int:
        """The node of the token at ``place``."""
        return int(np.searchsorted(self.node_starts, place, side="right")) - 1

    def places(self, sequence: int, first: int = 0) -> Integers:
        """The places of a sequence's tokens in the row, from its token ``first`` on."""
        pieces: list[Integers] = []
        node = int(self.leaves[sequence])
        while node >= 0:
            start, end = int(self.node_starts[node]), int(self.node_ends[node])
            skip = max(0, first - int(self.positions[start]))
            if start + skip < end:
                pieces.append(np.arange(start + skip, end))
            if skip:
                break
            node = int(self.parents[node])
        return np.concatenate(pieces[::-1]) if pieces else np.empty(0, np.int64)


class _Draft:
    """A node while the tree grows."""

    __slots__ = ("depth", "end", "parent", "start", "stop")

    def __init__(self, start: int, end: int, depth: int, parent: _Draft | None) -> None:
        self.start, self.end, self.depth, self.parent = start, end, depth, parent
        self.stop = end


def build_tree(
    sequences: Sequence[Sequence[int]], min_shared: int = MIN_SHARED, worth: float = WORTH
) -> PrefixTree:
    """Builds the tree of ``sequences``, none of which is empty.

    In lexicographic order a sequence shares most with the one before it, so each adds what
    follows their common beginning, as a branch of the path that the last one left open.

    Args:
        sequences: Token ids.
        min_shared: The fewest tokens of a node that others share.
        worth: The least share of a branch's tokens that such a node must save it.
    """
    # Big-endian bytes sort as the tokens do, at the speed of memcmp.
    keys = [np.asarray(sequence, dtype=">i4").tobytes() for sequence in sequences]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    texts = [np.frombuffer(keys[index], ">i4") for index in order]
    common = [_common(*pair) for pair in pairwise([np.empty(0, ">i4"), *texts])]
    branches = _branch_sizes([len(tokens) for tokens in texts], common)
    row: list[Integers] = []
    length = 0
    drafts: list[_Draft] = []
    path: list[_Draft] = []
    leaves: list[_Draft | None] = [None] * len(keys)
    for index, tokens, shared, branch in zip(order, texts, common, branches, strict=True):
        if path and shared == len(tokens) == _end_depth(path[-1]):
            leaves[index] = path[-1]
            continue
        shared = _open_branch(path, drafts, shared, length, max(min_shared, worth * branch))
        node = _Draft(length, length + len(tokens) - shared, shared, path[-1] if path else None)
        row.append(tokens[shared:].astype(np.int64))
        length = node.end
        drafts.append(node)
        path.append(node)
        leaves[index] = node
    for node in path:
        node.stop = length
    return _finish(row, drafts, leaves)


def _common(left: npt.NDArray[np.int32], right: npt.NDArray[np.int32]) -> int:
    """How many tokens two sequences share at their beginning."""
    shorter = min(len(left), len(right))
    different = np.flatnonzero(left[:shorter] != right[:shorter])
    return int(different[0]) if len(different) else shorter


def _branch_sizes(lengths: Sequence[int], common: Sequence[int]) -> list[int]:
    """The unique tokens of each branch: from a sequence to the next that shares no more.

    Args:
        lengths: Of the sequences in lexicographic order.
        common: What each shares with the one before it.
    """
    sizes = [0] * len(lengths)
    open_branches: list[int] = []
    for place, (length, shared) in enumerate(zip(lengths, common, strict=True)):
        while open_branches and common[open_branches[-1]] >= shared:
            closed = open_branches.pop()
            if open_branches:
                sizes[open_branches[-1]] += sizes[closed]
        sizes[place] = length - shared
        open_branches.append(place)
    for outer, inner in pairwise(open_branches[::-1]):
        sizes[inner] += sizes[outer]
    return sizes


def _end_depth(node: _Draft) -> int:
    return node.depth + node.end - node.start


def _open_branch(
    path: list[_Draft], drafts: list[_Draft], shared: int, length: int, min_shared: float
) -> int:
    """Closes what the next sequence does not share; returns the depth at which it branches."""
    while path and path[-1].depth >= shared:
        path.pop().stop = length
    if not path or _end_depth(path[-1]) <= shared:
        return shared
    node = path.pop()
    node.stop = length
    kept = shared - node.depth
    if kept < min_shared:
        return node.depth
    # Split: a new node takes the shared beginning; the old one keeps its end, its children and
    # the sequences that end with it.
    top = _Draft(node.start, node.start + kept, node.depth, node.parent)
    node.start, node.depth, node.parent = node.start + kept, shared, top
    drafts.append(top)
    path.append(top)
    return shared


def _finish(
    row: list[Integers], drafts: list[_Draft], leaves: Sequence[_Draft | None]
) -> PrefixTree:
    drafts.sort(key=lambda node: node.start)
    number = {id(node): place for place, node in enumerate(drafts)}
    starts = np.array([node.start for node in drafts], np.int64)
    ends = np.array([node.end for node in drafts], np.int64)
    depths = np.array([node.depth for node in drafts], np.int64)
    stops = np.array([node.stop for node in drafts], np.int64)
    lengths = ends - starts
    tokens = np.concatenate(row) if row else np.empty(0, np.int64)
    return PrefixTree(
        tokens=tokens,
        positions=np.arange(len(tokens)) - np.repeat(starts - depths, lengths),
        stops=np.repeat(stops, lengths),
        node_starts=starts,
        node_ends=ends,
        parents=np.array(
            [-1 if node.parent is None else number[id(node.parent)] for node in drafts], np.int64
        ),
        leaves=np.array([number[id(node)] for node in leaves if node is not None], np.int64),
    )
