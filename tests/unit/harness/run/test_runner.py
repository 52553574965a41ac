from __future__ import annotations

import json
import math
import sqlite3
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness import hookimpl
from harness.authoring.metrics import Mean
from harness.config import RunSpec
from harness.errors import (
    HarnessError,
    NothingScoredError,
    PluginError,
    RunFailedError,
    RunInterruptedError,
)
from harness.plugins import Registry, load
from harness.protocols import BackendSpec, TaskOptions
from harness.results import runfolder
from harness.run import runner
from harness.run.watching.phases import Phase
from harness.testing import FakeBackend
from harness.types import Completion, Failed, KeyedRequest, Logprob, Response, Unscored


def spec(path: Path, out: Path, **settings: Any) -> RunSpec:
    return RunSpec("fake:", ("echo",), {"echo": str(path)}, out=out, **settings)


def with_backend(registry: Registry, backend: FakeBackend) -> Registry:
    registry.backends["fake"] = BackendSpec("fake", "", lambda options: backend, {"knob": ""})
    return registry


def test_a_run_writes_its_folder(registry, echo_rows, tmp_path) -> None:
    seen: list[int] = []
    phases: list[Phase] = []
    run = runner.run(
        spec(echo_rows, tmp_path / "out"),
        registry,
        "harness run …",
        on_progress=lambda progress: seen.append(progress.done),
        on_phase=phases.append,
    )
    assert [each.name for each in phases] == ["opening the model", "reading", "judging"]
    assert phases[1] == Phase("reading", 0, 1, "echo")
    assert seen == list(range(1, 13))
    assert run.result == runfolder.read_result(tmp_path / "out")
    assert run.result.status == "complete"
    match = run.result.tasks["echo"].metrics["match"].estimate
    assert (match.value, match.n) == (1.0, 12)
    records = list(runfolder.read_samples(tmp_path / "out", "echo"))
    assert [record.sample.input for record in records] == [f"text {i}" for i in range(12)]
    made = json.loads((tmp_path / "out" / "run.json").read_text("utf-8"))
    assert made["status"] == "complete"
    assert made["command"] == "harness run …"
    assert made["model"]["fingerprint"] == "fake"
    assert {"versions", "environment", "spec", "seeds", "git_commit"} <= set(made)
    assert not list(tmp_path.rglob("*.partial"))


def test_failures_and_unparsed_answers_are_counted_not_scored(registry, echo_rows, tmp_path):
    def answer(request: Any) -> Response:
        if request.prompt.endswith("text 3"):
            return Failed("refused")
        return Completion("" if request.prompt.endswith("text 4") else "text 0")

    run = runner.run(spec(echo_rows, tmp_path / "out"), with_backend(registry, FakeBackend(answer)))
    task = run.result.tasks["echo"]
    assert (task.n, task.errors) == (12, 2)
    match = task.metrics["match"].estimate
    assert (match.n, match.value) == (10, 0.1)
    records = {r.sample.id: r for r in runfolder.read_samples(tmp_path / "out", "echo")}
    assert records["4"].scores == {"match": Unscored("refused")}
    assert records["5"].error == "empty answer"


def test_groups_get_their_own_numbers(registry, tmp_path) -> None:
    path = tmp_path / "g.jsonl"
    rows = [{"text": f"t{i}", "side": "left" if i < 3 else "right"} for i in range(8)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    groups = runner.run(spec(path, tmp_path / "o"), registry).result.tasks["echo"].groups["side"]
    assert [(name, g["match"].estimate.n) for name, g in groups.items()] == [
        ("left", 3),
        ("right", 5),
    ]


class Stopping(FakeBackend):
    """Stops after so many answers."""

    def __init__(self, after: int, how: BaseException) -> None:
        super().__init__(lambda request: Completion(request.prompt.rsplit("say ", 1)[1]))
        self.after, self.how = after, how

    def run(self, requests: Sequence[KeyedRequest]) -> Iterator[tuple[str, Response]]:
        for count, pair in enumerate(super().run(requests)):
            if count == self.after:
                raise self.how
            yield pair


@pytest.mark.parametrize(
    ("how", "kind", "message"),
    [
        (KeyboardInterrupt(), RunInterruptedError, "interrupted"),
        (RuntimeError("out of memory"), RunFailedError, "out of memory"),
        (RunFailedError("the budget is spent"), RunFailedError, "budget"),
    ],
)
def test_an_interrupted_run_goes_on_where_it_stopped(
    registry, backend, echo_rows, tmp_path, how, kind, message
) -> None:
    out = tmp_path / "out"
    with pytest.raises(kind, match=message) as caught:
        runner.run(spec(echo_rows, out), with_backend(registry, Stopping(5, how)))
    assert caught.value.exit_code == 3
    assert "5 of 12" in str(caught.value)
    assert "same command" in str(caught.value)
    partial = runfolder.read_result(out)
    assert (partial.status, partial.tasks["echo"].n) == ("incomplete", 5)

    whole = runner.run(spec(echo_rows, out), with_backend(registry, backend)).result
    assert (whole.status, whole.usage.cached, len(backend.asked)) == ("complete", 5, 7)
    backend.fingerprint = "another"
    fresh = runner.run(spec(echo_rows, tmp_path / "fresh"), registry).result
    assert fresh.usage.cached == 0
    assert fresh.tasks == whole.tasks


def test_without_the_cache_nothing_is_kept(registry, backend, echo_rows, tmp_path, own_cache):
    runner.run(spec(echo_rows, tmp_path / "o", cache=False), registry)
    assert not list(own_cache.iterdir())


def test_a_folder_with_something_else_is_not_touched(registry, echo_rows, tmp_path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("years of work", "utf-8")
    with pytest.raises(HarnessError, match="something else"):
        runner.run(spec(echo_rows, out), registry)
    assert [path.name for path in out.iterdir()] == ["thesis.txt"]


def test_a_run_with_other_settings_is_not_overwritten(registry, echo_rows, tmp_path) -> None:
    out = tmp_path / "out"
    runner.run(spec(echo_rows, out), registry)
    with pytest.raises(HarnessError, match="other settings"):
        runner.run(spec(echo_rows, out, limit=3), registry)
    assert runfolder.read_result(out).tasks["echo"].n == 12


def test_nothing_is_written_when_the_data_are_bad(registry, tmp_path) -> None:
    (tmp_path / "bad.jsonl").write_text("{", "utf-8")
    with pytest.raises(HarnessError):
        runner.run(spec(tmp_path / "bad.jsonl", tmp_path / "out"), registry)
    assert not (tmp_path / "out").exists()


def test_an_unknown_backend_option_lists_the_nearest(registry, echo_rows, tmp_path) -> None:
    with pytest.raises(HarnessError, match="Did you mean knob"):
        runner.run(spec(echo_rows, tmp_path / "o", backend_settings={"knbo": "1"}), registry)
    with pytest.raises(HarnessError, match="Did you mean fake"):
        runner.run(replace(spec(echo_rows, tmp_path / "o"), model="fke:x"), registry)


def test_lifecycle_hooks_are_called_and_a_broken_one_does_no_harm(registry, echo_rows, tmp_path):
    calls: list[str] = []

    class Watcher:
        @hookimpl
        def harness_run_started(self, plan):
            calls.append(f"started {len(plan.tasks)}")

        @hookimpl
        def harness_scored(self, task, score):
            calls.append(f"{task} {score.value}")

        @hookimpl
        def harness_run_finished(self, result):
            calls.append(result.status)
            raise RuntimeError("boom")

    class Clumsy:
        @hookimpl(tryfirst=True)
        def harness_scored(self, task, score):
            raise RuntimeError("too early")

    registry.manager.register(Watcher(), name="watcher")
    registry.manager.register(Clumsy(), name="clumsy")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        finished = runner.run(spec(echo_rows, tmp_path / "o", limit=2), registry)
    assert calls == ["started 1", "echo 1.0", "echo 1.0", "complete"]
    told = [str(each.message) for each in caught]
    assert len(told) == 2
    assert "'clumsy' failed in harness_scored" in told[0]
    assert "'watcher' failed in harness_run_finished" in told[1]
    note = "plugin 'clumsy' failed in harness_scored: RuntimeError: too early (2 times)"
    assert note in finished.result.tasks["echo"].notes


def test_a_task_that_raises_is_named_with_its_line(
    registry, echo_rows, tmp_path, monkeypatch
) -> None:
    echo = registry.tasks["echo"].open(TaskOptions())

    def broken(self: object, sample: object, responses: object) -> dict[str, float]:
        return {}["no such key"]

    monkeypatch.setattr(type(echo), "score", broken)
    with pytest.raises(
        PluginError, match=r"'echo' failed to score sample '\d+': KeyError"
    ) as caught:
        runner.run(spec(echo_rows, tmp_path / "o", cache=False), registry)
    line = broken.__code__.co_firstlineno + 1
    assert f"test_runner.py, line {line}" in str(caught.value)


def test_a_response_of_another_kind_is_the_backends_fault(registry, echo_rows, tmp_path) -> None:
    backend = FakeBackend(lambda request: Logprob(-1.0, 1, True))
    with pytest.raises(
        PluginError, match=r"the backend answered a Generate request of sample '\d+'"
    ):
        runner.run(spec(echo_rows, tmp_path / "o", cache=False), with_backend(registry, backend))


def test_a_task_without_a_scored_sample_fails_the_run_which_is_still_written(
    registry, echo_rows, tmp_path
) -> None:
    def answer(request: Any) -> Response:
        return Failed("quota" if request.prompt.endswith("0") else "refused")

    with pytest.raises(NothingScoredError) as caught:
        runner.run(spec(echo_rows, tmp_path / "o"), with_backend(registry, FakeBackend(answer)))
    assert caught.value.exit_code == 3
    reason = "no sample of echo could be scored: refused (10 of 12 samples)"
    assert reason in str(caught.value)
    assert caught.value.folder == tmp_path / "o"
    written = runfolder.read_result(tmp_path / "o")
    assert written.tasks["echo"].errors == 12
    assert written.tasks["echo"].failure == "refused (10 of 12 samples)"
    assert json.loads((tmp_path / "o" / "run.json").read_text("utf-8"))["status"] == "complete"


def test_without_the_cache_an_interrupted_run_does_not_promise_to_go_on(
    registry, echo_rows, tmp_path
) -> None:
    with pytest.raises(RunInterruptedError) as caught:
        backend = Stopping(5, KeyboardInterrupt())
        runner.run(spec(echo_rows, tmp_path / "o", cache=False), with_backend(registry, backend))
    assert "none is kept" in str(caught.value)
    assert "go on" not in str(caught.value)


def test_not_a_number_fails_live_and_stored_alike(registry, echo_rows, tmp_path) -> None:
    def answer(request: Any) -> Response:
        return Completion("text 0", logprob=math.nan if "text 3" in request.prompt else -1.0)

    backend = FakeBackend(answer)
    results = [
        runner.run(spec(echo_rows, tmp_path / name), with_backend(registry, backend)).result
        for name in ("live", "stored")
    ]
    assert results[0].tasks == results[1].tasks
    assert results[0].tasks["echo"].errors == 1
    records = {r.sample.id: r for r in runfolder.read_samples(tmp_path / "stored", "echo")}
    assert records["4"].error == "not a number"


def test_a_column_to_group_by_that_no_sample_has_is_refused_before_anything_is_asked(
    registry, backend, tmp_path
) -> None:
    path = tmp_path / "g.jsonl"
    path.write_text('{"text": "a", "side": "left"}\n{"text": "b"}\n', "utf-8")
    with pytest.raises(
        HarnessError, match="unknown column in --group-by 'sied'\nDid you mean side"
    ):
        runner.run(spec(path, tmp_path / "o", group_by=("sied",)), registry)
    assert not backend.asked
    run = runner.run(spec(path, tmp_path / "o", group_by=("side",)), registry)
    assert "1 of 2 samples have no 'side' and are in no group" in run.result.tasks["echo"].notes


def test_a_metric_that_raises_is_named_and_its_scores_are_kept(
    registry, echo_rows, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(Mean, "aggregate", lambda self, rows: 1 / 0)
    with pytest.raises(PluginError, match="'match' failed on 12 scores"):
        runner.run(spec(echo_rows, tmp_path / "o"), registry)
    kept = list(runfolder.read_samples(tmp_path / "o", "echo"))
    assert [record.scores["match"] for record in kept] == [1.0] * 12
    assert json.loads((tmp_path / "o" / "run.json").read_text("utf-8"))["status"] == "incomplete"


@pytest.mark.parametrize("broken", ["folder", "text", "newer"])
def test_a_store_that_cannot_be_used_is_told_before_the_model_is_opened(
    registry, echo_rows, tmp_path, own_cache, monkeypatch, broken
) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "store"))
    path = tmp_path / "store/responses.sqlite"
    if broken == "folder":
        path.mkdir(parents=True)
    else:
        path.parent.mkdir()
        path.write_text("no database" * 100)
    if broken == "newer":
        path.unlink()
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA user_version = 99")
    opened = []
    registry.backends["fake"] = BackendSpec("fake", "", opened.append)
    with pytest.raises(HarnessError, match="response store") as caught:
        runner.run(spec(echo_rows, tmp_path / "out"), registry)
    assert caught.value.exit_code == 2
    assert not opened
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"data": {"echo": "nowhere"}}, "no such file or folder"),
        ({"data": {"eco": "nowhere"}}, "unknown name in --data"),
        ({"tasks": ("eco",)}, "unknown task"),
        ({"probes": ("typo",)}, "unknown probe"),
        ({"task_settings": {"echo": {"shout": "1"}}}, "unknown option of echo"),
        ({"probes": ("typos",), "task_settings": {"typos": {"strength": "9"}}}, "strength"),
        ({"probes": ("retrieval",), "task_settings": {"retrieval": {"corpus": "no"}}}, "no such"),
    ],
)
def test_what_is_misspelt_is_told_before_the_model_is_opened(
    registry, echo_rows, tmp_path, wrong, told
) -> None:
    opened = []
    registry.backends["fake"] = BackendSpec("fake", "", opened.append)
    registry.probes |= load().probes
    asked = replace(spec(echo_rows, tmp_path / "out"), **wrong)
    with pytest.raises(HarnessError, match=told) as caught:
        runner.run(asked, registry)
    assert caught.value.exit_code == 2
    assert not opened


def test_run_json_names_the_suites_that_were_asked_for(registry, echo_rows, tmp_path) -> None:
    for names, suites in ((("small",), {"small": ["echo"]}), (("echo",), None)):
        out = tmp_path / names[0]
        asked = RunSpec("fake:", names, {"echo": str(echo_rows)}, out=out)
        runner.run(asked, registry)
        made = json.loads((out / "run.json").read_text("utf-8"))
        assert made.get("suites") == suites


def test_a_stopped_run_says_where_its_folder_is(registry, echo_rows, tmp_path) -> None:
    answers = iter(range(5))

    def stops(request: Any) -> Response:
        next(answers)
        return Completion(request.prompt)

    with pytest.raises(RunFailedError) as stopped:
        runner.run(spec(echo_rows, tmp_path / "out"), with_backend(registry, FakeBackend(stops)))
    assert stopped.value.folder == tmp_path / "out"
    assert runfolder.read_result(stopped.value.folder).status == "incomplete"
