"""What ``harness plan`` says of later rounds, on a screen of 80 columns."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.commands import harness


def test_bounds_of_later_rounds_fit_a_screen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    rows = [{"id": f"c{n}", "turns": ["Hello", "And now?", "Why?"][: 1 + n % 3]} for n in range(6)]
    Path("chats.jsonl").write_text("".join(json.dumps(each) + "\n" for each in rows), "utf-8")
    assert harness("plan --model demo --tasks chat --data chat=chats.jsonl") == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    told = " ".join(out.split())
    assert "Then in round 2 at most 4 requests of the model: at most" in told
    assert "Then in round 3 at most 2 requests of the model: at most" in told
    assert "round 4" not in told


def test_a_stored_first_round_does_not_say_that_later_ones_are_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    once = "--tasks chat --data chat=once.jsonl"
    Path("once.jsonl").write_text('{"id": "c", "turns": ["Hello"]}\n', "utf-8")
    assert harness(f"run --model demo {once} --out once --quiet") == 0
    capsys.readouterr()
    assert harness(f"plan --model demo {once}") == 0
    assert "the run takes every answer from the store" in capsys.readouterr().out
    Path("once.jsonl").write_text('{"id": "c", "turns": ["Hello", "And now?"]}\n', "utf-8")
    assert harness(f"plan --model demo {once}") == 0
    told = capsys.readouterr().out
    assert "Nothing is left to ask in round 1: the run takes its answers from the store." in told
    assert "every answer" not in told
    assert "Then in round 2 at most 1 requests of the model" in told
