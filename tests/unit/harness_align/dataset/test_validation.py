"""What is dropped before training, and what is refused."""

from __future__ import annotations

import pytest

from harness.errors import DataError
from harness_align.dataset import validation
from harness_align.dataset.training_rows import Row, Rows
from harness_align.dataset.validation import SuiteText


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
    findings = validation.validate(
        rows, lambda row: "longer than 50 tokens" if len(row.prompt) > 50 else None
    )
    assert [row.line for row in findings.kept.rows] == [1]
    assert findings.kept.dropped == {
        "that repeat an earlier row": (2,),
        "whose chosen and rejected are identical": (3,),
        "with an empty prompt": (4,),
        "with an empty answer": (5,),
        "longer than 50 tokens": (6,),
    }
    (line,) = findings.describe()
    assert line.startswith("read, 5 of 6 rows dropped: 1 that repeat an earlier row (line 2), ")


def test_contradictions_are_named_but_kept():
    findings = validation.validate(pairs(("p", "a", "b"), ("p", "b", "a"), ("q", "b", "a")))
    assert findings.contradicted == (1, 2)
    assert len(findings.kept) == 3


def test_labels_of_which_one_is_taught_most_are_named():
    yes, no = ("yes", "no"), ("no", "yes")
    findings = validation.validate(pairs(*((f"p{n}", *(yes if n < 14 else no)) for n in range(20))))
    assert findings.describe()[1].startswith("'yes' is what 70% of the rows teach to answer")
    findings = validation.validate(pairs(*((f"p{n}", *(yes if n < 12 else no)) for n in range(20))))
    assert len(findings.describe()) == 1
    texts = validation.validate(pairs(*((f"p{n}", f"answer {n}", "no") for n in range(20))))
    assert len(texts.describe()) == 1


def test_nothing_left_is_an_error_that_says_why():
    with pytest.raises(DataError, match=r"no row is left.*identical \(line 1\)"):
        validation.validate(pairs(("p", "a", "a")))


def test_many_lines_are_abbreviated():
    findings = validation.validate(pairs(*[("p", "a", "b")] * 20))
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
    from harness_align.dataset import formats

    findings = validation.validate(
        formats.read(shared / "data/hh_rlhf/harmless-base_test.jsonl.gz")
    )
    assert findings.kept.dropped == {"with an empty answer": (87, 517, 926, 1104)}
