"""Exact match and F1 by the official SQuAD rules, against examples worked out by hand."""

import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.types import Sample
from harness_tasks.metrics.squad import (
    SquadV1,
    SquadV2,
    exact_match,
    f1,
    language_of,
    normalize,
)

PUNCTUATION = set("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")


def slow_normalize(text: str) -> str:
    """The same rule said otherwise: character by character, word by word."""
    text = "".join(c for c in text.lower() if c not in PUNCTUATION)
    pieces = re.split(r"(\w+)", text)
    return " ".join("".join(" " if p in ("a", "an", "the") else p for p in pieces).split())


@settings(deadline=None)
@given(st.text(st.sampled_from("aAnNtThHeE thé.,-'’ \t\nß1İ_") | st.characters(codec="utf-8")))
def test_normalize_agrees_with_an_independent_statement_of_the_rule(text: str) -> None:
    assert normalize(text) == slow_normalize(text)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("The Norman's  Conquest!", "normans conquest"),
        ("an apple a day", "apple day"),
        ("theory", "theory"),
        ("the", ""),
        ("a-the", "athe"),
    ],
)
def test_normalize(text: str, normal: str) -> None:
    assert normalize(text) == normal


def test_f1_by_hand() -> None:
    # two of three predicted tokens are among four of the reference: P = 2/3, R = 2/4
    assert f1("in the 10th century AD", "10th and 11th century", True) == pytest.approx(
        2 * (2 / 4) * (2 / 4) / (2 / 4 + 2 / 4)
    )
    assert f1("x x y", "x y y", True) == pytest.approx(2 / 3)
    assert f1("left", "right", True) == 0


@settings(deadline=None)
@given(st.text("ab c", max_size=12), st.text("ab c", max_size=12))
def test_f1_is_symmetric_bounded_and_one_on_equal_bags(left: str, right: str) -> None:
    value = f1(left, right, True)
    assert 0 <= value <= 1
    assert value == pytest.approx(f1(right, left, True))
    same = Counter(normalize(left).split()) == Counter(normalize(right).split())
    assert (value == pytest.approx(1)) == same


def test_versions_differ_on_texts_of_articles_alone() -> None:
    assert f1("the", "a", empty_can_match=True) == 1
    assert f1("the", "a", empty_can_match=False) == 0
    assert exact_match("the", "a") == 1


def test_v1_takes_the_best_reference() -> None:
    sample = Sample("q", "?", ("Paris", "the city of Paris"))
    assert SquadV1().grade("city of Paris", sample) == {"exact_match": 1.0, "f1": 1.0}
    assert SquadV1().grade("Paris, France", sample) == {
        "exact_match": 0.0,
        "f1": pytest.approx(2 / 3),
    }


@pytest.mark.parametrize("answer", ["", "  ", "unanswerable", "Unanswerable.", "the"])
def test_v2_wants_an_empty_answer_where_there_is_none(answer: str) -> None:
    values = SquadV2().grade(answer, Sample("q", "?"))
    assert values == {"exact_match": 1.0, "f1": 1.0, "noans_exact_match": 1.0}


def test_v2_gives_nothing_for_an_answer_where_there_is_none_and_the_reverse() -> None:
    assert SquadV2().grade("Paris", Sample("q", "?")) == {
        "exact_match": 0.0,
        "f1": 0.0,
        "noans_exact_match": 0.0,
    }
    assert SquadV2().grade("unanswerable", Sample("q", "?", ("Paris",))) == {
        "exact_match": 0.0,
        "f1": 0.0,
        "hasans_exact_match": 0.0,
        "hasans_f1": 0.0,
    }


def test_v1_grades_a_question_without_answer_by_v2_s_rule() -> None:
    assert SquadV1().grade("", Sample("q", "?")) == {"exact_match": 1.0, "f1": 1.0}
    assert SquadV1().grade("Paris", Sample("q", "?")) == {"exact_match": 0.0, "f1": 0.0}


def test_v2_without_the_split_metrics() -> None:
    grader = SquadV2(split=False)
    assert [metric.name for metric in grader.metrics] == ["exact_match", "f1"]
    assert set(grader.grade("x", Sample("q", "?", ("x",)))) == {"exact_match", "f1"}


@pytest.mark.parametrize(
    ("language", "text", "normal"),
    [
        ("de", "Der „alte“ Turm!", "alte turm"),
        ("es", "¿La torre del puente?", "torre del puente"),
        ("zh", "旧桥，2024年 ABC。", "旧 桥 2024 年 abc"),
        ("hi", "पुराना पुल।", "पुराना पुल"),
        ("other", "Старый «мост»", "старый мост"),
        ("en", "Der „alte“ Turm!", "der „alte“ turm"),  # SQuAD drops ASCII punctuation alone
    ],
)
def test_other_languages_are_normalized_as_mlqa_does(language: str, text: str, normal: str) -> None:
    assert normalize(text, language) == normal


def test_the_language_is_told_by_the_question_s_script() -> None:
    assert language_of("When was the bridge built?") == language_of("") == "en"
    assert language_of("Где стоит старый мост?") == "other"
    assert language_of("أين الجسر القديم؟") == "ar"
    chinese = Sample("q", "桥在哪里？", ("北京城",))
    # two characters of three, of two: P = 1, R = 2/3
    for grader in (SquadV1(), SquadV2(split=False)):
        got = grader.grade("北京。", chinese)
        assert got == {"exact_match": 0.0, "f1": pytest.approx(0.8)}
    assert SquadV1("en").grade("北京。", chinese)["f1"] == 0
    assert SquadV1("de").grade("der Turm", Sample("q", "Was?", ("ein Turm",)))["f1"] == 1
