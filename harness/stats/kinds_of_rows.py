"""Statistics of which few rows differ, such as counts of classes: drawn by kind, not by row.

Sums over a resample are then the kinds' rows times how often each kind was drawn. With whole
numbers these are the same sums to the last bit, however they are added up.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_MOST = 256
_LARGEST = float(2**52)
_PART = 1 << 16
_KEPT = 4
"""Resamples of so many sets of statistics are kept: metrics of one task often share them."""
_recent: OrderedDict[bytes, Array] = OrderedDict()


@dataclass(frozen=True, slots=True)
class Kinds:
    """Rows by kind.

    Attributes:
        rows: The distinct rows, shape (K, k).
        codes: The kind of each row, shape (n,).
    """

    rows: Array
    codes: NDArray[np.uint8]

    @classmethod
    def of(cls, statistics: Array) -> Kinds | None:
        """The kinds of rows of whole numbers; None where there are other numbers, or many kinds.

        Args:
            statistics: Shape (n, k), n ≥ 1.
        """
        parts = [statistics[at : at + _PART] for at in range(0, len(statistics), _PART)]
        if not all(np.array_equal(part, np.rint(part)) for part in parts):
            return None
        if sum(float(np.abs(part).sum()) for part in parts) > _LARGEST:
            return None
        marks = statistics @ np.random.default_rng(0).random(statistics.shape[1])
        _, first, kind = np.unique(marks, return_index=True, return_inverse=True)
        if len(first) > _MOST:
            return None
        rows, codes = statistics[first], kind.astype(np.uint8)
        of_parts = np.split(codes, range(_PART, len(codes), _PART))
        same = (np.array_equal(rows[of], part) for of, part in zip(of_parts, parts, strict=True))
        return cls(rows, codes) if all(same) else None

    @classmethod
    def of_pairs(cls, before: Array, after: Array) -> Kinds | None:
        """The kinds of pairs of rows, side by side: shape (K, 2k); None as ``of``."""
        one, other = cls.of(before), cls.of(after)
        if one is None or other is None:
            return None
        many = len(other.rows)
        used, codes = np.unique(
            one.codes.astype(np.uint16) * many + other.codes, return_inverse=True
        )
        if len(used) > _MOST:
            return None
        rows = np.hstack([one.rows[used // many], other.rows[used % many]])
        return cls(rows, codes.astype(np.uint8))

    def resampled(self, name: str, size: int, seed: int, draw: Callable[[], Array]) -> Array:
        """How often each kind is in each resample, shape (size, K).

        Args:
            name: Of the way of drawing.
            size: How many resamples.
            seed: Of the draws.
            draw: Draws them; not called where the same rows were drawn in the same way just now.
        """
        digest = hashlib.blake2b(f"{name} {size} {seed} {self.rows.shape}".encode())
        digest.update(self.rows.tobytes())
        digest.update(self.codes.tobytes())
        key = digest.digest()
        counts = _recent.pop(key, None)
        if counts is None:
            counts = draw()
        _recent[key] = counts
        while len(_recent) > _KEPT:
            _recent.popitem(last=False)
        return counts

    def counts(self, chosen: NDArray[np.intp]) -> Array:
        """How often each kind is among rows chosen by their places; shapes (r, m) and (r, K)."""
        many = len(self.rows)
        return np.stack([np.bincount(self.codes[each], minlength=many) for each in chosen]).astype(
            np.float64
        )
