"""ROUGE through the task's grader against the package itself and by hand."""

import pytest
from rouge_score.rouge_scorer import RougeScorer

from harness.types import Sample
from harness_tasks.metrics.rouge import NAMES, Rouge

TEXTS = [
    ("The cat sat on the mat.", "A cat was sitting on the mats"),
    ("First line here.\nSecond line there.", "Second line there.\nThird one."),
    ("", "something"),
    ("…", "Größe über alles"),
]


@pytest.mark.parametrize(("reference", "prediction"), TEXTS)
def test_equals_the_package_with_its_stemmer(reference: str, prediction: str) -> None:
    expected = RougeScorer(list(NAMES), use_stemmer=True).score(reference, prediction)
    got = Rouge().grade(prediction, Sample("1", "", (reference,)))
    assert got == {name: expected[name].fmeasure for name in NAMES}


def test_by_hand() -> None:
    # 3 shared unigrams of 4 and 3; 1 shared bigram (b c) of 3 and 2; common subsequence b c d
    got = Rouge().grade("a b c d", Sample("1", "", ("b c x d",)))
    assert got["rouge1"] == pytest.approx(2 * 0.75 * 0.75 / 1.5)
    assert got["rouge2"] == pytest.approx(1 / 3)
    assert got["rougeL"] == pytest.approx(0.75)


def test_the_best_reference_counts_for_each_type() -> None:
    one, two = Sample("1", "", ("x y",)), Sample("1", "", ("p q", "x y"))
    assert Rouge().grade("x y", one) == Rouge().grade("x y", two)


def test_the_signature_says_version_and_stemmer() -> None:
    assert {getattr(metric, "signature", None) for metric in Rouge().metrics} == {
        "rouge-score|stemmer:porter|version:0.1.2"
    }
