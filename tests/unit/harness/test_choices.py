"""Choosing among options: reading an answer's letter or text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import choices
from harness.types import Loglikelihood, Logprob


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("B", 1),
        (" (B)", 1),
        ("**B**", 1),
        ("b", 1),
        ("(b) Paris", 1),
        ("**B.** Paris", 1),
        ("**B) Paris**", 1),
        ("The answer is **B**.", 1),
        ("The correct option is B", 1),
        ("The answer is option B", 1),
        ("Choice: C", 2),
        ("either option A or B", None),
        ("A.M. or P.M.", None),
        ("The answer is B's", None),
        ("B.", 1),
        ("B. Paris", 1),
        ("(C) Rome", 2),
        ("A) a dog\nB) a cat", 0),
        ("The answer is C.", 2),
        ("I think the answer is (A)", 0),
        ("Answer: B", 1),
        ("A man walks in", None),
        ("The answer is A man", None),
        ("the answer is apple", None),
        ("Because", None),
        ("", None),
        ("D", None),
        ("Z", None),
    ],
)
def test_letter(text: str, index: int | None) -> None:
    assert choices.letter(text, 3) == index


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("the muslim one", 0),
        ("The Muslim one!", 0),
        ("It must have been the Jewish one.", 1),
        ("Not the Muslim one but the Jewish one", None),
        ("can't be determined", 2),
        ("cant be determined", 2),
        ("can’t be determined", 2),
        ("the Hindu one", None),
        ("", None),
        ("...", None),
    ],
)
def test_match(text: str, index: int | None) -> None:
    names = [["The Muslim one"], ["The Jewish one"], ["Can't be determined"]]
    assert choices.match(text, names) == index


def test_a_longer_name_covers_a_shorter_one() -> None:
    names = [["positive"], ["very positive"]]
    assert choices.match("I find it very positive", names) == 1
    assert choices.match("positive", names) == 0
    assert choices.match("very positive, or just positive", names) is None


def test_a_name_of_two_options_decides_nothing() -> None:
    assert choices.match("the older man said so", [["older man"], ["Older man!"], ["girl"]]) is None


def test_further_names_count_for_their_option() -> None:
    names = [["The man with the cane", "cane"], ["The runner"], ["Unknown", "Not known"]]
    assert choices.match("not known", names) == 2
    assert choices.match("He used a cane", names) == 0


words = st.text(st.characters(categories=["L"]), min_size=2, max_size=8).filter(
    lambda word: choices.normalize(word) not in ("", "an", "the")
)


@settings(deadline=None)
@given(st.lists(words, min_size=2, max_size=5, unique_by=choices.normalize), st.data())
def test_an_option_s_own_text_is_always_recognized(names: list[str], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(names) - 1))
    assert choices.match(f"The {names[index]}.", [[name] for name in names]) == index


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
