"""Models of several roles in one run: bounds, equal requests, saved answers of each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from harness.authoring.metrics import Mean
from harness.config import RunSpec
from harness.errors import DataError, NothingScoredError, UsageError
from harness.protocols import BackendSpec, TaskOptions, TaskSpec
from harness.results import runfolder
from harness.run import cost, models, runner
from harness.run.cache import ResponseStore
from harness.run.planning import planner
from harness.run.rounds.roles import Roles
from harness.testing import ALL_REQUESTS, FakeBackend
from harness.types import (
    JUDGE,
    MODEL,
    Ask,
    Completion,
    Generate,
    KeyedRequest,
    Round,
    Sample,
    Usage,
)
from support.conversation import Counting, Graded, talk
from support.conversation import graded_run as spec


def test_a_plan_bounds_later_rounds(registry, model, judge, path, tmp_path) -> None:
    class Forecasting(Counting):
        def forecast(self, requests: Sequence[KeyedRequest]) -> Usage:
            asked = [each.request for each in requests if isinstance(each.request, Generate)]
            words = sum(len(str(request.prompt).split()) for request in asked)
            return Usage(prompt_tokens=words, computed_tokens=words, completion_tokens=4)

    judging = Forecasting(judge._answer, "judge")
    registry.backends["other"] = BackendSpec("other", "", lambda options: judging)
    run = spec(path, tmp_path / "o")
    backend = models.open_backend(run.model_config, registry)
    with ResponseStore(None) as store, Roles(run, registry, backend) as roles:
        plan = planner.build(run, registry, backend, roles=roles)
        found = cost.of(plan, backend, store, roles)
    assert [(each.round, each.role, each.requests) for each in found.later] == [
        (2, MODEL, 9),
        (3, JUDGE, 9),
    ]
    assert found.later[0].usage is None
    assert found.later[1].usage is not None
    # "grade", a slash, and two answers of four words
    assert found.later[1].usage.prompt_tokens == 9 * (2 + 2 * 4)
    assert (model.calls, judging.calls) == ([], [])


def test_equal_requests_of_two_roles_are_asked_of_both(registry, path, tmp_path) -> None:
    class Both(Graded):
        roles = ("judge", "judge.2")

        def follow_up(self, sample: Sample, rounds: Sequence[Round]) -> Sequence[Ask]:
            same = Generate("same")
            asks = [Ask("judge", same), Ask("judge.2", same), Ask(MODEL, same), Ask(MODEL, same)]
            return asks if len(rounds) == 1 else []

        def score_rounds(self, sample, rounds):
            assert len(set(rounds[1].responses[:2])) == 2
            return {"grade": 1.0}

    def answer(text: str) -> Any:
        return lambda request: talk(request) if request.prompt != "same" else Completion(text)

    registry.tasks["graded"] = TaskSpec("graded", "", Both)
    own = Counting(answer("own"), "model")
    registry.backends["fake"] = BackendSpec("fake", "", lambda options: own)
    one, two = (Counting(answer(name), name) for name in ("one", "two"))
    registry.backends["one"] = BackendSpec("one", "", lambda options: one)
    registry.backends["two"] = BackendSpec("two", "", lambda options: two)
    roles = {"judge": "one:", "judge.2": "two:"}
    result = runner.run(spec(path, tmp_path / "o", roles=roles), registry).result
    assert {role: each.usage.requests for role, each in result.roles.items()} == {
        "judge": 1,
        "judge.2": 1,
    }
    assert own.calls == [10, 1]


def test_tasks_see_who_answers(registry, path, tmp_path) -> None:
    seen: list[TaskOptions] = []

    def opened(options: TaskOptions) -> Graded:
        seen.append(options)
        assert options.roles["judge"].fingerprint == "judge"
        assert options.roles["judge"].supports == ALL_REQUESTS
        assert "retriever" not in options.roles
        return Graded(options)

    registry.tasks["graded"] = TaskSpec("graded", "", opened)
    runner.run(spec(path, tmp_path / "o"), registry)
    assert list(seen[0].roles) == ["model", "judge"]
    assert replace(seen[0], roles={}) == seen[0]


def test_saved_judgements_answer_by_sample_and_place(registry, path, tmp_path) -> None:
    """A judge in saved outputs: of each sample a list, one judgement a request to the judge."""
    from harness_backends.replay import open_replay

    class BothOrders(Graded):
        metrics = (*Graded.metrics, Mean("second"))

        def follow_up(self, sample: Sample, rounds: Sequence[Round]) -> Sequence[Ask]:
            same = Generate("which is better?")
            return [[Ask(JUDGE, same)] * 2, [Ask(JUDGE, same)], []][len(rounds) - 1]

        def score_rounds(self, sample, rounds):
            first, second = rounds[1].of(JUDGE)
            third = rounds[2].of(JUDGE)[0]
            return {"grade": float(first.text), "second": float(second.text + third.text)}

    registry.tasks["graded"] = TaskSpec("graded", "", BothOrders)
    registry.backends["replay"] = BackendSpec("replay", "", open_replay, by_sample=True)
    saved = {str(line): [str(line), str(10 * line), ".5"] for line in range(1, 11)}
    del saved["10"]
    (tmp_path / "saved.json").write_text(json.dumps(saved), "utf-8")
    roles = {"judge": f"replay:{tmp_path / 'saved.json'}"}
    task = runner.run(spec(path, tmp_path / "o", roles=roles), registry).result.tasks["graded"]
    assert task.errors == 1
    assert "judge: 1 of 10 samples have no saved output, such as '10'" in task.notes[0]
    records = list(runfolder.read_samples(tmp_path / "o", "graded"))
    assert [each.scores["grade"] for each in records[:9]] == [float(n) for n in range(1, 10)]
    assert [each.scores["second"] for each in records[:9]] == [10 * n + 0.5 for n in range(1, 10)]

    saved = {str(line): [str(line), "1"] for line in range(1, 11)}
    (tmp_path / "saved.json").write_text(json.dumps(saved), "utf-8")
    with pytest.raises(NothingScoredError, match="2 answers saved, and one more is needed"):
        runner.run(spec(path, tmp_path / "p", roles=roles), registry)

    (tmp_path / "saved.json").write_text(json.dumps({"x": "1"}), "utf-8")
    with pytest.raises(DataError, match="is the id of a sample of graded"):
        runner.run(spec(path, tmp_path / "q", roles=roles), registry)
    assert not (tmp_path / "q").exists()


def test_a_conversation_is_replayed_turn_by_turn(registry, path, tmp_path) -> None:
    from harness_backends.replay import open_replay

    registry.backends["fake"] = BackendSpec("fake", "", open_replay, by_sample=True)
    turns = {str(n): [f"text {n - 1}", f"because text {n - 1}"] for n in range(1, 10)}
    saved = tmp_path / "saved.json"
    saved.write_text(json.dumps({**turns, "10": ["stop"]}), "utf-8")
    run = replace(spec(path, tmp_path / "o"), model=f"fake:{saved}")
    task = runner.run(run, registry).result.tasks["graded"]
    assert task.errors == 0
    assert task.metrics["rounds"].estimate.value == pytest.approx(2.8)
    again = replace(run, repeats=2, out=tmp_path / "p")
    with pytest.raises(UsageError, match="do not say of which repeat and round"):
        runner.run(again, registry)
    assert not (tmp_path / "p").exists()


def test_a_role_that_nobody_asks_is_said_and_not_opened(
    registry, judge, echo_rows, tmp_path
) -> None:
    opened: list[object] = []

    def open_judge(options: object) -> Counting:
        opened.append(options)
        return judge

    registry.backends["other"] = BackendSpec("other", "", open_judge)
    echo = FakeBackend(lambda request: Completion(str(request.prompt).rsplit("say ", 1)[1]))
    registry.backends["fake"] = BackendSpec("fake", "", lambda options: echo)
    run = RunSpec(
        "fake:",
        ("echo",),
        {"echo": str(echo_rows)},
        out=tmp_path / "o",
        roles={"judge": "other:"},
    )
    result = runner.run(run, registry).result
    assert result.tasks["echo"].notes == ("a model is named for the judge, and no task asks it",)
    assert (result.roles, opened) == ({}, [])
