"""What several judgements of one thing come to; None is one that could not be read."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean


def mean_of_all(values: Sequence[float | None]) -> float | None:
    """The mean, None where one is missing."""
    read = [each for each in values if each is not None]
    return fmean(read) if len(read) == len(values) else None


def mean_of_read(values: Sequence[float | None]) -> float | None:
    """Of what could be read."""
    read = [each for each in values if each is not None]
    return fmean(read) if read else None


def within(repeated: Sequence[Sequence[float | None]]) -> tuple[float, float]:
    """(Σ of squares within, degrees of freedom) of judgements that were asked for repeatedly."""
    squares = freedom = 0.0
    for values in repeated:
        read = [each for each in values if each is not None]
        if len(read) > 1:
            centre = fmean(read)
            squares += sum((each - centre) ** 2 for each in read)
            freedom += len(read) - 1
    return squares, freedom
