"""Which shared beginnings are computed once and forked.

Where a model's own attention or state cannot be given a whole prefix tree, its cache can be
copied: what many sequences begin with is run once, and each goes on from a copy. Every such
shared prefix costs a call of the model, so short ones are left with the sequences:

    shots ──┬── question 1 ──┬── a)         shared prefixes: shots, question 1, question 2
            │                └── b)         rows: the answers
            └── question 2 ──┬── a)
                             └── b)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from harness_backends.hf.prefix_tree.tree import Integers, PrefixTree, build_tree

DEEPEST = 8
"""Shared prefixes that follow each other; each holds its cache while the next is computed."""
STEP = 16
"""Prefixes of equal length share a call, so lengths are cut to multiples where that is cheap."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What a call of the model takes.

    Attributes:
        call: How many tokens could be computed in the time that a call takes by itself.
        chunks: Whether the model continues its cache by several tokens in a call; else each
            of a row's tokens is one.
    """

    call: int
    chunks: bool


@dataclass(frozen=True, slots=True, eq=False)
class SharedPrefix:
    """Tokens that are computed once.

    Attributes:
        tokens: Its own, shape [end - start].
        end: How many tokens a cache holds at its end, those of the prefixes before it included.
        depth: How many shared prefixes that is; 0 for the root, which has no tokens.
        children: Longer shared prefixes that continue it.
        rows: Sequences that go on from here by themselves.
    """

    tokens: Sequence[int]
    end: int
    depth: int
    children: list[SharedPrefix] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)


def plan_shared_prefixes(
    contexts: Sequence[Sequence[int]], lengths: Sequence[int], costs: Costs
) -> SharedPrefix:
    """Chooses the shared prefixes that are worth a call.

    Args:
        contexts: The beginning of each sequence that a shared prefix may hold; may be empty.
        lengths: How long each sequence is as a whole, at least as long as its context.
        costs: What calls take.

    Returns:
        The root; every sequence is in the ``rows`` of one prefix.
    """
    root = SharedPrefix((), 0, 0)
    present = [index for index, context in enumerate(contexts) if len(context)]
    root.rows.extend(index for index, context in enumerate(contexts) if not len(context))
    tree = build_tree([contexts[index] for index in present])
    longest, example = _below(tree, [lengths[index] for index in present])
    branches = np.bincount(tree.parents[tree.parents >= 0], minlength=len(tree.parents))
    branches += np.bincount(tree.leaves, minlength=len(tree.parents))
    roots = int((tree.parents < 0).sum())
    owners: list[SharedPrefix] = []
    for node, parent in enumerate(tree.parents.tolist()):
        below = root if parent < 0 else owners[parent]
        others = int(branches[node]) - 1
        end = int(tree.positions[tree.node_ends[node] - 1]) + 1
        if (roots if parent < 0 else branches[parent]) > 1:
            end = _cut(below.end, end, others, costs.call)
        if _is_worth(below, end, others, int(longest[node]), costs):
            tokens = contexts[present[int(example[node])]][below.end : end]
            child = SharedPrefix(tokens, end, below.depth + 1)
            below.children.append(child)
            owners.append(child)
        else:
            owners.append(below)
    for index, leaf in zip(present, tree.leaves.tolist(), strict=True):
        owners[leaf].rows.append(index)
    return root


def _below(tree: PrefixTree, lengths: Sequence[int]) -> tuple[Integers, Integers]:
    """For each node, the length of the longest sequence below it, and some sequence below it."""
    longest = np.zeros(len(tree.parents), np.int64)
    example = np.zeros(len(tree.parents), np.int64)
    np.maximum.at(longest, tree.leaves, np.asarray(lengths, np.int64))
    example[tree.leaves] = np.arange(len(tree.leaves))
    for node in range(len(tree.parents) - 1, -1, -1):
        parent = tree.parents[node]
        if parent >= 0:
            longest[parent] = max(longest[parent], longest[node])
            example[parent] = example[node]
    return longest, example


def _cut(start: int, end: int, others: int, call: int) -> int:
    """Leaves a few tokens to the branches, where computing them again is cheaper than a call."""
    cut = start + (end - start) // STEP * STEP
    return cut if cut > start and (end - cut) * others < call else end


def _is_worth(below: SharedPrefix, end: int, others: int, longest: int, costs: Costs) -> bool:
    """Whether the tokens saved take longer than the calls added."""
    if below.depth == DEEPEST:
        return False
    # After another prefix the rows' tokens are steps already; on the root they would be one call.
    calls = 1 if costs.chunks or below.depth else max(1, longest - end)
    return (end - below.end) * others > costs.call * calls
