"""``harness plan --write-prompts`` shows what the model reads, and computes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness import plugins
from harness.cli import app
from harness.run.planning import prompt_listing
from harness.types import (
    Classify,
    Embed,
    ExtractAnswer,
    Generate,
    Loglikelihood,
    Message,
    PseudoLoglikelihood,
    Request,
    RollingLoglikelihood,
    Tag,
)


def listed(words: str, capsys: pytest.CaptureFixture[str]) -> str:
    arguments = ["plan", *words.split(), "--data", "sample", "--limit", "3", "--no-cache"]
    app.main(arguments, "harness", standalone_mode=False, obj={"registry": plugins.load()})
    return capsys.readouterr().out


def test_choices_and_texts_as_the_model_reads_them(capsys: pytest.CaptureFixture[str]) -> None:
    shown = listed("--model demo --tasks squad,sst2 --write-prompts 1", capsys)
    assert shown.count("as the model reads it") == 3
    assert "--- squad " in shown
    assert "at most 64 tokens; stop strings: '\\n'" in shown
    asked = "Question: Is this sentence positive or negative?\nAnswer:<|end|><|assistant|>⟦"
    assert shown.count(asked) == 2, "the chat template is shown, too"
    assert "positive⟧" in shown


def test_a_model_that_does_not_tell_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = tmp_path / "outputs.jsonl"
    rows.write_text('{"id": "squad-001", "response": "yes"}\n', "utf-8")
    shown = listed(f"--model replay:{rows} --tasks squad --write-prompts 2", capsys)
    assert shown.count("as the task asks it") == 2


def test_prompts_of_later_rounds_have_stand_ins_for_the_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text(json.dumps({"id": "a", "input": "Greet me."}), "utf-8")
    words = "--model demo --tasks squad,chat,judge --judge demo --write-prompts 2"
    shown = listed(f"{words} --data judge={rows}", capsys)
    squad, rest = shown.split("--- chat ", 1)
    chat, judged = rest.split("--- judge ", 1)
    assert "⟨" not in squad
    assert "round 2, request 1 of 1, as the model reads it" in chat
    turn = "<|assistant|> ⟨what the model says in round 1⟩<|end|>"
    assert turn in chat.partition("round 2")[2]
    assert turn not in chat.partition("round 2")[0]
    assert "⟨what the model says in round 2⟩" in chat.partition("round 3")[2]
    assert "--- chat: ⟨…⟩ stands for an answer" in chat
    assert "a, round 2, request 5 of 5 of the judge, as the model reads it" in judged
    graded = judged.partition("round 2")[2]
    assert graded.count("⟨what the model says in round 1⟩") == 5
    assert "5⟧" in graded


def test_a_first_round_of_another_role_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the row brings the answer, the judge is asked at once."""
    rows = tmp_path / "rows.jsonl"
    rows.write_text(json.dumps({"id": "a", "source": "It rains.", "answer": "Rain."}), "utf-8")
    words = f"--model demo --tasks grounded --judge demo --write-prompts 1 --data grounded={rows}"
    shown = listed(words, capsys)
    assert "--- grounded a, request 1 of 2 of the judge, as the model reads it" in shown
    assert "⟨" not in shown


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (Generate("a"), "a"),
        (Generate((Message("system", "s"), Message("user", "u"))), "[system]\ns\n\n[user]\nu"),
        (Loglikelihood("a", " b"), "a⟦ b⟧"),
        (RollingLoglikelihood("a"), "⟦a⟧"),
        (PseudoLoglikelihood("a", "a"), "⟦a⟧"),
        (ExtractAnswer("q", "c"), "c\n\nq"),
        (Classify("a", ("x",)), "a"),
        (Classify("a", ("x",), "b"), "a\n\nb"),
        (Tag("a"), "a"),
        (Embed("a"), "a"),
    ],
)
def test_every_request_has_a_text(request_: Request, text: str) -> None:
    assert prompt_listing._plain(request_) == text
