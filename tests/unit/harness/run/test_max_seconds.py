"""A run with a time limit ends with what is answered, says so, and can be gone on with."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from harness.config import RunSpec
from harness.errors import TimeIsUpError, UsageError
from harness.plugins import Registry
from harness.protocols import BackendSpec, Deadline
from harness.results import runfolder
from harness.run import runner
from harness.testing import FakeBackend
from harness.types import KeyedRequest, Response


class Slow(FakeBackend):
    """Takes a twentieth of a second for an answer."""

    def run(self, requests: Sequence[KeyedRequest]) -> Iterator[tuple[str, Response]]:
        """See ``ModelBackend``."""
        for answer in super().run(requests):
            time.sleep(0.05)
            yield answer


def spec(rows: Path, out: Path, **given: object) -> RunSpec:
    return RunSpec("slow:", ("echo",), {"echo": str(rows)}, out=out, **given)  # type: ignore[arg-type]


def slow(registry: Registry) -> Registry:
    registry.backends["slow"] = BackendSpec("slow", "", lambda options: Slow())
    return registry


def test_it_ends_in_time_and_goes_on_later(
    registry: Registry, echo_rows: Path, tmp_path: Path
) -> None:
    seen: list[int] = []
    with pytest.raises(TimeIsUpError, match=r"max_seconds = 0\.2") as caught:
        runner.run(
            spec(echo_rows, tmp_path / "out", max_seconds=0.2),
            slow(registry),
            on_progress=lambda progress: seen.append(progress.done),
        )
    assert caught.value.exit_code == 3
    assert 0 < len(seen) < 12
    assert f"{len(seen)} of 12 requests are answered and kept" in str(caught.value)
    assert runfolder.read_result(tmp_path / "out").status == "incomplete"
    done = runner.run(spec(echo_rows, tmp_path / "out"), slow(registry))
    assert done.result.status == "complete", "the limit is no other run"
    assert done.result.usage.cached == len(seen)


class InBatches(FakeBackend):
    """Computes four answers at a time, until after the run's time, which it checks in between."""

    checks_deadline = True

    def __init__(self, deadline: Deadline | None) -> None:
        super().__init__()
        self.deadline = deadline

    def run(self, requests: Sequence[KeyedRequest]) -> Iterator[tuple[str, Response]]:
        """See ``ModelBackend``."""
        for start in range(0, len(requests), 4):
            if self.deadline is not None:
                self.deadline.check()
                time.sleep(self.deadline.left + 0.01)
            yield from super().run(requests[start : start + 4])


def test_a_batch_that_outlasts_the_time_is_kept_whole(
    registry: Registry, echo_rows: Path, tmp_path: Path
) -> None:
    registry.backends["slow"] = BackendSpec("slow", "", lambda each: InBatches(each.deadline))
    for kept in ("4 of 12", "8 of 12"):
        with pytest.raises(TimeIsUpError, match=f"{kept} requests are answered and kept"):
            runner.run(spec(echo_rows, tmp_path / "out", max_seconds=1), registry)
    done = runner.run(spec(echo_rows, tmp_path / "out"), registry)
    assert done.result.usage.cached == 8


def test_a_gate_is_then_inconclusive(registry: Registry, echo_rows: Path, tmp_path: Path) -> None:
    gate = {"rule": [{"metric": "echo.match", "min": 0.1}]}
    with pytest.raises(TimeIsUpError) as caught:
        runner.run(spec(echo_rows, tmp_path / "out", max_seconds=0.1, gate=gate), slow(registry))
    assert caught.value.exit_code == 4
    assert runfolder.read_result(tmp_path / "out").gate is None


def test_a_run_that_is_done_in_time_is_complete(
    registry: Registry, echo_rows: Path, tmp_path: Path
) -> None:
    done = runner.run(spec(echo_rows, tmp_path / "out", max_seconds=60), slow(registry))
    assert done.result.status == "complete"


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf")])
def test_other_limits_are_refused(echo_rows: Path, tmp_path: Path, seconds: float) -> None:
    with pytest.raises(UsageError, match="max_seconds"):
        spec(echo_rows, tmp_path / "out", max_seconds=seconds)
