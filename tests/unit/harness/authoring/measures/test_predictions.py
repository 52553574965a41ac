from __future__ import annotations

import math

import pytest

from harness.authoring.measures import predictions
from harness.types import (
    Classify,
    ClassProbs,
    Completion,
    Generate,
    Loglikelihood,
    Logprob,
    Sample,
    SampleRecord,
)

SAMPLE = Sample("1", "good", ("positive",))


def answered(*totals: float) -> tuple[Logprob, ...]:
    return tuple(Logprob(total, 1, False) for total in totals)


def test_labels_by_log_likelihood() -> None:
    asked = (Loglikelihood("good is", " negative"), Loglikelihood("good is", " positive"))
    found = predictions.distribution(SAMPLE, asked, answered(math.log(0.1), math.log(0.3)))
    assert found == pytest.approx({"negative": 0.25, "positive": 0.75})
    assert predictions.chosen(found) == "positive"
    record = SampleRecord(SAMPLE, asked, answered(-1.0, -1.0), {})
    assert predictions.chosen(predictions.of_record(record)) == "negative"  # the first of equals


def test_choices_asked_by_letter_go_by_their_text() -> None:
    sample = Sample("1", "?", ("Rome",), ("Paris", "Rome"))
    asked = (Loglikelihood("q", " A"), Loglikelihood("q", " B"))
    assert set(predictions.distribution(sample, asked, answered(-1.0, -2.0))) == {"Paris", "Rome"}


def test_a_classification_head() -> None:
    asked = (Classify("good", ("neg", "pos")),)
    found = predictions.distribution(SAMPLE, asked, (ClassProbs((0.2, 0.8)),))
    assert found == {"neg": 0.2, "pos": 0.8}


@pytest.mark.parametrize(
    ("asked", "responses"),
    [
        ((Generate("x"),), (Completion("y"),)),
        ((Loglikelihood("", "he"),), answered(-1.0)),
        ((Loglikelihood("a", "x"), Loglikelihood("b", "x")), answered(-1.0, -2.0)),
        ((Loglikelihood("a", "x"), Loglikelihood("a", " x")), answered(-1.0, -2.0)),
    ],
)
def test_what_is_no_choice(asked, responses) -> None:
    assert predictions.distribution(SAMPLE, asked, responses) is None


def test_a_prediction_belongs_to_the_score_that_judges_it() -> None:
    sample = Sample("1", "?", ("Rome",), ("Paris", "Rome"))
    asked = (Loglikelihood("q", " Paris"), Loglikelihood("q", " Rome"))
    record = SampleRecord(sample, asked, answered(-1.0, -2.0), {})
    assert predictions.judged(record, 0.0) == "Paris"
    assert predictions.judged(record, 1.0) is None, "acc_norm chose another"
    assert predictions.judged(record, 0.5) is None
    assert predictions.judged(record, (0.0, 1.0)) is None
    generated = SampleRecord(sample, (Generate("q"),), (Completion("Paris"),), {})
    assert predictions.judged(generated, 0.0) is None
