"""A run that is asked in several windows is the run that is asked in one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.authoring.io import spooled
from harness.config import RunSpec
from harness.errors import RunFailedError
from harness.plugins import Registry
from harness.protocols import BackendSpec
from harness.results import runfolder
from harness.run import runner
from harness.run.rounds import in_hand
from harness.testing import FakeBackend
from harness.types import Completion, KeyedRequest, Response, RunResult
from support.echo import rows, say

TEXTS = ["again", *(f"text {number}" for number in range(9)), "again", "text 2", "last"]
"""13 rows, of which two pairs ask the same."""


@pytest.fixture
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_hand, "WINDOW", 4)
    monkeypatch.setattr(spooled, "HELD", 1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return rows(tmp_path / "rows.jsonl", TEXTS)


class Watched(FakeBackend):
    """Notes how many requests it got at a time."""

    def __init__(self) -> None:
        super().__init__(say)
        self.sizes: list[int] = []

    def run(self, requests: Sequence[KeyedRequest]) -> Iterator[tuple[str, Response]]:
        self.sizes.append(len(requests))
        yield from super().run(requests)


def run(
    registry: Registry, backend: FakeBackend, path: Path, out: Path, **settings: Any
) -> RunResult:
    registry.backends["fake"] = BackendSpec("fake", "", lambda options: backend)
    spec = RunSpec("fake:", ("echo",), {"echo": str(path)}, out=out, **settings)
    return runner.run(spec, registry).result


def samples(out: Path) -> bytes:
    return (out / "samples/echo.jsonl").read_bytes()


@pytest.mark.parametrize("settings", [{}, {"limit": 7}, {"sample": 6}, {"repeats": 2}])
def test_windows_change_no_score(
    registry: Registry, path: Path, tmp_path: Path, monkeypatch: Any, settings: dict[str, Any]
) -> None:
    settings = {"cache": None, **settings}
    whole = run(registry, Watched(), path, tmp_path / "whole", **settings)
    monkeypatch.setattr(in_hand, "WINDOW", 4)
    monkeypatch.setattr(spooled, "HELD", 1)
    parts = run(registry, Watched(), path, tmp_path / "parts", **settings)
    assert samples(tmp_path / "parts") == samples(tmp_path / "whole")
    assert (parts.tasks, parts.usage) == (whole.tasks, whole.usage)


def test_what_samples_of_two_windows_share_is_asked_once(
    registry: Registry, path: Path, tmp_path: Path, small_windows: None
) -> None:
    backend = Watched()
    result = run(registry, backend, path, tmp_path / "out", cache=None)
    assert backend.sizes == [4, 4, 2, 1]
    assert result.usage.requests == 11


def test_an_interrupted_run_keeps_the_windows_that_ended(
    registry: Registry, path: Path, tmp_path: Path, small_windows: None
) -> None:
    class Failing(Watched):
        def run(self, requests: Sequence[KeyedRequest]) -> Iterator[tuple[str, Response]]:
            for count, pair in enumerate(super().run(requests)):
                if len(self.sizes) == 2 and count == 1:
                    raise RuntimeError("out of memory")
                yield pair

    with pytest.raises(RunFailedError, match="5 of 11"):
        run(registry, Failing(), path, tmp_path / "out")
    kept = [record.sample.id for record in runfolder.read_samples(tmp_path / "out", "echo")]
    assert kept[:4] == ["1", "2", "3", "4"]
    assert len(kept) == 5
    backend = Watched()
    whole = run(registry, backend, path, tmp_path / "out")
    assert (whole.status, whole.usage.cached, sum(backend.sizes)) == ("complete", 5, 6)


@pytest.mark.parametrize("wrong", [3, 6, 8, 11])
def test_doubts_reach_windows_that_ended(
    registry: Registry, path: Path, tmp_path: Path, small_windows: None, wrong: int
) -> None:
    class Doubting(FakeBackend):
        doubts, left = 0, wrong

        def run(self, requests: Sequence[KeyedRequest]) -> Iterator[tuple[str, Response]]:
            for key, response in super().run(requests):
                yield key, Completion("wrong") if self.left > 0 else response
                self.left -= 1
                self.doubts += self.left == 0

    result = run(registry, Doubting(say), path, tmp_path / "out")
    assert result.tasks["echo"].metrics["match"].estimate.value == 1.0
    assert (result.usage.requests, result.usage.cached) == (11, 0)
    unused = Watched()
    again = run(registry, unused, path, tmp_path / "again")
    assert (again.usage.cached, unused.sizes) == (11, [])
    assert again.tasks["echo"].metrics["match"].estimate.value == 1.0
