"""``--max-seconds`` and servers that are slow, or never answer: open requests are cancelled."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.results import runfolder
from support.commands import harness

LONG = 60.0
"""Seconds of an answer that is not waited for."""
SOON = 20.0
"""Seconds within which a run of two seconds ends, on a busy machine too."""


@pytest.fixture
def run(key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Asks a server for two seconds at most."""
    import openai.resources.chat  # noqa: F401 - so that the seconds are not spent on it

    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)

    def one(url: str, *more: str) -> int:
        words = [
            *("run", "--model", "openai:m", "--set", f"base_url={url}", "--tasks", "squad"),
            *("--data", "sample", "--limit", "6", "--out", "out", "--max-seconds", "2"),
        ]
        begun = time.monotonic()
        code = harness([*words, *more])
        assert time.monotonic() - begun < SOON
        return code

    return one


def test_open_requests_are_cancelled_and_answers_kept(
    run: Callable[..., int],
    serve: Any,
    chat: Any,
    reply: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    numbers = itertools.count()
    slow = reply(chat("late").body, delay=LONG)
    server = serve(lambda call: chat("quick") if next(numbers) < 2 else slow)
    assert run(server.url, "--set", "endpoint=chat") == 3
    told = capsys.readouterr().err
    assert "the time is up (max_seconds = 2)" in told
    assert "2 of 6 requests are answered and kept" in told
    assert runfolder.read_result(Path("out")).status == "incomplete"
    assert len(server.calls) == 6


def test_a_server_that_never_answers_is_not_waited_for_at_the_opening(
    run: Callable[..., int], serve: Any, reply: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    server = serve(lambda call: reply({}, delay=LONG))
    assert run(server.url) == 3
    assert "the time is up (max_seconds = 2)\nThe server had not said" in capsys.readouterr().err
    assert not Path("out").exists()


def test_a_gate_ends_inconclusive(
    run: Callable[..., int], serve: Any, chat: Any, reply: Any
) -> None:
    Path("harness.toml").write_text('[[gate.rule]]\nmetric = "squad.f1"\nmin = 0.1\n')
    server = serve(lambda call: reply(chat("late").body, delay=LONG))
    given = ("--config", "harness.toml")
    assert run(server.url, "--set", "endpoint=chat", *given) == 4
    assert run(server.url, "--out", "again", *given) == 4


def test_a_judge_that_hangs_is_not_waited_for(
    run: Callable[..., int], serve: Any, chat: Any, reply: Any
) -> None:
    """The role's own server, after the evaluated model has answered."""
    server = serve(lambda call: chat("quick"))
    judge = serve(lambda call: reply(chat("late").body, delay=LONG))
    Path("rows.jsonl").write_text('{"id": "a", "input": "Greet me."}\n')
    task = ("--tasks", "judge", "--data", "judge=rows.jsonl", "--judge", "openai:m")
    given = ("--set", "endpoint=chat", *task)
    judges = ("--judge-set", f"base_url={judge.url}", "--judge-set", "endpoint=chat")
    assert run(server.url, *given, *judges) == 3
    assert judge.calls
    assert runfolder.read_result(Path("out")).status == "incomplete"
