"""Each kind through the real command, on the tasks that it is for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main
from harness.results import runfolder

Folders = Callable[..., Path]

LABELS = {"num_labels": 2, "id2label": {0: "negative", 1: "positive"}}
TAGS = {
    "num_labels": 3,
    "id2label": {0: "O", 1: "B-person", 2: "I-person"},
    "label2id": {"O": 0, "B-person": 1, "I-person": 2},
}
CASES = [
    ("bert", "classifier", "sst2", LABELS, (), "classify", "accuracy"),
    ("roberta", "extractive_qa", "squad", {}, (), "extract", "f1"),
    ("bert", "extractive_qa", "squad_v2", {}, (), "extract", "noans_exact_match"),
    ("bert", "token_classifier", "entities", TAGS, (), "tag", "f1"),
    ("distilbert", "masked", "crows_pairs", {}, (), "pseudo", "stereotype_share"),
    ("t5", "seq2seq", "translation", {}, ("translation.template=t5",), "generate", "bleu"),
    ("marian", "seq2seq", "sst2", {}, (), "loglikelihood", "accuracy"),
]


def harness(*arguments: str, code: int = 0) -> None:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    assert ended.value.code == code


@pytest.mark.parametrize(("name", "kind", "task", "config", "more", "scoring", "metric"), CASES)
def test_a_run_a_plan_and_a_second_run(
    name: str,
    kind: str,
    task: str,
    config: dict[str, Any],
    more: tuple[str, ...],
    scoring: str,
    metric: str,
    kind_folder: Folders,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = kind_folder(name, kind, **config)
    options = ["--model", str(folder), "--tasks", task, "--data", "sample", "--limit", "6"]
    for setting in (*more, *((f"{task}.max_tokens=20",) if scoring == "generate" else ())):
        options += ["--set", setting]
    harness("plan", *options)
    planned = capsys.readouterr().out
    harness("run", *options, "--out", str(tmp_path / "run"))
    result = runfolder.read_result(tmp_path / "run")
    found = result.tasks[task]
    assert (result.status, found.n, found.errors) == ("complete", 6, 0)
    assert found.settings["scoring"].startswith(scoring)
    assert metric in found.metrics
    assert result.model["kind"] == kind
    assert f"{result.usage.requests:,}" in planned
    if result.usage.completion_tokens == 0:  # what is written cannot be known before
        assert f"{result.usage.computed_tokens:,}" in planned
    assert result.usage.computed_tokens > 0
    harness("run", *options, "--out", str(tmp_path / "again"))
    again = runfolder.read_result(tmp_path / "again")
    assert (again.usage.computed_tokens, again.usage.cached) == (0, result.usage.requests)
    assert again.tasks[task].metrics == found.metrics
    harness("report", str(tmp_path / "run"), "--format", "html")
    text = (tmp_path / "run" / "samples" / f"{task}.jsonl").read_text("utf-8")
    assert len([json.loads(line) for line in text.splitlines()]) == 6


def test_a_task_that_a_kind_cannot_answer_says_what_it_can(
    kind_folder: Folders, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = kind_folder("bert", "masked")
    harness(
        "run", "--model", str(folder), "--tasks", "squad", "--data", "sample",
        "--out", str(tmp_path / "run"), code=2,
    )  # fmt: skip
    shown = " ".join(capsys.readouterr().err.split())
    assert "squad asks for Generate, which this model cannot answer" in shown
    assert "PseudoLoglikelihood" in shown
    assert not (tmp_path / "run").exists()


def test_labels_that_do_not_match_leave_nothing_behind(
    kind_folder: Folders, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = kind_folder("bert", "classifier", num_labels=2)
    options = ["--model", str(folder), "--tasks", "sst2", "--data", "sample", "--limit", "4"]
    harness("run", *options, "--out", str(tmp_path / "run"), code=2)
    shown = " ".join(capsys.readouterr().err.split())
    assert "--set label_map=LABEL_0:negative,LABEL_1:positive" in shown
    assert not (tmp_path / "run").exists()
    mapped = ["--set", "label_map=LABEL_0:negative,LABEL_1:positive"]
    harness("run", *options, *mapped, "--out", str(tmp_path / "mapped"))
    assert runfolder.read_result(tmp_path / "mapped").status == "complete"
