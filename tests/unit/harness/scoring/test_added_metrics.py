"""``harness score`` and ``harness run --metrics``: further metrics, of any plugin, on any run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.authoring.grading import Graded as Counted
from harness.authoring.grading import MetricSpec
from harness.authoring.metrics import Mean
from harness.protocols import TaskOptions
from harness.results import runfolder
from harness.scoring import added_metrics, aggregation, finished_run
from harness.types import JUDGE, MODEL, Ask, Completion, Generate, Response, Round, Sample
from support.commands import harness
from support.conversation import Graded

PLUGIN = '''
"""Metrics of a third party: of texts, of choices (a corpus metric), and one that fails."""
import numpy as np
from harness import hookimpl
from harness.authoring.grading import Graded, MetricSpec
from harness.authoring.metrics import Corpus, Mean, ratio

WORDS = Graded((Mean("words"),), lambda text, _: {"words": float(len(text.split()))})
SURE = Graded(
    (Corpus("sure", lambda sums: ratio(sums[:, 0], sums[:, 1])),),
    lambda choice, _: {"sure": (max(choice.probabilities), 1.0)},
)

def fail(text, _):
    raise ZeroDivisionError("on purpose")

@hookimpl
def harness_register_metrics():
    return [
        MetricSpec("words", "length", ("generation",), lambda _: WORDS),
        MetricSpec("sure", "confidence", ("classification",), lambda _: SURE),
        MetricSpec("failing", "raises", ("generation",), lambda _: Graded((Mean("f"),), fail)),
    ]
'''


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three tasks with a probe, and the plugin beside it."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "third.py").write_text(PLUGIN)
    line = "run --model demo --tasks xsum,squad,sst2 --data sample --limit 20 --probes typos"
    assert harness(f"{line} --quiet --no-cache --out {folder / 'run'}") == 0
    return folder


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(finished / "run", tmp_path / "run"))


@pytest.fixture
def plugin(finished: Path) -> str:
    return f"--plugin {finished / 'third.py'}"


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix in (".json", ".jsonl")
    }


def test_a_scored_run_is_one_that_was_run_with_the_metrics(
    run: Path, plugin: str, tmp_path: Path
) -> None:
    metrics = "words,sure,grounding.names"
    assert harness(f"score {run} --metrics {metrics} {plugin} --format console") == 0
    line = "run --model demo --tasks xsum,squad,sst2 --data sample --limit 20 --probes typos"
    other = tmp_path / "other"
    assert harness(f"{line} --metrics {metrics} --quiet --out {other} {plugin}") == 0
    scored, whole = runfolder.read_result(run), runfolder.read_result(other)
    for name, task in whole.tasks.items():
        for part in ("metrics", "probes", "groups", "fairness", "errors", "failure"):
            assert repr(getattr(scored.tasks[name], part)) == repr(getattr(task, part)), (
                name,
                part,
            )
        assert (run / "samples" / f"{name}.jsonl").read_bytes() == (
            other / "samples" / f"{name}.jsonl"
        ).read_bytes()
    assert scored.tasks["xsum"].metrics["words"].estimate.n == 20
    assert scored.tasks["sst2"].metrics["sure"].kind == "corpus"
    assert "words" in scored.tasks["xsum"].probes["typos"]
    assert "sure" not in scored.tasks["xsum"].metrics
    specs = [json.loads((each / "run.json").read_text())["spec"] for each in (run, other)]
    assert specs[0]["metrics"] == specs[1]["metrics"] == metrics.split(",")


class Flat:
    """A task that asks in rounds and scores all responses in one list."""

    name, version, metrics = "flat", "1", (Mean("grade"),)

    def follow_up(self, sample: Sample, rounds: Sequence[Round]) -> Sequence[Ask]:
        return ()

    def score(self, sample: Sample, responses: Sequence[Response]) -> dict[str, float]:
        assert len(responses) == 2
        return {"grade": 1.0}


@pytest.mark.parametrize("scored_by_rounds", [True, False])
def test_metrics_grade_the_first_answer_of_tasks_that_ask_in_rounds(
    scored_by_rounds: bool,
) -> None:
    task: Any = Graded(TaskOptions()) if scored_by_rounds else Flat()
    words = Counted((Mean("words"),), lambda text, _: {"words": float(len(text.split()))})
    spec = MetricSpec("words", "", ("generation",), lambda _: words)
    added = added_metrics.add(task, [added_metrics.Named("words", spec, "")])
    sample = Sample("1", "two words", ("two words",))
    asked = (Ask(MODEL, Generate("say two words")),)
    graded = (Ask(JUDGE, Generate("grade it")),)
    rounds = (
        Round(asked, (Completion("two words"),)),
        Round(graded, (Completion("0.5"),)),
    )
    found = aggregation.score(added.task, sample, rounds[0].responses, rounds)
    assert found == {
        "words": 2.0,
        **({"grade": 0.5, "rounds": 2.0} if scored_by_rounds else {"grade": 1.0}),
    }


def test_what_the_run_had_stays(run: Path, plugin: str) -> None:
    before = runfolder.read_result(run)
    assert harness(f"score {run} --metrics words {plugin} --tasks xsum") == 0
    after = runfolder.read_result(run)
    assert repr(after.tasks["squad"]) == repr(before.tasks["squad"])
    found = dict(after.tasks["xsum"].metrics)
    assert found.pop("words").estimate.value > 0
    assert repr(found) == repr(before.tasks["xsum"].metrics)


def test_the_second_time_changes_nothing(run: Path, plugin: str) -> None:
    assert harness(f"score {run} --metrics words,sure {plugin}") == 0
    first = content(run)
    assert harness(f"score {run} --metrics words,sure {plugin}") == 0
    assert content(run) == first
    assert not (run / finished_run.BEFORE).exists()


def test_another_argument_does_not_replace_what_was_added(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert harness(f"score {run} --metrics rouge --tasks squad") == 0
    first = content(run)
    capsys.readouterr()
    assert harness(f"score {run} --metrics rouge:unicode --tasks squad") == 2
    assert "the task has rouge1" in capsys.readouterr().err
    assert content(run) == first


def test_gates_and_comparisons_know_the_added_metrics(
    run: Path, finished: Path, plugin: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert harness(f"score {run} --metrics words,sure {plugin} --format console") == 0
    other = Path(shutil.copytree(run, tmp_path / "other"))
    out = tmp_path / "diff.json"
    assert harness(f"compare {run} {other} --format json --out {out} {plugin}") == 0
    told = json.loads(out.read_text("utf-8"))
    metrics = (
        {m["metric"] for t in told[0]["tasks"] for m in t["metrics"]}
        if isinstance(told, list)
        else {m["metric"] for t in told["comparisons"][0]["tasks"] for m in t["metrics"]}
    )
    assert {"words", "sure"} <= metrics
    config = tmp_path / "gate.toml"
    config.write_text('[gate]\n[[gate.rule]]\nmetric = "xsum.words"\nmin = 1000\n')
    assert harness(f"gate {run} --config {config} {plugin}") == 1


def test_an_error_leaves_the_folder_as_it_was(
    run: Path, plugin: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = content(run)
    assert harness(f"score {run} --metrics failing {plugin}") == 2
    assert "on purpose" in capsys.readouterr().err
    assert content(run) == before

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", str(run))

    monkeypatch.setattr(runfolder, "write_result", full)
    assert harness(f"score {run} --metrics words {plugin}") == 2
    assert content(run) == before
    runfolder.read_result(run)


def test_a_killed_replacement_is_taken_back(
    run: Path, plugin: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = content(run)
    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        # Nothing runs after a kill: neither what takes files back nor what removes the lock.
        patch.setattr(finished_run, "_take_back", lambda _: None)
        patch.setattr(
            runfolder,
            "write_result",
            lambda *_: (_ for _ in ()).throw(OSError(5, "killed", "here")),
        )
        from harness.cli import main

        main(f"score {run} --metrics words {plugin}".split())
    assert (run / finished_run.BEFORE).is_dir()
    capsys.readouterr()
    assert harness(f"report {run} --format console") == 2  # half a folder is refused
    assert harness(f"score {run} --metrics sure {plugin}") == 0
    result = runfolder.read_result(run)
    assert "words" not in result.tasks["xsum"].metrics
    assert content(run)["samples/xsum.jsonl"] == before["samples/xsum.jsonl"]


def test_a_task_that_is_not_installed_is_read_where_its_answers_are_texts(
    run: Path, plugin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finished_run, "_installed", lambda *_: None)
    assert harness(f"score {run} --metrics words {plugin}") == 0
    assert runfolder.read_result(run).tasks["xsum"].metrics["words"].estimate.n == 20


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--metrics nothing", "unknown metric 'nothing'"),
        ("--metrics ,", "names nothing"),
        ("--metrics words:x", "Expected words"),
        ("--metrics sure --tasks xsum", "fits none of the tasks"),
        ("--metrics exact_match --tasks squad", "has exact_match already"),
        ("--metrics words --tasks bbq", "unknown task"),
        ("--metrics words --format nothing", "unknown format"),
        ("--metrics grounding.entailment", "names no checkpoint"),
    ],
)
def test_bad_input_changes_nothing(
    line: str, said: str, run: Path, plugin: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = content(run)
    assert harness(f"score {run} {line} {plugin}") == 2
    assert said in capsys.readouterr().err
    assert content(run) == before


def test_damaged_and_missing_folders_are_refused(
    run: Path, tmp_path: Path, plugin: str, capsys: pytest.CaptureFixture[str]
) -> None:
    samples = run / "samples" / "xsum.jsonl"
    samples.write_text(samples.read_text("utf-8").replace("a", "e"), "utf-8")
    before = content(run)
    assert harness(f"score {run} --metrics words {plugin}") == 2
    assert content(run) == before
    assert harness(f"score {tmp_path / 'nowhere'} --metrics words {plugin}") == 2
    assert "no run folder" in capsys.readouterr().err


@pytest.mark.parametrize("metrics", ["nothing", "sure:x"])
def test_a_run_refuses_unknown_metrics_before_it_asks(
    metrics: str, tmp_path: Path, plugin: str
) -> None:
    line = f"run --model demo --tasks xsum --data sample --out {tmp_path / 'o'} {plugin}"
    assert harness(f"{line} --metrics {metrics}") == 2
    assert harness(f"{line} --metrics sure") == 2  # fits none of the tasks
    assert not (tmp_path / "o").exists()


def test_failed_requests_have_no_score_of_an_added_metric(tmp_path: Path, plugin: str) -> None:
    rows = [{"id": str(n), "document": f"text {n}", "summary": "one two"} for n in range(4)]
    data = tmp_path / "data.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    answers = tmp_path / "answers.json"
    answers.write_text(json.dumps({"0": "one", "1": "one two", "2": "one two three"}), "utf-8")
    line = f"run --model replay:{answers} --tasks summarization --data summarization={data}"
    run = tmp_path / "run"
    assert harness(f"{line} --quiet --out {run}") == 0
    assert harness(f"score {run} --metrics words {plugin}") == 0
    task = runfolder.read_result(run).tasks["summarization"]
    assert task.metrics["words"].estimate.n == 3
    assert task.metrics["words"].estimate.value == pytest.approx(2)
    assert task.errors == 1
