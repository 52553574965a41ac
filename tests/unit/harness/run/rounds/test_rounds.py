"""Rounds: what a task asks about the answers, of the model and of others."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.authoring.metrics import Mean
from harness.config import RunSpec
from harness.errors import DataError, NothingScoredError, PluginError, RunFailedError, UsageError
from harness.plugins import Registry
from harness.protocols import BackendSpec, TaskOptions, TaskSpec
from harness.results import runfolder
from harness.run import cost, models, runner
from harness.run.cache import ResponseStore
from harness.run.planning import planner
from harness.run.rounds.answers import Progress
from harness.run.rounds.roles import Roles
from harness.testing import ALL_REQUESTS, FakeBackend
from harness.types import (
    JUDGE,
    MODEL,
    Ask,
    Completion,
    Failed,
    Generate,
    KeyedRequest,
    Response,
    Round,
    Sample,
    Usage,
)
from support.conversation import Graded, grader, talk
from support.echo import rows


class Counting(FakeBackend):
    """Notes the size of each call, and spends a token and a cent an answer."""

    def __init__(self, answer: Any, fingerprint: str) -> None:
        super().__init__(answer, ALL_REQUESTS)
        self.fingerprint, self.calls, self.answers = fingerprint, [], 0

    def run(self, requests: Sequence[KeyedRequest]) -> Iterator[tuple[str, Response]]:
        self.calls.append(len(requests))
        for pair in super().run(requests):
            self.answers += 1
            self.usage = Usage(completion_tokens=self.answers, cost=self.answers / 100)
            yield pair


@pytest.fixture
def model() -> Counting:
    return Counting(talk, "model")


@pytest.fixture
def judge() -> Counting:
    return Counting(grader(lambda first: float(first.split()[1]) % 2), "judge")


@pytest.fixture
def registry(registry: Registry, model: Counting, judge: Counting) -> Registry:
    registry.tasks["graded"] = TaskSpec("graded", "", Graded)
    registry.backends["fake"] = BackendSpec("fake", "", lambda options: model)
    registry.backends["other"] = BackendSpec("other", "", lambda options: judge, {"knob": ""})
    return registry


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return rows(tmp_path / "rows.jsonl", [*(f"text {index}" for index in range(9)), "stop"])


def spec(path: Path, out: Path, **settings: Any) -> RunSpec:
    roles = settings.pop("roles", {"judge": "other:"})
    return RunSpec("fake:", ("graded",), {"graded": str(path)}, out=out, roles=roles, **settings)


def test_each_round_is_one_batch_of_one_role(registry, model, judge, path, tmp_path) -> None:
    seen: list[Progress] = []
    result = runner.run(spec(path, tmp_path / "o"), registry, on_progress=seen.append).result
    assert (model.calls, judge.calls) == ([10, 9], [9])
    shown = [(each.round, each.role, each.done, each.total) for each in seen]
    assert shown[9:11] == [(1, MODEL, 10, 10), (2, MODEL, 1, 9)]
    assert shown[-1] == (3, JUDGE, 9, 9)
    metrics = result.tasks["graded"].metrics
    assert metrics["grade"].estimate.value == pytest.approx(4 / 10)
    assert metrics["rounds"].estimate.value == pytest.approx(28 / 10)
    assert (result.usage.requests, result.usage.completion_tokens) == (19, 19)
    told = result.roles[JUDGE]
    assert told.model["fingerprint"] == "judge"
    assert replace(told.usage, cost=None) == Usage(requests=9, completion_tokens=9)
    assert told.usage.cost == pytest.approx(0.09)
    assert runfolder.read_result(tmp_path / "o") == result


def test_records_hold_all_rounds_and_are_read_again(registry, path, tmp_path) -> None:
    runner.run(spec(path, tmp_path / "o"), registry)
    first, *_, stopped = runfolder.read_samples(tmp_path / "o", "graded")
    assert [each.asks[0].role for each in first.rounds] == [MODEL, MODEL, JUDGE]
    assert first.later_rounds[1].of(JUDGE) == (Completion("0.0"),)
    assert stopped.later_rounds == ()
    text = (tmp_path / "o" / "samples" / "graded.jsonl").read_text("utf-8").splitlines()
    assert "later_rounds" in text[0]
    assert "later_rounds" not in text[-1]
    broken = json.loads(text[0])
    broken["later_rounds"][0]["responses"] = []
    (tmp_path / "x" / "samples").mkdir(parents=True)
    (tmp_path / "x" / "samples" / "graded.jsonl").write_text(json.dumps(broken), "utf-8")
    with pytest.raises(Exception, match="1 requests and 0 responses in a round"):
        list(runfolder.read_samples(tmp_path / "x", "graded"))


def test_a_second_run_asks_nothing(registry, model, judge, path, tmp_path) -> None:
    one = runner.run(spec(path, tmp_path / "o"), registry).result
    two = runner.run(spec(path, tmp_path / "p"), registry).result
    assert (model.calls, judge.calls) == ([10, 9], [9])
    assert two.tasks == one.tasks
    assert (two.usage.cached, two.roles[JUDGE].usage.cached) == (19, 9)
    assert two.roles[JUDGE].usage.completion_tokens == 0
    judge.fingerprint = "a better judge"
    runner.run(spec(path, tmp_path / "q"), registry)
    assert (model.calls, judge.calls) == ([10, 9], [9, 9])


class Stopping(Counting):
    """Fails for good after so many answers."""

    def __init__(self, answer: Any, fingerprint: str, after: int) -> None:
        super().__init__(answer, fingerprint)
        self.left = after

    def run(self, requests: Sequence[KeyedRequest]) -> Iterator[tuple[str, Response]]:
        for pair in super().run(requests):
            if self.left == 0:
                raise RuntimeError("out of memory")
            self.left -= 1
            yield pair


@pytest.mark.parametrize("after", [0, 4, 10, 13, 18])
def test_a_run_goes_on_in_the_round_in_which_it_stopped(
    registry, model, judge, path, tmp_path, after
) -> None:
    whole = runner.run(spec(path, tmp_path / "whole", cache=False), registry).result
    model.calls.clear()
    stopping = Stopping(talk, "model", after)
    registry.backends["fake"] = BackendSpec("fake", "", lambda options: stopping)
    with pytest.raises(RunFailedError, match="out of memory"):
        runner.run(spec(path, tmp_path / "o"), registry)
    assert runfolder.read_result(tmp_path / "o").status == "incomplete"
    registry.backends["fake"] = BackendSpec("fake", "", lambda options: model)
    again = runner.run(spec(path, tmp_path / "o"), registry).result
    assert sum(model.calls) == 19 - after
    assert again.tasks == whole.tasks
    samples = "samples/graded.jsonl"
    assert (tmp_path / "o" / samples).read_bytes() == (tmp_path / "whole" / samples).read_bytes()


def test_a_failed_request_ends_the_sample_and_is_an_error(registry, judge, path, tmp_path) -> None:
    def refuse(request: Generate) -> Response:
        return Failed("refused") if "text 3" in str(request.prompt) else Completion("1")

    failing = Counting(refuse, "judge")
    registry.backends["other"] = BackendSpec("other", "", lambda options: failing)
    task = runner.run(spec(path, tmp_path / "o"), registry).result.tasks["graded"]
    assert (task.n, task.errors) == (10, 1)
    record = list(runfolder.read_samples(tmp_path / "o", "graded"))[3]
    assert record.error == "refused"
    assert task.metrics["grade"].estimate.n == 9


def test_without_a_judge_nothing_is_asked(registry, model, path, tmp_path) -> None:
    with pytest.raises(UsageError, match="asks the role 'judge'") as caught:
        runner.run(spec(path, tmp_path / "o", roles={}), registry)
    assert "--judge MODEL" in str(caught.value)
    assert model.calls == []
    assert not (tmp_path / "o").exists()


def test_a_judge_that_cannot_answer_is_found_beforehand(registry, model, path, tmp_path) -> None:
    deaf = FakeBackend(supports=frozenset())
    registry.backends["other"] = BackendSpec("other", "", lambda options: deaf)
    with pytest.raises(UsageError, match="graded asks for Generate, which other: cannot answer"):
        runner.run(spec(path, tmp_path / "o"), registry)
    assert model.calls == []


def test_the_role_has_settings_of_its_own(registry, path, tmp_path) -> None:
    table = {"model": "other:", "set": {"knbo": 1}}
    with pytest.raises(UsageError, match="Did you mean knob"):
        runner.run(spec(path, tmp_path / "o", roles={"judge": table}), registry)
    with pytest.raises(UsageError, match="no model is named for the role 'judge'"):
        spec(path, tmp_path / "o", roles={"judge": {"device": "cpu"}})
    with pytest.raises(UsageError, match="unknown key 'modle'"):
        spec(path, tmp_path / "o", roles={"judge": {"modle": "x"}})


def test_the_evaluated_model_may_judge_itself(registry, judge, path, tmp_path) -> None:
    def both(request: Generate) -> Completion:
        return Completion("1") if isinstance(request.prompt, str) else talk(request)

    own = Counting(both, "model")
    registry.backends["fake"] = BackendSpec("fake", "", lambda options: own)
    result = runner.run(spec(path, tmp_path / "o", roles={"judge": "fake:"}), registry).result
    assert own.calls == [10, 9, 9]
    assert (result.usage.requests, result.usage.completion_tokens) == (19, 19)
    assert result.roles[JUDGE].usage.completion_tokens == 9


def test_roles_are_part_of_what_a_folder_holds(registry, path, tmp_path) -> None:
    runner.run(spec(path, tmp_path / "o"), registry)
    table = {"model": "other:", "batch_size": 4}
    runner.run(spec(path, tmp_path / "o", roles={"judge": table}), registry)
    with pytest.raises(UsageError, match="other settings"):
        runner.run(spec(path, tmp_path / "o", roles={"judge": "other:x"}), registry)


class Doubting(Counting):
    """Finds in its ``turn``-th call that what it said before was wrong."""

    def __init__(self, turn: int) -> None:
        super().__init__(talk, "model")
        self.turn, self.doubts = turn, 0

    def run(self, requests: Sequence[KeyedRequest]) -> Iterator[tuple[str, Response]]:
        sure = self.doubts > 0
        if not sure and len(self.calls) + 1 == self.turn:
            self.doubts = 1
        for key, response in super().run(requests):
            wrong = not sure and isinstance(response, Completion) and len(self.calls) == 1
            yield key, Completion(f"{response.text} 1 wrong") if wrong else response


@pytest.mark.parametrize("turn", [1, 2])
def test_what_was_asked_about_a_wrong_answer_is_asked_again(registry, path, tmp_path, turn) -> None:
    doubting = Doubting(turn)
    registry.backends["fake"] = BackendSpec("fake", "", lambda options: doubting)
    registry.backends["other"] = BackendSpec(
        "other", "", lambda options: Counting(lambda _: Completion("1"), "judge")
    )
    runner.run(spec(path, tmp_path / "o"), registry)
    for record in runfolder.read_samples(tmp_path / "o", "graded"):
        first = record.responses[0]
        assert first == Completion(record.sample.input)
        if record.later_rounds:
            asked = record.later_rounds[0].asks[0].request
            assert isinstance(asked, Generate)
            assert asked.prompt[1].content == record.sample.input


class SearchFirst(Graded):
    """Asks nobody in the first round but a retriever, then the model."""

    roles = ("retriever",)

    def requests(self, sample: Sample, shots: Sequence[Sample]) -> Sequence[Generate]:
        return []

    def follow_up(self, sample: Sample, rounds: Sequence[Round]) -> Sequence[Ask]:
        if not rounds:
            return [Ask("retriever", Generate(sample.input))]
        return [] if len(rounds) == 2 else [Ask(MODEL, Generate("x"))] * 2


def test_a_task_may_begin_with_another_role(registry, path, tmp_path) -> None:
    registry.tasks["graded"] = TaskSpec("graded", "", SearchFirst)
    found = Counting(lambda _: Completion("found"), "search")
    registry.backends["other"] = BackendSpec("other", "", lambda options: found)
    same = Counting(lambda _: Completion("y"), "model")
    registry.backends["fake"] = BackendSpec("fake", "", lambda options: same)
    runner.run(spec(path, tmp_path / "o", roles={"retriever": "other:"}), registry)
    assert (found.calls, same.calls) == ([10], [1])
    record = next(runfolder.read_samples(tmp_path / "o", "graded"))
    assert (record.requests, len(record.rounds)) == ((), 2)
    assert record.rounds[1].of(MODEL) == (Completion("y"),) * 2


class Endless(Graded):
    roles = ()

    def follow_up(self, sample: Sample, rounds: Sequence[Round]) -> Sequence[Ask]:
        return [Ask(MODEL, Generate("more"))]


class Wrong(Graded):
    def follow_up(self, sample: Sample, rounds: Sequence[Round]) -> Sequence[Ask]:
        return [Generate("x")]  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("task", "message"),
    [(Endless, "still asks after 1,000 rounds"), (Wrong, r"is no harness\.types\.Ask")],
)
def test_a_task_that_asks_wrongly_is_named(registry, path, tmp_path, task, message) -> None:
    registry.tasks["graded"] = TaskSpec("graded", "", task)
    with pytest.raises(PluginError, match=message):
        runner.run(spec(path, tmp_path / "o"), registry)


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
