"""CheckList's and contrast sets' labels as training rows: ``--data checklist=…``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness import plugins
from harness.authoring.io import serialization
from harness.errors import DataError
from harness.protocols import TaskOptions
from harness.types import Completion, Generate
from harness_align import rewards
from harness_align.preparation import preparing


def case(number: int, kind: str, texts: list[str], **more: Any) -> dict[str, Any]:
    return {
        "test": f"t{number}", "type": kind, "capability": "c", "index": number, "texts": texts,
        "label": None, **more,
    }  # fmt: skip


GOOD, POOR, EITHER = "a lovely film", "a dull film", "a film of two hours"
CASES = [
    case(0, "MFT", [GOOD], label=2),
    case(1, "MFT", [POOR, "a boring film"], label=0),
    case(2, "MFT", [EITHER], label=[0, 1]),
    case(3, "INV", ["some film", "some filn"]),
    case(4, "DIR", ["a film", "a film. bad"], expect="more_negative"),
]
SETS = [{"texts": [GOOD, POOR], "labels": ["positive", "negative"]}]


def rows(folder: Path, cases: list[dict[str, Any]], kind: Any, task: str = "checklist"):
    path = folder / "cases.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in cases), "utf-8")
    return preparing.read(f"{task}={path}", kind, plugins.load(), 0)


def words(row: Any) -> tuple[str, str, str]:
    """(the text that was asked about, chosen, rejected)."""
    return row.prompt.partition("\n")[0], row.chosen.strip(), row.rejected.strip()


def test_cases_with_a_label_become_pairs(tmp_path: Path) -> None:
    found = rows(tmp_path, CASES, "preference")
    assert found.kind == "preference"
    made = [words(row) for row in found.rows]
    wrong = [(POOR, "negative", other) for other in ("neutral", "positive")]
    assert [each for each in made if each[0] == POOR] == wrong
    assert {each[1] for each in made if each[0] == "a boring film"} == {"negative"}
    assert {each for each in made if each[0] == EITHER} == {
        (EITHER, "negative", "positive"), (EITHER, "neutral", "positive"),
    }  # fmt: skip
    assert {each[0] for each in made} == {GOOD, POOR, "a boring film", EITHER}  # no INV, no DIR
    assert len(made) == 2 * 3 + 2


def test_cases_with_one_right_label_become_answers(tmp_path: Path) -> None:
    found = rows(tmp_path, CASES, "completion")
    assert found.kind == "completion"
    made = {row.prompt.partition("\n")[0]: row.chosen for row in found.rows}
    expected = {GOOD: " positive", POOR: " negative", "a boring film": " negative"}
    assert made == expected  # which of two allowed labels to teach is not known


def test_a_row_carries_its_own_text_as_a_sample(tmp_path: Path) -> None:
    """So that a task's reward scores an answer to it, and a probe changes the text alone."""
    registry = plugins.load()
    for task, cases in (("checklist", CASES[:2]), ("contrast_sets", SETS)):
        opened = registry.tasks[task].open(TaskOptions(supports=frozenset({Generate})))
        for row in rows(tmp_path, cases, "completion", task).rows:
            sample = serialization.sample_from_json(json.loads(row.facts[rewards.SAMPLE_FACT]))
            assert row.facts[rewards.TASK_FACT] == task and row.prompt.startswith(sample.input)
            metric = opened.metrics[0]
            worth = [
                opened.score(sample, [Completion(said)])[metric.name]
                for said in (row.chosen.strip(), "neutral")
            ]
            assert worth == ([1.0, 0.0] if metric.higher_is_better else [0.0, 1.0])


def test_contrast_sets_become_pairs(tmp_path: Path) -> None:
    made = [words(row) for row in rows(tmp_path, SETS, "preference", "contrast_sets").rows]
    assert made == [(GOOD, "positive", "negative"), (POOR, "negative", "positive")]


def test_cases_without_labels_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="of CheckList's cases MFTs have, and INV and DIR do not"):
        rows(tmp_path, CASES[3:], "preference")
