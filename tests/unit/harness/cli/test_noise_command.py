"""``harness noise`` as a command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., tuple[int, str, str]]


def test_the_table_and_the_file(command: Command, tmp_path: Path) -> None:
    given = ("--tasks", "sst2", "--data", "sample", "--limit", "3", "--batch-sizes", "1,2")
    code, out, err = command("noise", "demo", *given)
    assert (code, err) == (0, "")
    assert "samples changed" in " ".join(out.split())
    assert "2 replicates: batch size 1; batch size 2" in out
    written = json.loads((tmp_path / "noise" / "noise.json").read_text("utf-8"))
    assert written["replicates"] == ["batch size 1", "batch size 2"]
    accuracy = written["tasks"]["sst2"]["accuracy"]
    assert (len(accuracy["values"]), accuracy["margin"], accuracy["n"]) == (2, 0.0, 3)
    assert (tmp_path / "noise" / "batch-size-1" / "results.json").is_file()

    code, _, err = command("noise", "demo", *given)
    assert code == 2
    assert "noise is not empty" in err


def test_names_are_whole_and_what_has_no_value_is_a_dash(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    rows = tmp_path / "chat.jsonl"
    rows.write_text('{"id": "a", "turns": ["Hello", "And now?"]}\n', "utf-8")
    given = ("--tasks", "chat", "--data", f"chat={rows}", "--batch-sizes", "1,2", "--quiet")
    code, out, _ = command("noise", "demo", *given, "--set", "chat.max_tokens=4")
    assert code == 0
    assert "…" not in out and "nan" not in out and "— of 0" in out
    assert "first_turn_rules" in "".join(out.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("noise", "demo", "--model", "demo", "--tasks", "sst2"), "named twice"),
        (("noise", "--tasks", "sst2"), "no model is named"),
        (("noise", "demo", "--tasks", "sst2", "--batch-sizes", "auto"), "one run alone"),
        (("noise", "demo", "--tasks", "sst2", "--batch-sizes", "0,1"), "'0' is neither"),
        (("run", "--model", "demo", "--tasks", "sst2", "--reduce", "pass@3"), "there are 1"),
        (("run", "--model", "demo", "--tasks", "sst2", "--judge-set", "a"), "--judge-set 'a'"),
    ],
)
def test_bad_input(command: Command, arguments: tuple[str, ...], message: str) -> None:
    code, _, err = command(*arguments)
    assert code == 2
    assert message in err
