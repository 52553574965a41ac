"""Rows that are the same, or nearly: exact by their words, near by MinHash, then compared."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from harness.errors import MissingExtraError

SIMILAR = 0.8
"""Jaccard similarity of three-word pieces from which on two texts are near duplicates."""
_PIECE = 3
_PERMUTATIONS = 128
_MISSED = 1e-3
_WORD = re.compile(r"\w+")


def exact(texts: Sequence[str]) -> list[list[int]]:
    """Groups of at least two places whose texts have the same words, whatever case and marks."""
    groups: dict[bytes, list[int]] = defaultdict(list)
    for place, text in enumerate(texts):
        groups[_digest(text)].append(place)
    return [group for group in groups.values() if len(group) > 1]


def _digest(text: str) -> bytes:
    words = _WORD.findall(text.casefold())
    # A text without words is told apart by its marks.
    return hashlib.sha256(" ".join(words or text.split()).encode()).digest()


def near(texts: Sequence[str], similarity: float = SIMILAR) -> list[tuple[int, int, float]]:
    """Pairs of places (first < second) whose texts are similar, with their similarity.

    MinHash with locality-sensitive hashing proposes pairs (Broder 1997), and each is compared: what
    is given is similar; of pairs that are just similar enough at most one in a thousand is missed.
    Texts of fewer than three words are compared as they are.

    Args:
        texts: The texts; of equal ones only the first counts here.
        similarity: Jaccard similarity of the sets of three-word pieces, in (0, 1].

    Raises:
        MissingExtraError: ``datasketch`` is not installed.
    """
    try:
        from datasketch import MinHash, MinHashLSH
    except ImportError as error:
        raise MissingExtraError("finding near duplicates", "data") from error
    index = MinHashLSH(num_perm=_PERMUTATIONS, params=_bands(similarity))
    pieces: dict[int, frozenset[str]] = {}
    found = []
    seen: set[bytes] = set()
    for place, text in enumerate(texts):
        digest = _digest(text)
        if digest in seen:
            continue
        seen.add(digest)
        own = _pieces(text)
        if not own:
            continue
        sketch = MinHash(num_perm=_PERMUTATIONS, seed=1)
        sketch.update_batch([piece.encode() for piece in own])
        for other in sorted(index.query(sketch)):
            alike = _jaccard(own, pieces[other])
            if alike >= similarity:
                found.append((other, place, alike))
        index.insert(place, sketch)
        pieces[place] = own
    return found


def equal(one: str, other: str) -> bool:
    """Whether both have the same words, and have any, whatever case and marks."""
    words = _WORD.findall(one.casefold())
    return bool(words) and words == _WORD.findall(other.casefold())


def similarity(one: str, other: str) -> float:
    """Jaccard similarity of the sets of three-word pieces of two texts; 0 without words."""
    return _jaccard(_pieces(one), _pieces(other))


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    shared = len(one & other)
    return shared / max(1, len(one) + len(other) - shared)


def _bands(similarity: float) -> tuple[int, int]:
    """Bands of the sketch and rows in each: as many rows as leave a thousandth unproposed.

    A pair of that similarity s is proposed with probability 1 − (1 − s^rows)^bands.
    """
    fitting = [1]
    for rows in range(2, _PERMUTATIONS // 2):
        if (1 - similarity**rows) ** (_PERMUTATIONS // rows) <= _MISSED:
            fitting.append(rows)
    rows = fitting[-1]
    return _PERMUTATIONS // rows, rows


def _pieces(text: str) -> frozenset[str]:
    words = _WORD.findall(text.casefold())
    if len(words) <= _PIECE:
        return frozenset([" ".join(words)] if words else [])
    return frozenset(" ".join(words[at : at + _PIECE]) for at in range(len(words) - _PIECE + 1))


def components(count: int, links: Iterable[tuple[int, int]]) -> list[int]:
    """Which component each of ``count`` places belongs to, named by its first place."""
    parent = list(range(count))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    for one, other in links:
        low, high = sorted((root(one), root(other)))
        parent[high] = low
    return [root(place) for place in range(count)]
