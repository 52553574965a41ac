"""The tools every probe edits text with."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.types import Sample
from harness_probes.text import (
    WORD,
    Edit,
    apply,
    guarded,
    like,
    mentions,
    some,
    with_articles,
)


def test_edits_are_put_in_from_left_to_right_whatever_their_order() -> None:
    assert apply("one two three", [Edit(8, 13, "3"), Edit(0, 3, "1")]) == "1 two 3"


def test_words_keep_their_apostrophes_and_leave_numbers() -> None:
    assert WORD.findall("Don't pay 42 or well-known O’Neil’s a1b") == [
        "Don't", "pay", "or", "well", "known", "O’Neil’s", "a", "b",
    ]  # fmt: skip


def test_answers_are_protected_wherever_they_stand() -> None:
    text = guarded("Paris is nice. In paris, Parisians eat.", ["Paris"])
    assert [word[0] for word in text.words()] == ["is", "nice", "In", "Parisians", "eat"]
    assert guarded("anything", ["", "  "]).protected == ()


@pytest.mark.parametrize(
    ("before", "old", "new", "after"),
    [
        ("He is an honest man", "honest", "truthful", "He is a truthful man"),
        ("A big house", "big", "enormous", "An enormous house"),
        ("AN OLD CAR", "OLD", "NEW", "A NEW CAR"),
        ("a unique film", "unique", "odd", "an odd film"),
        ("an odd film", "odd", "unique", "a unique film"),
        ("banana big", "big", "odd", "banana odd"),
    ],
)
def test_articles_follow_the_word(before, old, new, after) -> None:
    start = before.index(old)
    assert apply(before, with_articles(before, [Edit(start, start + len(old), new)])) == after


def test_capitals_are_kept() -> None:
    assert [like("film", model) for model in ("movie", "Movie", "MOVIE", "A")] == [
        "film", "Film", "FILM", "Film",
    ]  # fmt: skip


def test_mentions_are_whole_words() -> None:
    sample = Sample("1", "", ("his book",), ("The theatre", "a"))
    assert mentions(sample, ["HIS"])
    assert mentions(sample, ["theatre"])
    assert not mentions(sample, ["he", "boo"])


@settings(deadline=None)
@given(st.lists(st.integers(), max_size=30, unique=True), st.floats(0.01, 1), st.floats(0.01, 1))
def test_strengths_are_nested(candidates, one, other) -> None:
    weak, strong = sorted([one, other])
    few = some(candidates, weak, random.Random(3))
    many = some(candidates, strong, random.Random(3))
    assert many[: len(few)] == few
    assert bool(few) == bool(candidates)
