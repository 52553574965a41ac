"""Agreement of annotators who mark parts of texts.

Characters agree or do not, however the marks around them are cut; whole marks agree where both ends
are the same. Every coefficient is a function of sums over texts (``agreement.Coefficient``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from harness.stats.agreement import Coefficient, nominal_alpha
from harness.stats.inference import Array

Mark = tuple[int, int]
"""Where a mark begins, and the place after its last character."""


@dataclass(frozen=True, slots=True)
class MarkedText:
    """One text and what each of its annotators marked in it, all with one label.

    Attributes:
        length: Of the text, in characters.
        marks: Those of each annotator who read it; empty for one who marked nothing.
    """

    length: int
    marks: Sequence[Sequence[Mark]]


def alpha_of_characters(texts: Sequence[MarkedText]) -> Coefficient:
    """Krippendorff's nominal α with characters as units, which each annotator marks or does not.

    Krippendorff 2011, "Computing Krippendorff's alpha-reliability". Texts with fewer than two
    annotators have no part in it. Where little is marked, a mark that one annotator alone made
    weighs heavily, as chance would hardly make it.
    """
    name = "Krippendorff's α (characters)"
    rows = np.zeros((len(texts), 3))
    for row, text in zip(rows, texts, strict=True):
        raters = len(text.marks)
        if raters > 1 and text.length:
            covered = [_covered(text.length, marks) for marks in text.marks]
            counts = np.sum(covered, axis=0, dtype=np.float64)
            rest = raters - counts
            same = (counts * (counts - 1) + rest * (rest - 1)) / (raters - 1)
            row[:] = same.sum(), rest.sum(), counts.sum()
    totals = rows.sum(axis=0)
    if not totals[1:].any():
        return nominal_alpha(name, rows, "no text has two annotators")
    missing = "" if totals[1] and totals[2] else "nothing is marked, or everything is"
    return nominal_alpha(name, rows, missing)


def f1_of_characters(texts: Sequence[MarkedText]) -> Coefficient:
    """2·Σ|A ∩ B| / Σ(|A| + |B|), A and B the characters that two annotators marked.

    Summed over the pairs of annotators of each text. It is what positive specific agreement
    becomes where what is unmarked need not be counted (Hripcsak & Rothschild 2005, "Agreement, the
    F-measure, and reliability in information retrieval"). Chance is not taken off.
    """
    return _f1("F1 (characters)", [_shared_characters(text) for text in texts])


def f1_of_marks(texts: Sequence[MarkedText]) -> Coefficient:
    """The same of whole marks: shared are those with the same two ends."""
    return _f1("F1 (whole marks)", [_shared_marks(text) for text in texts])


def _f1(name: str, rows: Sequence[tuple[float, float]]) -> Coefficient:
    statistics = np.array(rows, dtype=np.float64).reshape(len(rows), 2)
    missing = "" if statistics[:, 1].any() else "nothing is marked where two annotators read"
    return Coefficient(name, statistics, _ratio, missing)


def _ratio(sums: Array) -> Array:
    found = np.full(len(sums), np.nan)
    np.divide(2 * sums[:, 0], sums[:, 1], out=found, where=sums[:, 1] > 0)
    return found


def _shared_characters(text: MarkedText) -> tuple[float, float]:
    covered = [_covered(text.length, marks) for marks in text.marks]
    pairs = list(combinations(covered, 2))
    return (
        float(sum((one & other).sum() for one, other in pairs)),
        float(sum(one.sum() + other.sum() for one, other in pairs)),
    )


def _shared_marks(text: MarkedText) -> tuple[float, float]:
    pairs = [(set(one), set(other)) for one, other in combinations(text.marks, 2)]
    return (
        float(sum(len(one & other) for one, other in pairs)),
        float(sum(len(one) + len(other) for one, other in pairs)),
    )


def _covered(length: int, marks: Sequence[Mark]) -> NDArray[np.bool_]:
    """Which characters are inside a mark; shape (length,)."""
    found = np.zeros(length, dtype=np.bool_)
    for start, end in marks:
        found[start:end] = True
    return found
