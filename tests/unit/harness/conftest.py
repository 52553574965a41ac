"""A small task, and a registry that holds it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pluggy
import pytest

from harness import hookspecs
from harness.cli import main
from harness.plugins import Registry
from harness.protocols import BackendSpec, TaskSpec
from harness.results.baseline import ScoredRun, load_run
from harness.testing import ALL_REQUESTS, FakeBackend
from support.echo import Echo, rows, say
from support.scored_runs import MakeRun, run_maker


@pytest.fixture
def backend() -> FakeBackend:
    return FakeBackend(say, ALL_REQUESTS)


@pytest.fixture
def registry(backend: FakeBackend) -> Registry:
    manager = pluggy.PluginManager("harness")
    manager.add_hookspecs(hookspecs)
    return Registry(
        manager,
        tasks={"echo": TaskSpec("echo", "says it again", Echo, suites=("small",))},
        backends={"fake": BackendSpec("fake", "a fake", lambda options: backend, {"knob": "turn"})},
        reporters={},
    )


@pytest.fixture
def echo_rows(tmp_path: Path) -> Path:
    return rows(tmp_path / "rows.jsonl", [f"text {index}" for index in range(12)])


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """``make_run(name, scores, …)`` writes a run folder and returns it."""
    return run_maker(tmp_path)


@pytest.fixture
def scored(make_run: MakeRun) -> Callable[..., ScoredRun]:
    """As ``make_run``, and reads the run back."""
    return lambda *arguments, **named: load_run(make_run(*arguments, **named))


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Runs a command in an empty folder; returns its exit code, output and errors."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            main([*map(str, arguments)])
        captured = capsys.readouterr()
        return int(caught.value.code or 0), captured.out, captured.err

    return run
