"""Cuts requests into batches: those that are encoded, and then computed, together.

Requests that begin alike come into one batch, as what two batches share is computed twice. A
batch's token ids are held until it is done, so its text is limited; that of prompts is not, as
generation keeps the device busy only while many rows are under way, and they run out at each
batch's end.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from harness.types import Generate, KeyedRequest, Loglikelihood, Request, RollingLoglikelihood

REQUESTS = 4096
CHARACTERS = 1 << 20
"""Of contexts and texts to be scored: their token ids take about ten megabytes."""


def cut_batches(requests: Sequence[KeyedRequest]) -> list[Sequence[KeyedRequest]]:
    """The requests to score, then those to continue, each kind in the order of its text."""
    prompts = [item for item in requests if isinstance(item.request, Generate)]
    others = [item for item in requests if not isinstance(item.request, Generate)]
    return [*_cut(others, CHARACTERS), *_cut(prompts, None)]


def _cut(
    requests: Sequence[KeyedRequest], characters: int | None
) -> Iterator[Sequence[KeyedRequest]]:
    beginnings = [_beginning(item.request) for item in requests]
    order = sorted(range(len(requests)), key=beginnings.__getitem__)
    texts = [beginnings[index] for index in order]
    start = 0
    while start < len(order):
        end = _furthest(texts, start, characters)
        if end < len(order):
            end = _parting(texts, (start + end + 1) // 2, end)
        yield [requests[index] for index in order[start:end]]
        start = end


def _furthest(texts: Sequence[str], start: int, characters: int | None) -> int:
    """Where a batch that begins at ``start`` ends at the latest; it holds one text at least."""
    end = min(len(texts), start + REQUESTS)
    if characters is None:
        return end
    held = 0
    for place in range(start, end):
        held += len(texts[place])
        if held > characters and place > start:
            return place
    return end


def _parting(texts: Sequence[str], first: int, last: int) -> int:
    """The place in [first, last] whose text shares least with the one before it; the last such."""
    return min(
        range(last, first - 1, -1), key=lambda place: _common(texts[place - 1], texts[place])
    )


def _common(left: str, right: str) -> int:
    """How many characters two texts share at their beginning."""
    shorter = min(len(left), len(right))
    return bisect_left(range(shorter), True, key=lambda end: left[: end + 1] != right[: end + 1])


def _beginning(request: Request) -> str:
    """The text by which a request finds its neighbours."""
    match request:
        case Loglikelihood(context=prompt) | Generate(prompt=prompt):
            if isinstance(prompt, str):
                return prompt
            return "\0".join(message.content for message in prompt)
        case RollingLoglikelihood(text=text):
            return text
    return ""
