"""Precision of numbers, names, entities and words against a source."""

from __future__ import annotations

import json
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import evaluate
from harness.testing import check_metric
from harness.types import Sample, Score
from harness_grounding.metrics import overlap, sources

SOURCE = (
    "Mr. Jonas Ozols of the University of Riga said on 3 May 2021 that 1,234 trees were cut. "
    "About 2.5 million people live there, and thirty of them objected. The U.S. embassy, led by "
    "Ana de la Cruz, paid $40,000 (12.5%)."
)
SAMPLE = Sample("1", SOURCE)


def graded(make, answer: str, sample: Sample = SAMPLE, field: str = ""):
    values = make(field).grade(answer, sample)
    return next(iter(values.values()), None)


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("It cut 1234 trees in 2021.", 1),
        ("It cut 1.234 thousand trees.", 1),
        ("2,500,000 people, and 30 objected.", 1),
        ("It cost 40000 dollars, 12.5 percent.", 1),
        ("It cut 1243 trees in 2021.", 0.5),
        ("Five trees in 2020.", 0),
        ("Thirty objected, forty did not.", 0.5),
        ("One was cut, and no one objected.", None),  # a pronoun is no number
        ("Trees were cut.", None),
        ("", None),
    ],
)
def test_numbers_are_compared_by_value(answer: str, value: float | None) -> None:
    assert graded(overlap.number_precision, answer) == value


@pytest.mark.parametrize(
    ("answer", "names", "entities"),
    [
        ("Trees were cut, said Jonas Ozols.", 1, 1),
        ("Jonas Ozols's trees were cut.", 1, 1),
        ("They say Ozols spoke.", 1, 1),
        ("They met at the University of Riga.", 1, 1),
        ("They met at the University of Jonas.", 1, 0),  # its words, in another order
        ("They met Ana de la Cruz.", 1, 1),
        ("They met Ana Cruz.", 1, 0),
        ("They met Karlis Ozols in Riga.", 2 / 3, 1 / 2),
        ("Trees were cut. However, Karlis said so.", 0, 0),
        ("Trees were cut.", None, None),  # one capital, where a sentence begins
        ("Karlis came, they say. Nobody saw Karlis.", 0, 0),  # a name also elsewhere
        ("He said so. In May it was so.", 1, 1),
        ("1234", None, None),
        ("", None, None),
    ],
)
def test_names_and_entities(answer: str, names: float | None, entities: float | None) -> None:
    assert graded(overlap.name_precision, answer) == pytest.approx(names)
    assert graded(overlap.entity_precision, answer) == pytest.approx(entities)


def test_overlap_is_rouges_precision() -> None:
    from rouge_score.rouge_scorer import RougeScorer

    answer = "Jonas said that trees were cut down yesterday"
    found = overlap.SourceOverlap("").grade(answer, SAMPLE)
    expected = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=True).score(SOURCE, answer)
    assert found == {f"source_{k}": pytest.approx(v.precision) for k, v in expected.items()}
    assert overlap.SourceOverlap("").grade("... !", SAMPLE) == {}


def test_overlap_reads_other_scripts() -> None:
    sample = Sample("1", "Столица Латвии — Рига, большой город")
    found = overlap.SourceOverlap("").grade("Рига — столица", sample)
    assert found["source_rouge1"] == 1


@given(st.text(alphabet=string.printable + "äößÄÖ日本Ж‘’“”", max_size=200))
def test_a_copy_is_wholly_grounded(text: str) -> None:
    sample = Sample("1", text)
    for make in (overlap.number_precision, overlap.name_precision, overlap.entity_precision):
        assert graded(make, text, sample) in (1, None)


@given(st.text(max_size=100), st.text(max_size=100))
def test_values_are_shares(answer: str, source: str) -> None:
    for make in (overlap.number_precision, overlap.name_precision, overlap.entity_precision):
        value = graded(make, answer, Sample("1", source))
        assert value is None or 0 <= value <= 1


def test_the_source_is_the_field_that_there_is() -> None:
    sample = Sample("1", "Who cut 7 trees?", metadata={"context": "Ozols cut them.", "title": "9"})
    assert graded(overlap.number_precision, "7 trees", sample) == 1  # asked, not made up
    assert graded(overlap.number_precision, "9 trees", sample) == 0
    assert graded(overlap.number_precision, "9 trees", sample, "title") == 1
    assert graded(overlap.number_precision, "9 trees", sample, "input") == 0
    assert graded(overlap.number_precision, "9 trees", sample, "nothing") is None
    listed = Sample("1", "?", metadata={"passages": ["a 9", "b 8"], "context": "7"})
    assert graded(overlap.number_precision, "9, 8 and 7", listed) == pytest.approx(2 / 3)


def test_the_remark_names_the_source() -> None:
    with_context = Sample("1", "?", metadata={"context": "text"})
    said = list(overlap.number_precision("").remarks([SAMPLE, with_context]))
    assert len(said) == 2
    assert "the input" in said[0]
    assert "'context'" in said[1]
    (lacking,) = list(sources.remarks([SAMPLE], "nothing"))
    assert "1 of 1 samples have no field 'nothing'" in lacking


def test_sentences_end_at_no_abbreviation() -> None:
    found = sources.sentences("Dr. Ozols came. He left!  Then?\nEnd")
    assert found == ["Dr. Ozols came.", "He left!", "Then?", "End"]
    assert sources.sentences("彼は来た。去った。") == ["彼は来た。", "去った。"]
    assert sources.sentences(" \n ") == []


def test_the_metrics_keep_to_the_contract() -> None:
    grader = overlap.number_precision("")
    rows = [Score(str(n), "number_precision", float(n % 2)) for n in range(20)]
    check_metric(grader.metrics[0], rows)


def test_a_remark_of_two_metrics_is_a_note_once(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text(
        json.dumps({"id": "a", "context": "Two of 3.", "question": "?", "answers": ["3"]})
    )
    saved = tmp_path / "saved.jsonl"
    saved.write_text(json.dumps({"id": "a", "response": "3 towns"}))
    added = ["grounding.numbers", "grounding.names"]
    found = evaluate(
        f"replay:{saved}", ["qa"], rows, metrics=added, formats=(), out=tmp_path / "run"
    ).tasks["qa"]
    assert {"number_precision", "name_precision"} & set(found.metrics)
    assert sum("the source is the field 'context'" in note for note in found.notes) == 1
