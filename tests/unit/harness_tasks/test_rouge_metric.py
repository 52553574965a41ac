"""ROUGE through the task's grader against the package itself and by hand."""

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from harness.types import Sample, ScoreValue
from harness_tasks.metrics.rouge import NAMES, Rouge, remarks, sentences

TEXTS = [
    ("The cat sat on the mat.", "A cat was sitting on the mats"),
    ("First line here.\nSecond line there.", "Second line there.\nThird one."),
    ("", "something"),
]


@pytest.mark.parametrize(("reference", "prediction"), TEXTS)
def test_equals_the_package_with_its_stemmer(reference: str, prediction: str) -> None:
    assert scores(prediction, reference) == of_the_package(prediction, reference)


@settings(deadline=None)
@given(st.text(st.characters(codec="ascii")), st.text(st.characters(codec="ascii")))
def test_ascii_text_gives_exactly_the_package_s_words(prediction: str, reference: str) -> None:
    expected = of_the_package(prediction, reference)
    assert scores(prediction, reference) == expected
    assert scores(prediction, reference, tokenizer="unicode") == expected


@settings(deadline=None)
@given(st.text(), st.text())
def test_the_package_s_own_tokenizer_can_be_chosen(prediction: str, reference: str) -> None:
    got = scores(prediction, reference, tokenizer="rouge-score")
    assert got == of_the_package(prediction, reference)


def scores(prediction: str, reference: str, **options: str) -> Mapping[str, ScoreValue]:
    return Rouge(**options).grade(prediction, Sample("1", "", (reference,)))


def of_the_package(prediction: str, reference: str) -> Mapping[str, float]:
    expected = RougeScorer(list(NAMES), use_stemmer=True).score(reference, prediction)
    return {name: expected[name].fmeasure for name in NAMES}


@pytest.mark.parametrize(
    "text",
    [
        "河边有一座旧木桥。",
        "สวนนี้มีต้นไม้ใหญ่",
        "川のそばに古い橋がある。",
        "المكتبة مفتوحة اليوم",
        "पुराना पुल नदी पर है",
        "старый мост через реку",
        "η παλιά γέφυρα",
        "ស្ពានចាស់",
        "오래된 다리",
        "Größe über Café",
    ],
)
def test_a_text_in_any_script_equals_itself_alone(text: str) -> None:
    for tokenizer in ("auto", "unicode"):
        got = scores(text, text, tokenizer=tokenizer)
        assert got == dict.fromkeys(NAMES, pytest.approx(1.0))
    assert scores("12 old bridges", text)["rouge1"] == 0


def test_latin_letters_are_scored_as_the_package_does_and_what_it_cuts_is_said() -> None:
    german, name = "Größe über alles", "The mayor of São Paulo opened a bridge over the river."
    assert scores("Große", german) == of_the_package("Große", german)
    assert scores("Größe", german, tokenizer="unicode")["rouge1"] == pytest.approx(1 / 2)
    samples = [Sample(str(n), "", (text,)) for n, text in enumerate([german, "河边", name])]
    scripts, cut = remarks(samples, "xsum", "auto")
    assert "1 of 3 samples are not in Latin letters" in scripts
    assert "--set xsum.tokenizer=unicode" in cut
    assert not list(remarks([Sample("1", "", (name * 2,))] * 2, "xsum", "unicode"))
    assert not list(remarks([Sample("1", "", ("An old bridge",))], "xsum", "auto"))


def test_words_and_characters_by_hand() -> None:
    # words: two of three are shared; vowel signs stay with their letters
    assert scores("पुराना पुल यहाँ", "पुराना पुल वहाँ")["rouge1"] == pytest.approx(2 / 3)
    # characters: 4 of 5 are shared
    assert scores("河边有旧桥", "河边有木桥")["rouge1"] == pytest.approx(4 / 5)
    # a number or a word of letters among characters stays whole: 3 of 4
    assert scores("2024年ABC桥", "2023年abc桥")["rouge1"] == pytest.approx(3 / 4)


def test_sentences_end_at_full_stops_where_that_is_asked_for() -> None:
    text = 'Mr. J. Smith left at 3.5 km. "Why?" he asked. Nobody knew! 旧桥。新桥！「好。」走'
    assert sentences(text).split("\n") == [
        "Mr. J. Smith left at 3.5 km.",
        '"Why?" he asked.',
        "Nobody knew!",
        "旧桥。",
        "新桥！",
        "「好。」",
        "走",
    ]
    one, other = "The cat sat. A dog ran.", "A dog ran. The cat sat."
    assert scores(one, other)["rougeLsum"] == pytest.approx(0.5)
    split = scores(one, other, split="sentences")
    assert split["rougeLsum"] == pytest.approx(1)
    assert split["rougeL"] == pytest.approx(0.5)
    by_lines = scores(one.replace(". ", ".\n"), other.replace(". ", ".\n"))
    assert by_lines["rougeLsum"] == split["rougeLsum"]


def test_by_hand() -> None:
    # 3 shared unigrams of 4 and 3; 1 shared bigram (b c) of 3 and 2; common subsequence b c d
    got = Rouge().grade("a b c d", Sample("1", "", ("b c x d",)))
    assert got["rouge1"] == pytest.approx(2 * 0.75 * 0.75 / 1.5)
    assert got["rouge2"] == pytest.approx(1 / 3)
    assert got["rougeL"] == pytest.approx(0.75)


def test_the_best_reference_counts_for_each_type() -> None:
    one, two = Sample("1", "", ("x y",)), Sample("1", "", ("p q", "x y"))
    assert Rouge().grade("x y", one) == Rouge().grade("x y", two)


def test_the_signature_says_version_tokenizer_stemmer_and_split() -> None:
    whole = "rouge-score|tokenizer:auto|stemmer:porter|version:0.1.2"
    signatures = [getattr(metric, "signature", None) for metric in Rouge().metrics]
    assert signatures == [whole] * 3 + [whole.replace("e|t", "e|split:lines|t", 1)]
