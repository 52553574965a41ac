"""Which items stand in a corpus, by n-grams of words: the corpus is streamed, memory is bounded.

An n-gram has 13 words, or as many as the shortest twentieth of the items has (at least 8), as for
GPT-3 (Brown et al. 2020, arXiv:2005.14165, appendix C): words in small letters, without marks. Held
in memory are the items' n-grams and one piece of the corpus, however large the corpus is.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.authoring.readers import rows, text_files
from harness_data.contamination.items import Item

LONGEST, SHORTEST = 13, 8
COMMON = 10
"""Documents from which on an n-gram is no sign of an item: a phrase that many have."""
FOUND = 0.5
"""Share of an item's n-grams in the corpus from which on it counts as found there."""
_WORD = re.compile(r"[^\W_]+")
_PIECE = 200_000  # words held of the corpus
_BASE = np.uint64(0x9E3779B97F4A7C15)

Numbers = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Overlap:
    """What of the items the corpus has.

    Attributes:
        size: Words of an n-gram.
        shares: Item → share of its n-grams that the corpus has; an item that is too short has none.
        too_short: Items with fewer words than an n-gram.
        documents: How many were read.
        words: How many words.
        common: n-grams that were left out because many documents have them.
    """

    size: int
    shares: dict[str, float]
    too_short: int
    documents: int
    words: int
    common: int

    @property
    def found(self) -> list[str]:
        """The items of which at least half of the n-grams are there."""
        return [name for name, share in self.shares.items() if share >= FOUND]


def words_of(text: str) -> list[str]:
    """Words in small letters, without marks."""
    return _WORD.findall(text.lower())


def size_for(items: Sequence[Item]) -> int:
    """Words of an n-gram: 13, or what the shortest twentieth of the items has, at least 8."""
    lengths = sorted(len(words_of(item.text)) for item in items)
    at = lengths[len(lengths) // 20] if lengths else LONGEST
    return min(LONGEST, max(SHORTEST, at))


def overlap(
    items: Sequence[Item],
    documents: Iterable[Iterable[str]],
    size: int | None = None,
    on_progress: Callable[[int], None] = lambda _: None,
) -> Overlap:
    """Looks for the items' n-grams in a corpus.

    Args:
        items: The items.
        documents: Each as pieces of text, such as its lines; an n-gram may go over their ends.
        size: Words of an n-gram; None: ``size_for``.
        on_progress: Told the number of words read.
    """
    size = size_for(items) if size is None else size
    wanted = _Wanted(items, size)
    counts: dict[str, int] = defaultdict(int)
    read = total = 0
    for document in documents:
        read += 1
        found: set[str] = set()
        for number, piece in enumerate(_pieces(document, size)):
            total += len(piece) - (size - 1 if number else 0)
            found |= wanted.among(piece)
            on_progress(total)
        for gram in found:
            counts[gram] += 1
    common = {gram for gram, count in counts.items() if count > COMMON}
    shares = {}
    for name, grams in wanted.of_item.items():
        kept = grams - common
        if kept:
            shares[name] = sum(gram in counts for gram in kept) / len(kept)
    return Overlap(size, shares, len(items) - len(wanted.of_item), read, total, len(common))


class _Wanted:
    """The items' n-grams, found by a hash and then compared as texts."""

    def __init__(self, items: Sequence[Item], size: int) -> None:
        self._size = size
        self.of_item: dict[str, set[str]] = {}
        texts: set[str] = set()
        for item in items:
            words = words_of(item.text)
            grams = {" ".join(words[at : at + size]) for at in range(len(words) - size + 1)}
            if grams:
                self.of_item[item.id] = grams
                texts |= grams
        self._texts = texts
        hashes = [_hashes(gram.split(" "), size)[0] for gram in texts]
        self._hashes = np.unique(np.array(hashes, dtype=np.uint64))

    def among(self, words: Sequence[str]) -> set[str]:
        """The wanted n-grams that these words have."""
        if len(words) < self._size or not len(self._hashes):
            return set()
        hashes = _hashes(words, self._size)
        places = np.searchsorted(self._hashes, hashes).clip(max=len(self._hashes) - 1)
        at = np.flatnonzero(self._hashes[places] == hashes)
        found = {" ".join(words[place : place + self._size]) for place in at.tolist()}
        return found & self._texts


def _hashes(words: Sequence[str], size: int) -> Numbers:
    """A hash of each n-gram of the words, shape (len − size + 1,); of this process alone."""
    numbers = np.array([hash(word) for word in words], dtype=np.int64).view(np.uint64)
    count = len(words) - size + 1
    total: Numbers = np.zeros(count, dtype=np.uint64)
    with np.errstate(over="ignore"):
        for place in range(size):
            total = total * _BASE + numbers[place : place + count]
    return total


def _pieces(document: Iterable[str], size: int) -> Iterator[list[str]]:
    """The document's words in pieces that overlap by one less than an n-gram has."""
    held: list[str] = []
    for text in document:
        held += words_of(text)
        while len(held) > _PIECE:
            yield held[:_PIECE]
            held = held[_PIECE - size + 1 :]
    if held:
        yield held


# --------------------------------------------------------------------------- reading a corpus


def documents_of(paths: Iterable[Path]) -> Iterator[Iterable[str]]:
    """The documents of a corpus: a text file is one, of rows each is one.

    Args:
        paths: Text files (``.txt``, ``.md``, gzipped or not), or rows of any format; all texts of
            a row count.

    Raises:
        DataError: A file cannot be read.
    """
    for path in paths:
        if not path.is_dir() and not rows.is_known(path):
            yield (text for _, text in text_files.lines(path))
        else:
            for row, _ in rows.read_rows(path):
                yield list(_texts(row.values()))


def _texts(values: Iterable[object]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            yield from _texts(value.values())
        elif isinstance(value, list | tuple):
            yield from _texts(value)
