"""Agreement on marked parts: hand-worked values, and α against the ratings of each character."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.stats import agreement, marks
from harness.stats.marks import MarkedText

TEXTS = [
    MarkedText(10, [[(2, 6)], [(4, 8)]]),  # two of four characters each are shared
    MarkedText(20, [[(0, 5)], [(0, 5)]]),  # one whole mark
    MarkedText(8, [[], []]),  # neither found anything
    MarkedText(9, [[(0, 9)]]),  # one annotator only
]


def test_values_by_hand():
    assert marks.f1_of_characters(TEXTS).value == pytest.approx(2 * (2 + 5) / (8 + 10))
    assert marks.f1_of_marks(TEXTS).value == pytest.approx(2 * 1 / 4)
    # 38 characters, 76 ratings, 18 of them marks; 4 characters differ, each in two ordered pairs.
    expected = 1 - 8 / (2 * 18 * 58 / 75)
    assert marks.alpha_of_characters(TEXTS).value == pytest.approx(expected)


def test_alpha_is_that_of_each_characters_ratings():
    rng = np.random.default_rng(3)
    texts, ratings = [], []
    for raters in (2, 3, 3, 4):
        length = int(rng.integers(5, 40))
        given = []
        for _ in range(raters):
            ends = np.sort(rng.integers(0, length, (2, 2)), axis=1)
            given.append([(int(start), int(end) + 1) for start, end in ends])  # they may overlap
        texts.append(MarkedText(length, given))
        inside = [[any(a <= n < b for a, b in each) for each in given] for n in range(length)]
        ratings += inside
    expected = agreement.krippendorff_alpha(ratings).value
    assert marks.alpha_of_characters(texts).value == pytest.approx(expected)


def test_texts_are_drawn_whole():
    """A long text is one draw: its characters do not make the interval narrow."""
    rng = np.random.default_rng(4)
    starts = rng.integers(0, 80, (30, 2)).tolist()
    texts = [MarkedText(100, [[(a, a + 20)], [(b, b + 20)]]) for a, b in starts]
    low, high = marks.f1_of_characters(texts).infer().interval(0.95)
    assert 0.1 < low < marks.f1_of_characters(texts).value < high and high - low > 0.1
    apart = marks.alpha_of_characters(texts).infer([str(n // 2) for n in range(30)])
    assert "15 clusters" in apart.method


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        ([], "no text has two annotators"),
        ([MarkedText(5, [[(0, 2)]])], "no text has two annotators"),
        ([MarkedText(5, [[], []])], "nothing is marked, or everything is"),
        ([MarkedText(5, [[(0, 5)], [(0, 5)]])], "nothing is marked, or everything is"),
        ([MarkedText(0, [[], []])], "no text has two annotators"),
    ],
)
def test_no_silent_alpha(texts, why):
    found = marks.alpha_of_characters(texts)
    assert math.isnan(found.value) and why in found.infer().method
    nothing = not any(any(each) for text in texts for each in text.marks if len(text.marks) > 1)
    assert math.isnan(marks.f1_of_marks(texts).value) == nothing
