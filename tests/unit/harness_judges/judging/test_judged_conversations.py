"""Conversations that the model holds and a judge grades turn by turn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness import evaluate, read_result, read_samples
from harness.errors import DataError, NothingScoredError, UsageError
from harness.protocols import TaskOptions
from harness.types import DataSource, TaskResult
from harness_judges.calibration.calibrate import calibrate
from harness_judges.judging.arena_task import open_arena
from harness_judges.judging.judge_task import open_judge
from support.judged_runs import summaries

YES, NO = '{"reason": "so", "met": true}', '{"reason": "so", "met": false}'


def rows(path: Path, given: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in given))
    return path


def saved(path: Path, texts: list[Any]) -> str:
    made = [{"id": f"q{n}", "response": text} for n, text in enumerate(texts)]
    return f"replay:{rows(path, made)}"


def values(result: TaskResult) -> dict[str, float]:
    return {name: each.estimate.value for name, each in result.metrics.items()}


TALK = {"id": "q0", "system": "Be brief.", "turns": [
    {"user": "Capital of France?", "reference": "Paris", "rules": {"max_words": 5}},
    {"user": "And of Italy?", "reference": ["Rome", "Roma"]},
]}  # fmt: skip


def talked(folder: Path, judges: list[list[str]], out: str = "talk", **settings: str) -> TaskResult:
    """Two turns, of which each judge says these things, the first turn's first."""
    return evaluate(
        saved(folder / f"{out}-answers.jsonl", [["Paris.", "Rome."]]),
        ["judge"],
        data={"judge": rows(folder / "talk.jsonl", [TALK])},
        roles={
            "judge" if n == 0 else f"judge.{n + 1}": saved(folder / f"{out}-{n}.jsonl", [said])
            for n, said in enumerate(judges)
        },
        task_settings={"judge": settings},
        out=folder / out,
        formats=(),
    ).tasks["judge"]


def test_conversations_are_judged_turn_by_turn(tmp_path):
    found = talked(tmp_path, [["5", "4", "2", "1"]], criteria="a: A?; b: B?")
    assert values(found) == {"a": 3.5, "b": 2.5, "overall": 3.0, "unread": 0}
    (record,) = read_samples(tmp_path / "talk", "judge")
    model, judge = record.later_rounds
    assert [each.content for each in model.asks[0].request.prompt] == [
        "Be brief.", "Capital of France?", "Paris.", "And of Italy?",
    ]  # fmt: skip
    first, _, last, _ = (each.request.prompt for each in judge.asks)
    assert "# Task\nSystem: Be brief.\n\nUser: Capital of France?\n\n# Ref" in first
    assert "# Reference answer\nParis\n\n# Answer\nParis.\n" in first
    assert "User: Capital of France?\n\nAssistant: Paris.\n\nUser: And of Italy?\n" in last
    assert "# Reference answer\nRome\nor: Roma\n\n# Answer\nRome.\n" in last


def test_a_turn_that_cannot_be_read_is_no_grade_of_its_conversation(tmp_path):
    with pytest.raises(NothingScoredError):
        talked(tmp_path, [["5", "I cannot say."]])
    assert values(read_result(tmp_path / "talk").tasks["judge"])["unread"] == 0.5


def test_panels_vote_in_each_turn(tmp_path):
    """Both met in the first turn by two of three, in the second by one."""
    said = [[YES, YES], [YES, NO], [NO, NO]]
    found = talked(tmp_path, said, criteria="a: A?", scale="yes-no")
    assert values(found)["a"] == 0.5
    together = talked(tmp_path, [[YES, YES, YES, NO]], "met", criteria="a: A?; b: B?",
                      scale="yes-no")  # fmt: skip
    assert values(together) == {"a": 1, "b": 0.5, "met": 0.5, "unread": 0}


def test_labels_are_of_the_whole_conversation(tmp_path):
    shown = "Paris.\n\nUser: And of Italy?\n\nAssistant: Rome."
    for answer, known in ((shown, True), ("Paris.", False)):
        labels = rows(tmp_path / "labels.jsonl", [{"id": "q0", "value": 5, "answers": [answer]}])
        found = talked(tmp_path, [["3", "4"]], f"l{known}", labels=str(labels))
        (record,) = read_samples(tmp_path / f"l{known}", "judge")
        assert record.scores["quality_with_labels"] == ((3.5, 1, 5) if known else (3.5, 0, 0))
    assert found.metrics["quality"].estimate.value == 3.5
    assert calibrate(tmp_path / "lTrue", rows(tmp_path / "l.jsonl", [
        {"id": "q0", "value": 5, "answers": [shown]}
    ])).calibration.criteria["quality"].n == 1  # fmt: skip


@pytest.mark.parametrize(
    ("turns", "message"),
    [
        ([], "no turns"),
        ([" "], "turn 1 is empty"),
        (["a", 3], "turn 2 has no text"),
        ([{"user": "a", "model": "b"}], "turn 1 has the key 'model'"),
        ([{"user": "a", "reference": 3}], "reference of turn 1 is no text"),
        ("a", "turns"),
    ],
)
def test_turns_that_are_none_are_refused(tmp_path, turns, message):
    path = rows(tmp_path / "rows.jsonl", [{"id": "q0", "turns": turns}])
    with pytest.raises(DataError, match=message):
        list(open_judge(TaskOptions()).samples(DataSource("path", "r", (str(path),))))


def test_arena_refuses_conversations(tmp_path):
    base = summaries(tmp_path, "base", ["a", "b"])
    path = rows(tmp_path / "rows.jsonl", [{**TALK, "id": "d0"}])
    task = open_arena(TaskOptions({"baseline": str(base)}))
    with pytest.raises(UsageError, match="'d0' has several turns"):
        list(task.samples(DataSource("path", "r", (str(path),))))
