"""Gender and name swaps."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import UnknownNameError
from harness_align.dataset import counterfactual
from harness_align.dataset.training_rows import Row, Rows


@pytest.mark.parametrize(
    ("text", "swapped"),
    [
        ("He gave her his book.", "She gave him her book."),
        ("She lost her keys; I saw her.", "He lost his keys; I saw him."),
        ("I told him that the choice was his.", "I told her that the choice was hers."),
        ("The KING and Mr. Smith", "The QUEEN and Mrs. Smith"),
        ("theory, shepherd, human", "theory, shepherd, human"),
        ("Her mother-in-law saw himself", "His father-in-law saw herself"),
    ],
)
def test_gendered_words_are_swapped_as_whole_words(text, swapped):
    assert counterfactual.swap(text, ["gender"]) == swapped


def test_names_are_swapped_only_when_asked_for():
    assert counterfactual.swap("Tom and Lily", ["names"]) == "Lily and Tom"
    assert counterfactual.swap("Tom and Lily", ["gender"]) == "Tom and Lily"


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["he", "she", "man", "Woman", "KING", "the", "dog", "Tom", "Lily", ",", "."]
        )
    )
)
def test_swapping_twice_gives_the_text_back(words):
    text = " ".join(words)
    once = counterfactual.swap(text, ["gender", "names"])
    assert counterfactual.swap(once, ["gender", "names"]) == text


def test_every_gendered_row_gets_its_counterpart_once():
    rows = Rows(
        "preference",
        (
            Row(1, "The man", " said he won", " said nothing"),
            Row(2, "The woman", " said she won", " said nothing"),
            Row(3, "The dog", " barked", " slept"),
            Row(4, "A boy", " ran", " sat"),
        ),
        "x",
    )
    made = counterfactual.augment(rows, ["gender"]).rows
    assert [row.prompt for row in made] == ["The man", "The woman", "The dog", "A boy", "A girl"]
    assert made[-1].facts == {"counterfactual_of": 4}


def test_an_unknown_axis_is_an_error():
    with pytest.raises(UnknownNameError, match="gender"):
        counterfactual.augment(Rows("prompt", (), "x"), ["gendr"])
