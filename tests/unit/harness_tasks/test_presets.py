"""Benchmarks that are declared: their published rows, what is asked, and how answers count."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from harness import plugins
from harness.errors import ConfigError, DataError
from harness.protocols import Task, TaskOptions
from harness.testing import check_task
from harness.types import (
    Classify,
    ClassProbs,
    DataSource,
    Generate,
    Loglikelihood,
    Logprob,
    Response,
)
from harness_tasks.truthfulqa import FALSE, TRUE

REGISTRY = plugins.load()
ARC = {
    "id": "q1",
    "question": "Which is hot?",
    "choices": {"text": ["ice", "fire", "snow"], "label": ["1", "2", "3"]},
    "answerKey": "2",
}
ROWS: dict[str, dict[str, Any]] = {
    "arc_easy": ARC,
    "arc_challenge": {
        "id": "q1", "answerKey": "B",
        "question": {"stem": "Which is hot?", "choices": [
            {"text": "ice", "label": "A"}, {"text": "fire", "label": "B"}]},
    },
    "mmlu": {"question": "Which is hot?", "subject": "physics",
             "choices": ["ice", "fire", "a", "b"], "answer": 1},
    "commonsense_qa": {**ARC, "question_concept": "heat", "answerKey": "2"},
    "tweet_sentiment": {"text": "so hot", "label": 1},
    "tweet_emotion": {"text": "so hot", "label": 1},
    "tweet_hate": {"text": "so hot", "label": 1},
    "tweet_irony": {"text": "so hot", "label": 1},
    "tweet_offensive": {"text": "so hot", "label": 1},
    "nli": {"premise": "fire", "hypothesis": "it is hot", "label": "neutral"},
    "mnli": {"premise": "fire", "hypothesis": "it is hot", "label": 1, "idx": 3},
    "rte": {"sentence1": "fire", "sentence2": "it is hot", "label": 1, "idx": 3},
    "paraphrase": {"sentence1": "fire", "sentence2": "it is hot", "label": 1},
    "mrpc": {"sentence1": "fire", "sentence2": "it is hot", "label": 1, "idx": 3},
    "qqp": {"question1": "fire", "question2": "it is hot", "label": 1, "idx": 3},
    "boolq": {"question": "is fire hot", "passage": "Fire is hot.", "answer": True},
}  # fmt: skip
RIGHT = {
    "arc_easy": "fire", "arc_challenge": "fire", "mmlu": "fire", "commonsense_qa": "fire",
    "tweet_sentiment": "neutral", "tweet_emotion": "joy", "nli": "neutral", "mnli": "neutral",
    "rte": "not_entailment",
}  # fmt: skip
PAIRS = ("nli", "mnli", "rte", "paraphrase", "mrpc", "qqp", "boolq")


def open_task(name: str, *supports: type, **values: str) -> Task:
    return REGISTRY.tasks[name].open(TaskOptions(values, frozenset(supports)))


def source(tmp_path: Path, rows: Sequence[dict[str, Any]]) -> DataSource:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return DataSource("path", "rows", (str(path),))


@pytest.mark.parametrize("name", sorted(ROWS))
def test_a_published_row_is_read_and_asked_in_every_way(name: str, tmp_path: Path) -> None:
    data = source(tmp_path, [{**ROWS[name], "id": f"q{place}"} for place in range(8)])
    for supports in (Loglikelihood, Generate, Classify):
        if supports is Classify and "classify" not in REGISTRY.tasks[name].options["scoring"]:
            continue
        task = open_task(name, supports)
        (first, *_) = task.samples(data)
        assert first.targets == (RIGHT.get(name, "yes"),)
        asked = task.requests(first, ())
        assert {type(each) for each in asked} == {supports}
        for each in asked:
            text = getattr(each, "prompt", getattr(each, "context", ""))
            if supports is Generate and name.startswith(("arc", "mmlu", "commonsense")):
                assert "B. fire" in text
            assert "{{" not in text
        check_task(task, data)


@pytest.mark.parametrize("name", PAIRS)
def test_a_head_reads_both_texts(name: str, tmp_path: Path) -> None:
    row = ROWS[name]
    task = open_task(name, Classify)
    (sample,) = task.samples(source(tmp_path, [row]))
    (request,) = task.requests(sample, ())
    assert isinstance(request, Classify)
    first = next(each for each in ("premise", "sentence1", "question1", "question") if each in row)
    second = next(
        each for each in ("hypothesis", "sentence2", "question2", "passage") if each in row
    )
    assert (request.text, request.pair) == (row[first], row[second])
    without = {key: value for key, value in row.items() if key != second}
    with pytest.raises(DataError, match=second):
        list(task.samples(source(tmp_path, [without])))


def test_boolq_s_answers_are_found_under_their_own_name(tmp_path: Path) -> None:
    (sample,) = open_task("boolq").samples(source(tmp_path, [ROWS["boolq"]]))
    assert sample.targets == ("yes",)


def test_tweets_come_as_two_files_of_lines(tmp_path: Path) -> None:
    texts, labels = tmp_path / "test_text.txt", tmp_path / "test_labels.txt"
    texts.write_text("so happy\nso sad, a\ttab\n", "utf-8")
    labels.write_text("1\n3\n", "utf-8")
    both = DataSource("path", "tweets", (str(texts), str(labels)))
    found = list(open_task("tweet_emotion").samples(both))
    assert [(each.input, each.targets) for each in found] == [
        ("so happy", ("joy",)), ("so sad, a\ttab", ("sadness",)),
    ]  # fmt: skip
    labels.write_text("1\n", "utf-8")
    with pytest.raises(DataError, match="ends after 1 lines"):
        list(open_task("tweet_emotion").samples(both))
    labels.write_text("1\n9\n", "utf-8")
    with pytest.raises(DataError, match=r"test_labels.txt, line 2.*9"):
        list(open_task("tweet_emotion").samples(both))


def test_mmlu_s_csv_without_a_header(tmp_path: Path) -> None:
    path = tmp_path / "physics_test.csv"
    path.write_text('"Which is hot?",ice,fire,snow,rain,B\n')
    task = open_task("mmlu", Loglikelihood)
    (sample,) = task.samples(DataSource("path", "x", (str(path),)))
    assert sample.targets == ("fire",)
    asked = task.requests(sample, ())
    assert [each.continuation for each in asked] == [" A", " B", " C", " D"]
    assert "A. ice\nB. fire" in asked[0].context


# --------------------------------------------------------------------------- TruthfulQA


def test_truthfulqa_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "TruthfulQA.csv"
    path.write_text(
        "Type,Category,Question,Best Answer,Correct Answers,Incorrect Answers,Source\n"
        "A,Myths,Is it wet?,Yes,Yes; It is wet.;,No; Never; No,x\n"
    )
    task = open_task("truthfulqa")
    (sample,) = task.samples(DataSource("path", "x", (str(path),)))
    assert sample.metadata[TRUE] == ("Yes.", "It is wet.")
    assert sample.metadata[FALSE] == ("No.", "Never.")
    asked = task.requests(sample, ())
    assert [each.continuation for each in asked] == [" Yes.", " It is wet.", " No.", " Never."]
    assert asked[0].context.endswith("Q: Is it wet?\nA:")

    def score(*totals: float) -> dict[str, float]:
        responses: list[Response] = [Logprob(each, 1, False) for each in totals]
        return dict(task.score(sample, responses))

    likely = score(*map(math.log, (0.4, 0.1, 0.3, 0.2)))
    assert likely == {"mc1": 1.0, "mc2": pytest.approx(0.5)}
    # The other true answer does not help mc1, and helps mc2.
    assert score(*map(math.log, (0.1, 0.6, 0.2, 0.1))) == {"mc1": 0.0, "mc2": pytest.approx(0.7)}
    assert score(-1.0, -9.0, -1.0, -9.0)["mc1"] == 0.0  # as likely is not likelier
    assert score(-5000.0, -5001.0, -5002.0, -5003.0)["mc1"] == 1.0
    assert score(*[-math.inf] * 4) == {"mc1": 0.0, "mc2": 0.0}


def test_truthfulqa_from_the_hub_is_the_same(tmp_path: Path) -> None:
    row = {
        "question": "Is it wet?",
        "mc1_targets": {"choices": ["Yes.", "No."], "labels": [1, 0]},
        "mc2_targets": {"choices": ["Yes.", "It is wet.", "No."], "labels": [1, 1, 0]},
    }
    (sample,) = open_task("truthfulqa").samples(source(tmp_path, [row]))
    assert (sample.metadata[TRUE], sample.metadata[FALSE]) == (("Yes.", "It is wet."), ("No.",))
    row["mc1_targets"]["labels"] = [0, 0]
    with pytest.raises(DataError, match="mc1_targets has no true answer"):
        list(open_task("truthfulqa").samples(source(tmp_path, [row])))


def test_truthfulqa_s_published_questions(shared: Path) -> None:
    path = shared / "data" / "truthfulqa" / "TruthfulQA.csv"
    data = DataSource("path", "x", (str(path),))
    samples = list(open_task("truthfulqa").samples(data))
    assert len(samples) == 817
    for sample in samples:
        true, false = sample.metadata[TRUE], sample.metadata[FALSE]
        assert sample.targets[0] == true[0]
        assert sample.choices == (*true, *false)
        assert not set(true) & set(false)


# --------------------------------------------------------------------------- pairs of one's own

TOML = """
[tasks.same]
kind = "classification"
template = "{{ text }} | {{ other }}"
choices = ["no", "yes"]
pair = "other"
"""


def test_a_declared_task_may_read_two_texts(tmp_path: Path) -> None:
    file = tmp_path / "harness.toml"
    file.write_text(TOML)
    spec = plugins.load([file]).tasks["same"]
    task = spec.open(TaskOptions(supports=frozenset({Classify})))
    (sample,) = task.samples(source(tmp_path, [{"text": "a", "other": "b", "label": "yes"}]))
    assert task.requests(sample, ()) == [Classify("a", ("no", "yes"), "b")]
    assert task.score(sample, [ClassProbs((0.2, 0.8))])["accuracy"] == 1.0
    file.write_text(TOML.replace('"classification"', '"multiple_choice"'))
    with pytest.raises(ConfigError, match="pair: a multiple_choice task reads one text"):
        plugins.load([file])


def test_one_text_asks_as_before() -> None:
    from harness.authoring.io.serialization import request_from_json, request_to_json

    alone = Classify("a", ("x",))
    assert request_to_json(alone) == {"type": "classify", "text": "a", "labels": ["x"]}
    both = Classify("a", ("x",), "b")
    assert request_from_json(request_to_json(both)) == both
