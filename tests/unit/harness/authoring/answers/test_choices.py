"""Choosing among options: what is asked, and which is best."""

import pytest

from harness.authoring.answers import choices
from harness.types import Loglikelihood, Logprob


def test_loglikelihoods_join_with_a_blank_and_totals_read_back() -> None:
    assert choices.loglikelihoods("Q:", ["a", "b"]) == [
        Loglikelihood("Q:", " a"),
        Loglikelihood("Q:", " b"),
    ]
    assert choices.totals([Logprob(-1.5, 1, True), Logprob(-0.5, 2, False)]) == [-1.5, -0.5]


def test_best_takes_the_first_of_equal_scores() -> None:
    assert choices.best([-2.0, -1.0, -1.0]) == 1


def test_lettered_options() -> None:
    assert choices.lettered(["x", "y"]) == "A. x\nB. y"


@pytest.mark.parametrize(
    ("template", "shown"),
    [
        ("{{ question }}\n{{ options }}", True),
        ("Which of the options? {{ question }}", False),
        ("{% if options %}{% endif %}", True),
        ("{{ broken", False),
    ],
)
def test_shows_options_looks_at_variables_only(template: str, shown: bool) -> None:
    assert choices.shows_options(template) is shown


@pytest.mark.parametrize(
    ("template", "stop"),
    [
        ("Question: {{ question }}\nAnswer:", ("\nQuestion:",)),
        ("Which of these?\n\nText: {{ query }}", ("\nWhich of these?",)),
        ("{{ text }}\nQuestion: which?", ()),
        ("{% if title %}Title{% endif %}", ()),
    ],
)
def test_a_model_that_goes_on_is_stopped_at_the_next_question(
    template: str, stop: tuple[str, ...]
) -> None:
    assert choices.next_question(template) == stop
