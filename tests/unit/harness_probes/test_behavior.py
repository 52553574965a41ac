"""CheckList and contrast sets: expectations by hand, files, failure rates by capability."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from harness.authoring.readers.labels import Labels
from harness.errors import DataError, UsageError
from harness.protocols import TaskOptions
from harness.testing import check_task
from harness.types import (
    Classify,
    ClassProbs,
    Completion,
    DataSource,
    Generate,
    Loglikelihood,
    Logprob,
)
from harness_probes.behavior import checklist, contrast, expectations

POSITIVE, NEUTRAL, NEGATIVE = (0.1, 0.2, 0.7), (0.2, 0.6, 0.2), (0.8, 0.1, 0.1)


def source(path: Path) -> DataSource:
    return DataSource("path", "x", (str(path),))


def written(tmp_path: Path, *rows: dict) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


# --------------------------------------------------------------------------- expectations


@pytest.mark.parametrize(
    ("name", "original", "changed", "passes"),
    [
        ("same", POSITIVE, (0.0, 0.1, 0.9), True),
        ("same", POSITIVE, NEGATIVE, False),
        ("same", (0.30, 0.33, 0.37), (0.32, 0.36, 0.32), True),  # another label, 0.05 apart
        ("increases", POSITIVE, (0.1, 0.25, 0.65), True),  # within the tolerance
        ("increases", POSITIVE, (0.3, 0.2, 0.5), False),
        ("increases", NEUTRAL, NEGATIVE, None),
        ("decreases", POSITIVE, (0.1, 0.12, 0.78), True),
        ("decreases", POSITIVE, (0.05, 0.05, 0.9), False),
        ("decreases", NEGATIVE, NEUTRAL, True),
        ("more_positive", NEUTRAL, POSITIVE, True),
        ("more_positive", NEUTRAL, (0.3, 0.55, 0.15), False),  # −0.15
        ("more_negative", POSITIVE, NEUTRAL, True),
        ("more_negative", NEUTRAL, POSITIVE, False),
    ],
)
def test_expectations_by_hand(name, original, changed, passes) -> None:
    assert expectations.PAIRWISE[name](original, changed) is passes


def test_a_case_fails_with_any_of_its_texts() -> None:
    assert expectations.pairwise("same", [POSITIVE, POSITIVE, NEGATIVE]) is False
    assert expectations.pairwise("increases", [NEUTRAL, NEGATIVE]) is None
    assert expectations.minimum_functionality((1, 2), [POSITIVE, NEUTRAL])
    assert not expectations.minimum_functionality((2,), [POSITIVE, NEUTRAL])


# --------------------------------------------------------------------------- checklist

CASE = {"test": "t", "type": "INV", "capability": "NER", "index": 0, "texts": ["a", "b"]}


def answered(*chances: tuple[float, ...]) -> list[Logprob]:
    return [Logprob(math.log(p), 1, False) for each in chances for p in each]


def test_a_case_is_asked_text_by_text(tmp_path) -> None:
    task = checklist.SPEC.open(TaskOptions(supports=frozenset({Loglikelihood})))
    (sample,) = task.samples(source(written(tmp_path, CASE)))
    requests = task.requests(sample, [])
    question = "\nQuestion: Is this sentence positive, neutral or negative?\nAnswer:"
    assert requests == [
        Loglikelihood(text + question, f" {label}")
        for text in "ab"
        for label in ("negative", "neutral", "positive")
    ]
    assert task.score(sample, answered(POSITIVE, NEGATIVE)) == {
        "failure_rate": 1.0,
        "inv_failure_rate": 1.0,
    }
    assert task.score(sample, answered(POSITIVE, POSITIVE))["failure_rate"] == 0.0


def test_a_classification_head_is_asked_once_a_text(tmp_path) -> None:
    task = checklist.SPEC.open(TaskOptions(supports=frozenset({Classify})))
    case = {**CASE, "type": "DIR", "expect": "increases"}
    (sample,) = task.samples(source(written(tmp_path, case)))
    assert [type(request) for request in task.requests(sample, [])] == [Classify, Classify]
    assert task.score(sample, [ClassProbs(NEUTRAL), ClassProbs(POSITIVE)]) == {}
    assert task.score(sample, [ClassProbs(POSITIVE), ClassProbs(NEUTRAL)]) == {
        "failure_rate": 1.0,
        "dir_failure_rate": 1.0,
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"type": "XYZ"}, "MFT, INV or DIR"),
        ({"texts": ["a"]}, "one text"),
        ({"texts": []}, "no texts"),
        ({"type": "MFT"}, "does not say what to expect"),
        ({"type": "MFT", "label": 3}, "a label 0, 1 or 2"),
        ({"type": "DIR"}, "more_positive"),
        ({"type": "DIR", "expect": "up"}, "more_positive"),
    ],
)
def test_a_bad_case_is_an_error(tmp_path, change, message) -> None:
    with pytest.raises(DataError, match=message):
        list(checklist.read(source(written(tmp_path, {**CASE, **change}))))


def test_labels_are_three_different_words() -> None:
    with pytest.raises(UsageError, match="3 different labels"):
        checklist.SPEC.open(TaskOptions({"labels": "bad,good"}))
    task = checklist.SPEC.open(TaskOptions({"labels": "bad, so-so, good"}))
    assert task.settings["labels"] == "bad, so-so, good"


@pytest.mark.shared
def test_the_released_suite_is_read_whole(shared: Path) -> None:
    path = shared / "data" / "checklist_sentiment" / "sentiment_suite_sample.jsonl"
    samples = list(checklist.read(source(path)))
    assert len(samples) == 1682
    assert len({sample.id for sample in samples}) == 1682
    assert len({sample.groups["test"] for sample in samples}) == 35
    kinds = [sample.groups["type"] for sample in samples]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {"MFT": 782, "INV": 650, "DIR": 250}


@pytest.mark.shared
def test_a_model_that_always_says_one_thing_fails_where_it_must(shared: Path) -> None:
    path = shared / "data" / "checklist_sentiment" / "sentiment_suite_sample.jsonl"
    task = checklist.SPEC.open(TaskOptions())
    failed: dict[str, list[float]] = {"MFT": [], "INV": [], "DIR": []}
    for sample in task.samples(source(path)):
        count = len(task.requests(sample, [])) // 3
        score = task.score(sample, answered(*[POSITIVE] * count))
        failed[sample.groups["type"]] += [score["failure_rate"]] if score else []
    assert sum(failed["INV"]) == sum(failed["DIR"]) == 0
    positive = sum(
        2 in each.metadata["expect"]
        for each in checklist.read(source(path))
        if each.groups["type"] == "MFT"
    )
    assert sum(failed["MFT"]) == len(failed["MFT"]) - positive > 0


# --------------------------------------------------------------------------- contrast sets


def test_a_set_is_right_only_as_a_whole(tmp_path) -> None:
    row = {"texts": ["good", "bad", "fine"], "labels": ["positive", "negative", 1]}
    task = contrast.SPEC.open(TaskOptions())
    (sample,) = task.samples(source(written(tmp_path, row)))
    assert sample.id == "1"
    assert len(task.requests(sample, [])) == 6
    good, bad = (0.1, 0.9), (0.9, 0.1)
    assert task.score(sample, answered(good, bad, good)) == {"consistency": 1.0, "accuracy": 1.0}
    half = task.score(sample, answered(good, good, good))
    assert half == {"consistency": 0.0, "accuracy": pytest.approx(2 / 3)}


@pytest.mark.parametrize(
    "row",
    [
        {"texts": ["a"], "labels": [0]},
        {"texts": ["a", "b"], "labels": [0]},
        {"texts": ["a", "b"], "labels": [0, 2]},
        {"texts": ["a", "b"], "labels": [0, "meh"]},
    ],
)
def test_a_bad_set_is_an_error(tmp_path, row) -> None:
    with pytest.raises(DataError, match=r"line 1: (not a contrast set|label .*\nExpected one of)"):
        list(contrast.read(source(written(tmp_path, row)), Labels(contrast.LABELS)))


@pytest.mark.parametrize("spec", [checklist.SPEC, contrast.SPEC], ids=lambda spec: spec.name)
def test_the_samples_keep_the_contract(spec) -> None:
    check_task(spec.open(TaskOptions()), source(spec.sample_data))
    with pytest.raises(UsageError, match="hub"):
        spec.open(TaskOptions()).samples(DataSource("hub", "x"))


# --------------------------------------------------------------------------- generated text

GENERATES = TaskOptions(supports=frozenset({Generate}))


def said(*texts: str) -> list[Completion]:
    return [Completion(text) for text in texts]


def test_a_model_that_only_writes_is_asked_for_the_label(tmp_path) -> None:
    task = checklist.SPEC.open(GENERATES)
    check_task(task, source(written(tmp_path, CASE)))
    (sample,) = task.samples(source(written(tmp_path, CASE)))
    requests = task.requests(sample, [])
    assert [type(each) for each in requests] == [Generate, Generate]
    passes = {"failure_rate": 0.0, "inv_failure_rate": 0.0, "unread": 0.0}
    assert task.score(sample, said("positive", "It is positive.")) == passes
    fails = {"failure_rate": 1.0, "inv_failure_rate": 1.0}
    assert task.score(sample, said("positive", "negative")) == {**fails, "unread": 0.0}
    assert task.score(sample, said("positive", "no idea")) == {**fails, "unread": 0.5}


def test_members_of_a_contrast_set_are_read_from_text(tmp_path) -> None:
    task = contrast.SPEC.open(GENERATES)
    row = {"texts": ["good", "bad"], "labels": ["positive", "negative"]}
    (sample,) = task.samples(source(written(tmp_path, row)))
    right = task.score(sample, said("Positive.", "negative"))
    assert right == {"consistency": 1.0, "accuracy": 1.0, "unread": 0.0}
    half = task.score(sample, said("Positive.", "hm"))
    assert half == {"consistency": 0.0, "accuracy": 0.5, "unread": 0.5}
