"""What goes wrong with judges, labels and calibrations, through the command: said, never a number.

Each case is a person's whole command line, and what they are told.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from support.commands import harness

N = 40
Told = tuple[int, str]
TOML = "[gate]\n[[gate.rule]]\nmetric = '{}'\n{}\n"


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[str], Told]:
    """Runs a command line in a folder with questions and answers; its exit code and words."""
    monkeypatch.chdir(tmp_path)
    write("prompts.jsonl", ({"id": f"q{n}", "input": f"Question {n}?"} for n in range(N)))
    saved("answers", [f"answer {n}" for n in range(N)])
    saved("others", [f"another answer, {n}" for n in range(N)])

    def run(line: str) -> Told:
        code = harness(line)
        out, err = capsys.readouterr()
        return code, " ".join((out + err).split())

    return run


def write(name: str, rows: Iterable[Mapping[str, Any]]) -> None:
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def saved(name: str, texts: Iterable[Any]) -> None:
    write(f"{name}.jsonl", ({"id": f"q{n}", "response": text} for n, text in enumerate(texts)))


def labels(name: str, values: Iterable[Any], first: int = 0, **more: Any) -> None:
    rows = ({"id": f"q{n}", "value": value, **more} for n, value in enumerate(values, first))
    write(f"{name}.jsonl", rows)


def judged(out: str, judge: str = "judge", rubric: str = "reference", more: str = "") -> str:
    return (
        f"run --model replay:answers.jsonl --judge replay:{judge}.jsonl --tasks judge "
        f"--data judge=prompts.jsonl --set judge.rubric={rubric} --out {out} "
        f"--format console {more}"
    )


def arena(out: str, judge: str = "judge", more: str = "") -> str:
    return (
        f"run --model replay:answers.jsonl --judge replay:{judge}.jsonl --tasks arena "
        f"--data arena=prompts.jsonl --set arena.baseline=base --out {out} --format console {more}"
    )


def metrics(out: str, task: str = "judge") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(out, "results.json").read_text())["tasks"][task]
    return found


@pytest.mark.parametrize(
    "said",
    [
        "The answer touches on a number of interesting points and is well presented overall.",
        "I'm sorry, but as an AI language model I cannot judge the work of others.",
        "yes and no and yes and no and " * 2000,
        '{"reason": "broken off, "met": tru',
        "\u202eYes? No?\x1b[0m " * 3,
        "7",
        "",
    ],
)
def test_a_judge_that_gives_no_judgement_gives_no_number(
    command: Callable[[str], Told], said: str
) -> None:
    saved("judge", [said] * N)
    code, told = command(judged("run"))
    assert code == 3
    assert "no judgement could be read" in told
    found = metrics("run")
    assert found["errors"] == N
    assert found["metrics"]["correct"]["value"] is None
    assert found["metrics"]["unread"]["value"] == 1.0


def test_what_a_judge_cannot_be_read_on_is_an_error_beside_n(
    command: Callable[[str], Told],
) -> None:
    saved("judge", ["Yes."] * 30 + ["I cannot say."] * 10)
    code, _ = command(judged("run"))
    found = metrics("run")
    assert (code, found["errors"], found["metrics"]["correct"]["n"]) == (0, 10, 30)
    assert found["metrics"]["correct"]["value"] == 1.0
    Path("gate.toml").write_text(
        "[gate]\nallow_uncalibrated = true\n[[gate.rule]]\nmetric = 'judge.correct'\nmin = 0.5\n"
    )
    code, told = command("gate run --config gate.toml")
    assert code == 4  # a quarter could be anything: no pass
    assert "10 of 40 samples could not be scored" in told


def test_a_judge_that_is_the_model_is_said(command: Callable[[str], Told]) -> None:
    saved("answers", ["Yes."] * N)
    code, told = command(judged("run", "answers"))
    assert code == 0
    assert "the judge is the model that is judged" in told
    assert "uncalibrated" in told


def test_a_gate_on_an_uncalibrated_judge_is_refused_before_anything_is_asked(
    command: Callable[[str], Told],
) -> None:
    saved("judge", ["Yes."] * N)
    Path("gate.toml").write_text(TOML.format("judge.correct", "min = 0.5"))
    code, told = command(judged("run", more="--config gate.toml"))
    assert (code, Path("run").exists()) == (2, False)
    assert "rests on an uncalibrated judge" in told


def test_labels_that_match_no_sample_are_refused(command: Callable[[str], Told]) -> None:
    saved("judge", ["Yes."] * N)
    labels("strange", [1, 0] * 20, first=1000)
    code, told = command(judged("run", more="--set judge.labels=strange.jsonl"))
    assert (code, Path("run").exists()) == (2, False)
    assert "none of the 40 labels, such as that of 'q1000', is of a sample" in told
    assert command(judged("run"))[0] == 0
    code, told = command("judge calibrate run --labels strange.jsonl --out c.json")
    assert (code, Path("c.json").exists()) == (2, False)
    assert "such as that of 'q1000'" in told


def test_labels_of_other_answers_are_no_labels_of_these(command: Callable[[str], Told]) -> None:
    saved("judge", ["Yes.", "No."] * 20)
    assert command(judged("run"))[0] == 0
    labels("theirs", [1, 0] * 20, answers=["quite another answer"])
    code, told = command("judge calibrate run --labels theirs.jsonl --out c.json")
    assert (code, Path("c.json").exists()) == (2, False)
    assert "this run's answers" in told


def test_one_annotator_only_is_said(command: Callable[[str], Told]) -> None:
    saved("judge", ["Yes.", "No."] * 20)
    assert command(judged("run"))[0] == 0
    labels("one", [1, 0] * 20, annotator="ada")
    code, told = command("judge calibrate run --labels one.jsonl --out c.json")
    assert code == 0
    assert "one annotator only: this annotator's own errors count as the judge's" in told


@pytest.mark.parametrize("value", [0, 1])
def test_labels_of_one_class_leave_the_judge_uncalibrated(
    command: Callable[[str], Told], value: int
) -> None:
    saved("judge", ["Yes.", "No."] * 20)
    assert command(judged("run"))[0] == 0
    labels("same", [value] * N)
    code, told = command("judge calibrate run --labels same.jsonl --out c.json")
    assert code == 0
    assert f"all labels are {'yes' if value else 'no'}" in told
    code, told = command(judged("again", more="--set judge.calibration=c.json"))
    assert code == 0
    assert "uncalibrated: the calibration has labels of one value alone" in told
    assert "correct_corrected" not in metrics("again")["metrics"]
    Path("gate.toml").write_text(TOML.format("judge.correct", "min = 0.1"))
    code, told = command("gate again --config gate.toml")
    assert code == 1
    assert "uncalibrated judge" in told


def test_pairs_that_are_all_labelled_alike_leave_the_judge_uncalibrated(
    command: Callable[[str], Told],
) -> None:
    saved("judge", [["A", "B"], ["B", "A"]] * 20)
    saved("plain", [["Yes."]] * N)
    command(
        "run --model replay:others.jsonl --judge replay:plain.jsonl --tasks judge "
        "--data judge=prompts.jsonl --set judge.rubric=reference --out base --format console"
    )
    assert command(arena("run"))[0] == 0
    labels("same", [1] * N)
    code, told = command("judge calibrate run --labels same.jsonl --out c.json")
    assert code == 0
    assert "all labels are equal" in told
    code, told = command(arena("again", more="--set arena.calibration=c.json"))
    assert code == 0
    assert "uncalibrated: the calibration has labels of one value alone" in told
    assert metrics("again", "arena")["metrics"]["win_rate"]["calibration"] == "uncalibrated"


def test_a_judge_no_better_than_chance_is_called_so(command: Callable[[str], Told]) -> None:
    saved("judge", ["Yes.", "Yes.", "No.", "No."] * 10)
    assert command(judged("run"))[0] == 0
    labels("chance", [1, 0] * 20)
    code, told = command("judge calibrate run --labels chance.jsonl --out c.json")
    assert code == 0
    assert "do not show that the judge agrees with people more than by chance" in told


def test_a_calibration_of_another_rubric_or_judge_is_refused(
    command: Callable[[str], Told],
) -> None:
    saved("judge", ["Yes.", "No."] * 20)
    saved("other", ["No.", "Yes."] * 20)
    assert command(judged("run"))[0] == 0
    labels("good", [1, 0] * 20)
    assert command("judge calibrate run --labels good.jsonl --out c.json")[0] == 0
    for line, said in (
        (judged("a", rubric="support", more="--set judge.calibration=c.json"), "another rubric"),
        (judged("a", judge="other", more="--set judge.calibration=c.json"), "another judge"),
    ):
        code, told = command(line)
        assert (code, Path("a").exists()) == (2, False)
        assert f"c.json calibrates {said}" in told
    assert command(judged("a", more="--set judge.calibration=c.json"))[0] == 0


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "holds no labels|empty"),
        ([{"id": "q1"}], "there is no label"),
        ([{"value": 1}], "there is no id"),
        ([{"id": "q1", "value": "good"}], "value is 'good'"),
        ([{"id": "q1", "value": float("nan")}], "holds no labels"),
        ([{"id": "q1", "value": 7}], "the label 7 is not on the judge's scale"),
        ([{"id": "q1", "value": 1, "criterion": "tone"}], "a column 'criterion' with these names"),
    ],
)
def test_labels_that_are_none_are_refused(
    command: Callable[[str], Told], rows: list[dict[str, Any]], said: str
) -> None:
    saved("judge", ["Yes.", "No."] * 20)
    assert command(judged("run"))[0] == 0
    write("bad.jsonl", rows)
    code, told = command("judge calibrate run --labels bad.jsonl --out c.json")
    assert (code, Path("c.json").exists()) == (2, False)
    assert any(each in told for each in said.split("|")), told
