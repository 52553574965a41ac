"""Several answers to one question: chances to pass against counting all draws, and majorities."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.authoring.measures.repeats import majority, mean_of, pass_all, pass_at
from harness.types import Unscored


@given(st.lists(st.booleans(), min_size=1, max_size=8), st.data())
def test_chances_are_shares_of_all_draws(answers: list[bool], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(answers)))
    draws = list(combinations(answers, k))
    right = sum(answers)
    assert pass_at(len(answers), right, k) == pytest.approx(sum(map(any, draws)) / len(draws))
    assert pass_all(len(answers), right, k) == pytest.approx(sum(map(all, draws)) / len(draws))


def test_worked_examples() -> None:
    assert pass_at(10, 3, 1) == pytest.approx(0.3)
    assert pass_at(200, 1, 100) == pytest.approx(0.5)
    assert pass_at(5, 0, 5) == 0.0
    assert pass_at(1000, 999, 2) == 1.0
    assert pass_all(4, 2, 2) == pytest.approx(1 / 6)


@pytest.mark.parametrize("k", [0, 4, -1])
def test_more_draws_than_answers_have_no_chance(k: int) -> None:
    for function in (pass_at, pass_all):
        with pytest.raises(ValueError, match="k = "):
            function(3, 1, k)


def test_the_commonest_answer_decides() -> None:
    assert majority([(0.0, "a"), (1.0, "b"), (1.0, "b")]) == 1.0
    assert majority([(0.0, "a"), (1.0, "b"), (0.0, "c")]) == pytest.approx(1 / 3)
    assert majority([(0.0, "a"), (0.0, "a"), (1.0, "b"), (1.0, "b")]) == 0.5


def test_means_of_scores() -> None:
    assert mean_of([1.0, 0.0, Unscored("x")]) == 0.5
    assert mean_of([Unscored("x"), Unscored("y")]) == Unscored("x")
    assert mean_of([Unscored("x"), (1.0, 2.0), (3.0, 4.0)]) == (1.0, 2.0)
