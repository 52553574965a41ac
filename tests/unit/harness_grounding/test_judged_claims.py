"""``grounded``: a judge is asked about every claim of an answer, in a round of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness import evaluate, read_samples
from harness.errors import DataError, UsageError
from harness.protocols import UNCALIBRATED, TaskOptions
from harness.types import DataSource, Round, Sample
from harness_grounding.tasks import judged_claims
from support.commands import harness

SOURCE = "Ada was born in Riga. She built three bridges."
ANSWERS = ("Ada was born in Riga. She built three bridges.", "Ada was born in Oslo. She sang.", "")


def write(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def saved(path: Path, said: list) -> str:
    return (
        f"replay:{write(path, [{'id': str(n), 'response': each} for n, each in enumerate(said)])}"
    )


def judged(tmp_path: Path, judgements: list, rows: list[dict] | None = None, **roles: str):
    given = rows or [{"id": str(n), "source": SOURCE, "question": "Who?"} for n in range(3)]
    return evaluate(
        saved(tmp_path / "answers.jsonl", list(ANSWERS)),
        ["grounded"],
        data={"grounded": write(tmp_path / "rows.jsonl", given)},
        roles={"judge": saved(tmp_path / "judge.jsonl", judgements), **roles},
        out=tmp_path / "run",
        formats=(),
    )


def test_each_claim_is_judged_by_itself(tmp_path: Path) -> None:
    result = judged(tmp_path, [["yes", "Yes."], ["no", "I cannot say."], []])
    metrics = result.tasks["grounded"].metrics
    scores = {each.sample.id: each.scores for each in read_samples(tmp_path / "run", "grounded")}
    assert scores["0"] == {"supported_claims": 1, "all_supported": 1, "claims": 2, "unread": 0}
    assert scores["1"] == {"supported_claims": 0, "all_supported": 0, "claims": 2, "unread": 0.5}
    assert scores["2"] == {"claims": 0}
    assert metrics["supported_claims"].estimate.n == 2
    assert metrics["supported_claims"].estimate.value == 0.5
    assert metrics["supported_claims"].calibration == UNCALIBRATED
    assert any("uncalibrated" in note for note in result.tasks["grounded"].notes)
    assert result.roles["judge"].usage.requests == 4
    (first, *_) = read_samples(tmp_path / "run", "grounded")
    (judges,) = first.later_rounds
    shown = [ask.request.prompt for ask in judges.asks]
    assert all(SOURCE in each for each in shown)
    assert "Claim: Ada was born in Riga.\n" in shown[0]
    assert "three bridges.\n\nIs every part" in shown[1]


def test_nothing_that_can_be_read_is_no_grade(tmp_path: Path) -> None:
    result = judged(tmp_path, [["perhaps", "?"], ["so so", "hm"], []])
    task = result.tasks["grounded"]
    assert task.metrics["supported_claims"].estimate.n == 0
    assert task.metrics["unread"].estimate.value == 1


def test_answers_that_rows_bring_are_not_asked_for(tmp_path: Path) -> None:
    rows = [{"id": str(n), "source": SOURCE, "answer": each} for n, each in enumerate(ANSWERS)]
    result = judged(tmp_path, [["yes", "no"], ["no", "no"], []], rows)
    assert result.tasks["grounded"].metrics["supported_claims"].estimate.value == 0.25
    assert result.usage.requests == 0


def test_a_panel_decides_together(tmp_path: Path) -> None:
    second = saved(tmp_path / "second.jsonl", [["no", "yes"], ["no", "yes"], []])
    third = saved(tmp_path / "third.jsonl", [["no", "yes"], ["no", "no"], []])
    said = [["yes", "yes"], ["yes", "no"], []]
    result = judged(tmp_path, said, **{"judge.2": second, "judge.3": third})
    scores = {each.sample.id: each.scores for each in read_samples(tmp_path / "run", "grounded")}
    assert scores["0"]["supported_claims"] == 0.5
    assert scores["1"]["supported_claims"] == 0
    assert result.roles.keys() == {"judge", "judge.2", "judge.3"}


def test_a_judge_with_log_probabilities_and_the_plan(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = "--model demo --judge demo --tasks grounded --data sample --limit 4"
    assert harness(f"plan {line}") == 0
    assert "judge" in capsys.readouterr().out
    out = tmp_path / "run"
    assert harness(f"run {line} --quiet --out {out}") == 0
    for record in read_samples(out, "grounded"):
        for one in record.later_rounds:
            assert len(one.asks) == 2 * record.scores["claims"]
    assert harness("run --model demo --tasks grounded --data sample --quiet") == 2
    assert "--judge" in capsys.readouterr().err


def test_the_plan_bounds_what_is_asked() -> None:
    task = judged_claims.open_grounded(TaskOptions(values={"answer_tokens": "30"}))
    sample = Sample("1", "Who?", metadata={"source": SOURCE})
    first = Round((), ())
    assert len(task.most(sample, [first])) == 2 * 10
    assert task.most(sample, [first, first]) == ()


def test_a_row_needs_a_source(tmp_path: Path) -> None:
    task = judged_claims.open_grounded(TaskOptions())
    passages = {"passages": ["one", "two"], "question": "q"}
    path = write(tmp_path / "rows.jsonl", [passages, {"context": "three"}])
    found = list(task.samples(DataSource("path", "x", (str(path),))))
    assert [each.metadata["source"] for each in found] == ["one\ntwo", "three"]
    assert [each.input for each in found] == ["q", ""]
    for row in ({"question": "q"}, {"source": 3}, {"source": "a", "answer": ["b"]}):
        write(path, [row])
        with pytest.raises(DataError):
            list(task.samples(DataSource("path", "x", (str(path),))))
    with pytest.raises(UsageError, match="hub"):
        task.samples(DataSource("hub", "x"))
