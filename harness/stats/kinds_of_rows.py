"""Statistics of which few rows differ, such as counts of classes: drawn by kind, not by row.

Sums over a resample are the kinds' rows times how often each kind is drawn. How often that is, is
multinomial where rows are drawn with replacement, and binomial for each kind where a coin is thrown
for each row: the same law as of draws row by row, in a time that does not grow with their number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_MOST = 256
_LARGEST = float(2**52)
_PART = 1 << 16


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
        weights = np.random.default_rng(0).random(statistics.shape[1])
        places: dict[bytes, int] = {}
        codes, total = np.empty(len(statistics), np.uint8), 0.0
        for at in range(0, len(statistics), _PART):  # a part at a time, as sorting takes memory
            part = statistics[at : at + _PART].astype(np.float64)
            _, first, kind = np.unique(part @ weights, return_index=True, return_inverse=True)
            rows, total = part[first], total + float(np.abs(part).sum())
            if (
                total > _LARGEST
                or len(rows) > _MOST
                or not np.array_equal(part, np.rint(rows)[kind])
            ):
                return None
            found = [places.setdefault(row.tobytes(), len(places)) for row in rows]
            if len(places) > _MOST:
                return None
            codes[at : at + _PART] = np.array(found, np.uint8)[kind]
        return cls(np.frombuffer(b"".join(places)).reshape(len(places), -1), codes)

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

    def resampled_sums(self, times: int, seed: int) -> Array:
        """Sums over n rows drawn with replacement, shape (times, k)."""
        counts = self._counts()
        drawn = np.random.default_rng(seed).multinomial(
            counts.sum(), counts / counts.sum(), size=times
        )
        return drawn @ self.rows

    def halved(self, times: int, seed: int) -> Array:
        """How many rows of each kind a coin for each row picks, shape (times, K)."""
        counts = self._counts()
        rng = np.random.default_rng(seed)
        return rng.binomial(counts, 0.5, size=(times, len(counts))).astype(np.float64)

    def _counts(self) -> NDArray[np.intp]:
        return np.bincount(self.codes, minlength=len(self.rows))
