"""A backend that finds its earlier answers wrong: they are asked again, and what is stored goes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.config import RunSpec
from harness.errors import RunFailedError
from harness.plugins import Registry
from harness.protocols import BackendSpec
from harness.run import runner
from harness.run.cache import ResponseStore
from harness.run.planning import planner
from harness.run.session import RunSession
from harness.testing import FakeBackend
from harness.types import Completion, KeyedRequest, Response


def spec(path: Path, out: Path) -> RunSpec:
    return RunSpec("fake:", ("echo",), {"echo": str(path)}, out=out)


def with_backend(registry: Registry, backend: FakeBackend) -> Registry:
    registry.backends["fake"] = BackendSpec("fake", "", lambda options: backend)
    return registry


def echo(request: Any) -> Response:
    return Completion(request.prompt.rsplit("say ", 1)[1])


class Doubting(FakeBackend):
    """Answers wrongly until, after ``wrong`` answers, it finds that out."""

    def __init__(self, wrong: int) -> None:
        super().__init__(echo)
        self._left, self.doubts = wrong, 0

    def run(self, requests: Sequence[KeyedRequest]) -> Iterator[tuple[str, Response]]:
        for key, response in super().run(requests):
            yield key, Completion("wrong") if self._left > 0 else response
            self._left -= 1
            self.doubts += self._left == 0


def test_answers_that_the_backend_doubts_are_asked_again(
    registry, backend, echo_rows, tmp_path, own_cache
) -> None:
    """Those of this run, and stored ones of an earlier run, which ended before it was noticed."""

    class Killed(FakeBackend):
        def run(self, requests: Sequence[KeyedRequest]) -> Iterator[tuple[str, Response]]:
            for number, (key, _) in enumerate(super().run(requests)):
                if number == 3:
                    raise RuntimeError("killed")
                yield key, Completion("wrong")

    with pytest.raises(RunFailedError):
        runner.run(spec(echo_rows, tmp_path / "one"), with_backend(registry, Killed(echo)))
    run = runner.run(spec(echo_rows, tmp_path / "two"), with_backend(registry, Doubting(wrong=4)))
    assert run.result.tasks["echo"].metrics["match"].estimate.value == 1.0
    assert (run.result.usage.requests, run.result.usage.cached) == (12, 0)
    unused = FakeBackend(lambda request: Completion("wrong"))
    again = runner.run(spec(echo_rows, tmp_path / "three"), with_backend(registry, unused))
    assert again.result.usage.cached == 12
    assert again.result.tasks["echo"].metrics["match"].estimate.value == 1.0


def test_doubted_answers_are_forgotten_though_the_run_is_stopped(
    registry, echo_rows, tmp_path, own_cache
) -> None:
    class Stopped(Doubting):
        def run(self, requests: Sequence[KeyedRequest]) -> Iterator[tuple[str, Response]]:
            for answer in super().run(requests):
                if self.doubts:
                    raise KeyboardInterrupt
                yield answer

    with pytest.raises(RunFailedError):
        runner.run(spec(echo_rows, tmp_path / "out"), with_backend(registry, Stopped(wrong=4)))
    run = runner.run(spec(echo_rows, tmp_path / "on"), with_backend(registry, FakeBackend(echo)))
    assert run.result.usage.cached == 0
    assert run.result.tasks["echo"].metrics["match"].estimate.value == 1.0


@pytest.mark.parametrize("wrong", [3, 6, 8, 12])
def test_doubts_reach_what_was_asked_before(registry, echo_rows, tmp_path, wrong) -> None:
    doubting = Doubting(wrong)
    plan = planner.build(
        spec(echo_rows, tmp_path / "out"), with_backend(registry, doubting), doubting
    )
    (task,) = plan.tasks
    with ResponseStore(None) as store:
        asking = RunSession(plan, doubting, store, registry)
        for places in (range(6), range(6, 12)):
            asking.ask((task, place) for place in places)
        assert [record.scores["match"] for record in asking.records(task)] == [1.0] * 12
        assert asking.answers.done == asking.answers.total
