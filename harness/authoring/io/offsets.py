"""Where parts of a file or buffer end: four bytes each as long as these suffice, then eight."""

from __future__ import annotations

from array import array

MOST = 0xFFFFFFFF
"""The largest offset in four bytes."""


def offsets() -> array[int]:
    """Those of no part: 0, where the first begins."""
    return array("I", [0])


def with_end(ends: array[int], end: int) -> array[int]:
    """The offsets and one more: the same array, or a wider one where it is too large."""
    if end > MOST and ends.typecode == "I":
        ends = array("Q", ends)
    ends.append(end)
    return ends
