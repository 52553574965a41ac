"""As many mined samples of each right answer."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.types import Sample, SampleRecord
from harness_align.dataset.training_rows import Row
from harness_align.mining.balancing import answer_of, balanced, warning
from harness_align.mining.failures import Mined


def mined(answer: str | None, worth: float = 1.0) -> Mined:
    rows = () if answer is None else (Row(1, "Is it?", f" {answer}", " other"),)
    return Mined("task", SampleRecord(Sample("s", "Is it?"), (), (), {}), worth, "why", rows)


answers = st.lists(st.sampled_from(["yes", "no", "maybe", None]), max_size=60)


@given(answers, st.one_of(st.none(), st.integers(1, 70)))
def test_every_answer_is_taken_as_often_the_most_valuable_first(given_answers, limit):
    found = [mined(answer, -place) for place, answer in enumerate(given_answers)]
    kept = balanced(found, limit)
    counts = Counter(map(answer_of, kept))
    known = {count for answer, count in counts.items() if answer is not None}
    assert len(known) <= 1
    assert all(counts[None] <= count for count in known)
    assert set(counts) == set(map(answer_of, found))
    assert limit is None or len(kept) <= max(limit, len(counts))
    worths = [each.worth for each in kept]
    assert worths == sorted(worths, reverse=True)
    for answer in counts:
        of_it = [each for each in found if answer_of(each) == answer]
        assert [each for each in kept if answer_of(each) == answer] == of_it[: counts[answer]]


def test_as_many_are_kept_as_the_rarest_answer_and_the_limit_allow():
    found = [mined("yes")] * 7 + [mined("no")] * 5
    assert len(balanced(found)) == 10
    assert len(balanced(found, 6)) == 6


def test_few_of_unknown_answers_take_nothing_from_the_others():
    found = [mined("yes")] * 7 + [mined("no")] * 5 + [mined(None)]
    assert Counter(map(answer_of, balanced(found))) == {"yes": 5, "no": 5, None: 1}
    assert len(balanced([mined(None)] * 7, 4)) == 4


@pytest.mark.parametrize(
    ("given_answers", "told"),
    [
        (["yes"] * 14 + ["no"] * 6, "'yes' is the right answer of 70% of them"),
        (["yes"] * 12 + ["no"] * 8, None),
        (["yes"] * 20, None),  # there is nothing to balance it with
        (["yes"] * 14 + list("abcdef"), None),  # no labels
        ([None] * 30 + ["yes"] * 14 + ["no"] * 6, "70%"),
    ],
)
def test_one_of_few_answers_that_most_have_is_warned_of(given_answers, told):
    found = warning([mined(answer) for answer in given_answers])
    assert (found is None) == (told is None)
    assert told is None or told in found
