"""Cutting a run's requests into shards, so that what shares a beginning stays together.

There is no tokenizer where the requests are: the model lives in the workers. Characters stand in
for tokens, which is enough to balance shards.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.authoring.io import serialization
from harness.types import Generate, KeyedRequest

SHARDS_PER_WORKER = 8
"""A worker twice as fast takes twice as many: the last to finish has one shard at most to go."""
LARGEST = 1 << 17
"""Characters; what is lost when a worker dies, and what an interrupted run loses."""
CHARACTERS_PER_TOKEN = 4
"""Roughly, in English text; weighs what is generated against what is read."""


@dataclass(frozen=True, slots=True)
class _Item:
    """A request, in characters: its ``length``, and how many of them ``shared`` with the last."""

    request: KeyedRequest
    length: int
    shared: int


def cut(requests: Sequence[KeyedRequest], workers: int) -> list[list[KeyedRequest]]:
    """Shards of nearly equal cost, the most expensive ones first.

    The cost of a shard is what an engine that shares prefixes computes: the characters of its
    prefix tree. Requests are sorted by their text, which lays the tree's branches side by side;
    a shard ends in the second half of what it may cost, where its neighbours share the least.

    Args:
        requests: Any number, in any order.
        workers: Among how many the shards are to be balanced.

    Returns:
        Shards that together hold each request once; none is empty.
    """
    items = _sorted(requests)
    target = min(LARGEST, math.ceil(_cost(items) / (workers * SHARDS_PER_WORKER)))
    shards: list[list[_Item]] = []
    start = 0
    while start < len(items):
        stop = _stop(items, start, target)
        shards.append(items[start:stop])
        start = stop
    # What takes longest comes first, lest all wait for it at the end.
    shards.sort(key=_cost, reverse=True)
    return [[item.request for item in shard] for shard in shards]


def _stop(items: Sequence[_Item], start: int, target: int) -> int:
    """Where the shard that begins at ``start`` ends: after one request at least."""
    cost = items[start].length
    best, least = start + 1, math.inf
    for place in range(start + 1, len(items)):
        item = items[place]
        if 2 * cost >= target and item.shared <= least:
            best, least = place, item.shared
        cost += item.length - item.shared
        if cost > target:
            return best if least < math.inf else place
    return len(items)


def _cost(items: Sequence[_Item]) -> int:
    """The first request is paid in full, whatever it shared with one in another shard."""
    return sum(item.length - item.shared for item in items) + (items[0].shared if items else 0)


def _sorted(requests: Sequence[KeyedRequest]) -> list[_Item]:
    texts = [_text(request) for request in requests]
    items: list[_Item] = []
    before = b""
    for index in sorted(range(len(texts)), key=texts.__getitem__):
        request, text = requests[index], texts[index]
        generated = 0
        if isinstance(request.request, Generate):
            generated = CHARACTERS_PER_TOKEN * request.request.sampling.max_tokens
        items.append(_Item(request, len(text) + generated, _common(before, text)))
        before = text
    return items


def _text(request: KeyedRequest) -> bytes:
    """The request's JSON: its kind, then what the model reads, whatever kinds there are."""
    return serialization.dumps(serialization.request_to_json(request.request)).encode(
        "utf-8", "surrogatepass"
    )


def _common(left: bytes, right: bytes) -> int:
    shorter = min(len(left), len(right))
    one = np.frombuffer(left, np.uint8, shorter)
    other = np.frombuffer(right, np.uint8, shorter)
    different = np.flatnonzero(one != other)
    return int(different[0]) if len(different) else shorter
