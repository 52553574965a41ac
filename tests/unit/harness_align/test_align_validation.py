"""What is dropped before training, and what is refused."""

from __future__ import annotations

import pytest

from harness.errors import DataError
from harness_align import validation
from harness_align.data import Row, Rows
from harness_align.validation import SuiteText


def pairs(*triples):
    rows = tuple(Row(line, *triple) for line, triple in enumerate(triples, start=1))
    return Rows("preference", rows, "pairs.jsonl")


def test_rows_that_teach_nothing_are_dropped_with_their_lines():
    rows = pairs(
        ("p", "a", "b"),
        ("p", "a", "b"),
        ("p", "a", "a"),
        (" ", "a", "b"),
        ("p", "", "b"),
        ("p" * 99, "a", "b"),
    )
    findings = validation.validate(rows, 50, lambda row: len(row.prompt))
    assert [row.line for row in findings.kept.rows] == [1]
    assert findings.dropped == {
        "duplicates of an earlier row": (2,),
        "chosen and rejected are identical": (3,),
        "empty prompt": (4,),
        "empty answer": (5,),
        "longer than 50 tokens": (6,),
    }
    assert "1 dropped, empty answer: line 5" in findings.describe()


def test_contradictions_are_named_but_kept():
    findings = validation.validate(pairs(("p", "a", "b"), ("p", "b", "a"), ("q", "b", "a")), 50)
    assert findings.contradicted == (1, 2)
    assert len(findings.kept) == 3


def test_nothing_left_is_an_error_that_says_why():
    with pytest.raises(DataError, match=r"no row is left.*identical: line 1"):
        validation.validate(pairs(("p", "a", "a")), 50)


def test_many_lines_are_abbreviated():
    findings = validation.validate(pairs(*[("p", "a", "b")] * 20), 50)
    assert "and 11 more" in findings.describe()[0]


def test_overlap_with_the_suite_is_refused_whatever_case_and_punctuation():
    rows = pairs(("Question: what IS it?", "a", "b"), ("another", "a", "b"))
    suite = [SuiteText("qa/1", "question - what is it")]
    assert validation.overlap(rows, suite) == [(1, "qa/1")]
    with pytest.raises(DataError, match=r"1 of 2 rows .* line 1 \(qa/1\)"):
        validation.refuse_overlap(rows, suite)


def test_thirteen_shared_words_are_an_overlap_and_twelve_are_not():
    words = [f"w{number}" for number in range(13)]
    long, short = " ".join(words), " ".join(words[:12])
    suite = [SuiteText("s/1", f"before {long} after")]
    assert validation.overlap(pairs((f"x {long} y", "a", "b")), suite) == [(1, "s/1")]
    assert validation.overlap(pairs((f"x {short} y", "a", "b")), suite) == []
    templated = [SuiteText("s/1", f"before {long} after", templated=True)]
    assert validation.overlap(pairs((f"x {long} y", "a", "b")), templated) == []


def test_statistics_say_whether_length_gives_the_answer_away():
    found = validation.statistics(pairs(("p q", "a b c", "d"), ("r", "e f", "g h i")))
    assert found == {
        "kind": "preference",
        "rows": 2,
        "prompts": 2,
        "words of a prompt": 1.5,
        "words chosen": 2.5,
        "words rejected": 2.0,
        "longer one chosen": 0.5,
    }


@pytest.mark.shared
def test_hh_rlhf_is_clean_but_for_four_empty_answers(shared):
    from harness_align import data

    findings = validation.validate(
        data.read(shared / "data/hh_rlhf/harmless-base_test.jsonl.gz"), 512
    )
    assert findings.dropped == {"empty answer": (87, 517, 926, 1104)}
