"""Readers of the benchmarks' own published formats."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.errors import DataError
from harness.protocols import Task
from harness.types import Completion, Sample
from support.shipped_tasks import hellaswag_row, open_task, plain, read, write_jsonl

_tasks: dict[str, Task] = {}


# --------------------------------------------------------------------------- published formats


def squad_document(**question: Any) -> dict[str, Any]:
    asked = {"id": "q1", "question": "Who?", "answers": [{"text": "Me", "answer_start": 0}]}
    paragraphs = [{"context": "Me.", "qas": [{**asked, **question}]}]
    return {"version": "v2.0", "data": [{"title": "T", "paragraphs": paragraphs}]}


def write_json(path: Path, document: Any) -> Path:
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_squad_s_json(tmp_path: Path) -> None:
    answers = [{"text": text, "answer_start": 0} for text in ("Me", "Me", "I")]
    path = write_json(tmp_path / "squad.json", squad_document(answers=answers))
    (sample,) = read(plain("squad"), path)
    assert sample == Sample(
        "q1", "Who?", ("Me", "I"), cluster="T#0", metadata={"context": "Me.", "title": "T"}
    )


@pytest.mark.parametrize("name", ["squad", "squad_v2"])
def test_an_unanswerable_question_wants_an_empty_answer(tmp_path: Path, name: str) -> None:
    path = write_json(tmp_path / "squad.json", squad_document(answers=[], is_impossible=True))
    task = plain(name)
    (sample,) = read(task, path)
    assert sample.targets == ()
    assert task.score(sample, [Completion("")])["f1"] == 1
    assert task.score(sample, [Completion("Me")])["f1"] == 0


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"data": 1}, "Expected a list of objects 'data'"),
        ({"data": [{"title": "T"}]}, "article 'T' .*\nExpected a list of objects 'paragraphs'"),
        (squad_document(answers="Me"), "question 'q1' .*\nExpected a list of objects 'answers'"),
        (squad_document(question=None), "article 'T', paragraph 0 .*\nExpected a text 'question'"),
        (squad_document(is_impossible=True), "no answers where 'is_impossible' is true"),
    ],
)
def test_squad_s_json_of_another_shape(tmp_path: Path, document: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(plain("squad_v2"), write_json(tmp_path / "squad.json", document))


def test_questions_about_one_passage_share_a_cluster(tmp_path: Path) -> None:
    rows = [
        {"context": context, "question": "q", "answers": ["a"]} for context in ("one", "one", "two")
    ]
    one, again, two = read(plain("qa"), write_jsonl(tmp_path / "rows.jsonl", rows))
    assert one.cluster == again.cluster != two.cluster


def test_helm_s_xsum(tmp_path: Path) -> None:
    prompt = "###\nArticle: Rain. Article: again.\n\nSummarize the above article in 1 sentence.\n"
    path = write_jsonl(tmp_path / "xsum.jsonl", [{"article": prompt, "summary_gt": "Wet."}])
    (sample,) = read(plain("xsum"), path)
    assert (sample.id, sample.input, sample.targets) == ("1", "Rain. Article: again.", ("Wet.",))
    assert sample.metadata["prompt"] == prompt


def test_line_aligned_files(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("src", "ref.a", "ref.b")]
    for path, content in zip(paths, ("a\nb\n", "A\nB\n", "Ä\n\u2028\n"), strict=True):
        path.write_text(content, encoding="utf-8")
    assert read(plain("translation"), *paths[:2]) == [
        Sample("1", "a", ("A",)),
        Sample("2", "b", ("B",)),
    ]
    assert read(plain("translation"), *paths)[1].targets == ("B", "\u2028")
    assert read(plain("summarization"), *paths[:2])[0] == Sample("1", "a", ("A",))


def test_line_aligned_files_of_different_length(tmp_path: Path) -> None:
    (tmp_path / "src").write_text("a\nb\n")
    (tmp_path / "ref").write_text("A\n")
    with pytest.raises(
        DataError, match=r"ref: ends after 1 lines\nExpected as many lines as .*src"
    ):
        read(plain("translation"), tmp_path / "src", tmp_path / "ref")


def test_one_plain_file_is_no_translation(tmp_path: Path) -> None:
    (tmp_path / "src.en").write_text("a\n")
    with pytest.raises(DataError, match="SOURCE:REFERENCE"):
        read(plain("translation"), tmp_path / "src.en")


def test_a_task_without_line_aligned_files_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="one file: this task does not read line-aligned files"):
        read(plain("hellaswag"), tmp_path / "a", tmp_path / "b")


def test_tabbed_sentiment(tmp_path: Path) -> None:
    path = tmp_path / "dev.tsv"
    path.write_text("good\ttabs\t1\nbad one\t0\n")
    assert read(plain("sst2"), path) == [
        Sample("1", "good\ttabs", ("positive",)),
        Sample("2", "bad one", ("negative",)),
    ]


def test_own_labels(tmp_path: Path) -> None:
    rows = [{"text": "t", "label": label} for label in ("neutral", 2, "0")]
    task = open_task("sentiment", labels="negative, neutral, positive")
    samples = read(task, write_jsonl(tmp_path / "rows.jsonl", rows))
    assert [sample.targets for sample in samples] == [("neutral",), ("positive",), ("negative",)]


def test_hellaswag_s_own_jsonl_is_cleaned_up(tmp_path: Path) -> None:
    (sample,) = read(plain("hellaswag"), write_jsonl(tmp_path / "val.jsonl", [hellaswag_row()]))
    assert sample.id == "1"
    assert sample.input == "Roof shingle removal: A man is sitting on a roof. He"
    assert sample.choices == ("is using wrap.", " is  ripping.")
    assert sample.targets == (" is  ripping.",)


def test_the_converted_hellaswag_has_splits(tmp_path: Path) -> None:
    row = {"question": "A [title] b", "choices": {"A": "x", "B": "y"}, "answer": "B", "id": 7}
    path = write_json(tmp_path / "hs.json", {"dev": [row], "test": [row, row]})
    (sample,) = read(plain("hellaswag"), path)
    assert (sample.input, sample.choices, sample.targets) == ("A. b", ("x", "y"), ("y",))
    assert [s.id for s in read(open_task("hellaswag", split="test"), path)] == ["1", "2"]


def test_a_text_file_is_one_text(tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text("One.\n\nTwo.\n")
    (sample,) = read(plain("perplexity"), tmp_path / "book.txt")
    assert (sample.id, sample.input) == ("book.txt", "One.\n\nTwo.")
