"""Rounds: what a task asks about the answers, of the model and of others."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from harness.errors import PluginError, RunFailedError, UsageError
from harness.protocols import BackendSpec, TaskSpec
from harness.results import runfolder
from harness.run import runner
from harness.run.rounds.answers import Progress
from harness.testing import FakeBackend
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
from support.conversation import Counting, Graded, talk
from support.conversation import graded_run as spec


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
