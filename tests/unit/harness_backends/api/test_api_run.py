"""Whole runs against a server: limits, resumption, the command line, the store."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from harness import cli

PRICES = """
[prices."openai:m"]
prompt = 100.0
completion = 1000.0
"""


@pytest.fixture
def questions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rows = [
        {"question": f"What is {n} + {n}?", "choices": [str(2 * n), str(3 * n)], "answer": 0}
        for n in range(1, 101)
    ]
    (tmp_path / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    (tmp_path / "harness.toml").write_text(PRICES, "utf-8")
    return tmp_path


def run(url: str, out: str, *options: str) -> int:
    command = ["run", "--model", "openai:m", "--tasks", "multiple_choice"]
    command += ["--data", "multiple_choice=questions.jsonl", "--out", out, "--format", "console"]
    command += ["--set", f"base_url={url}", "--set", "endpoint=chat", "--config", "harness.toml"]
    with pytest.raises(SystemExit) as ended:
        cli.main([*command, *options])
    return int(str(ended.value.code))


def test_a_run_stopped_by_its_budget_goes_on_where_it_stopped(
    questions: Path, serve: Any, chat: Any, key: str, capfd: pytest.CaptureFixture[str]
) -> None:
    server = serve(lambda call: chat("A"))  # 10 + 5 tokens: 0.006 dollars
    assert run(server.url, "one", "--set", "max_cost=0.3") == 3
    first = json.loads(Path("one/results.json").read_text("utf-8"))
    said = capfd.readouterr().err
    assert "max_cost = 0.3 is reached" in said
    assert "go on" in said
    assert first["status"] == "incomplete"
    answered = len(server.calls)
    assert 0.24 <= first["usage"]["cost"] <= 0.306
    assert first["usage"]["cost"] == pytest.approx(answered * 0.006)

    assert run(server.url, "two") == 0
    second = json.loads(Path("two/results.json").read_text("utf-8"))
    assert second["status"] == "complete"
    assert second["usage"]["cached"] == answered
    assert second["usage"]["cost"] == pytest.approx((100 - answered) * 0.006)
    asked = Counter(call.body["messages"][0]["content"] for call in server.calls)
    assert len(asked) == 100
    assert set(asked.values()) == {1}
    for path in questions.rglob("*"):
        assert path.is_dir() or key not in path.read_text("utf-8", "replace")


def test_a_wrong_key_ends_the_command_without_showing_it(
    questions: Path, serve: Any, reply: Any, key: str, capfd: pytest.CaptureFixture[str]
) -> None:
    body = {"error": {"message": f"Incorrect API key provided: {key}"}}
    server = serve(lambda call: reply(body, 401))
    assert run(server.url, "out", "--debug") == 3
    said = "".join(capfd.readouterr())
    assert "Traceback" in said
    assert "OPENAI_API_KEY" in said
    assert key not in said
