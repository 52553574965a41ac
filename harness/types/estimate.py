"""A number with its uncertainty."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its uncertainty.

    ``stderr`` is the standard error; ``low`` and ``high`` bound the confidence interval
    (95 % unless ``method`` says otherwise); ``n`` counts scored samples; ``method`` names
    how the interval was made. ``stderr``, ``low`` and ``high`` are NaN where n is too small.
    """

    value: float
    stderr: float
    low: float
    high: float
    n: int
    method: str
