"""Training data that are damaged, in each form that people have: told before the training.

The training itself is not begun: what ends here has read, checked and split its rows, and opened
the tokenizer.
"""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from harness.errors import RunFailedError

from .mutations import checkpoint_files, damaged, json_lines, json_texts, packed, tabular
from .oracle import LONG, SHORT, campaign, run, told

BEGUN = "the training would begin here"
TURNS = [{"role": "user", "content": "say it"}, {"role": "assistant", "content": "yes"}]
NO = [{"role": "assistant", "content": "no"}]
LOOK = {"id": "1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
FORMS: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    "dpo": (
        {"prompt": "say it", "chosen": " yes", "rejected": " no"},
        {"prompt": TURNS[:1], "chosen": TURNS[1:], "rejected": NO},
        {"chosen": TURNS, "rejected": [TURNS[0], *NO]},
        {"system": "be brief", "question": "say it", "chosen": "yes", "rejected": "no"},
        {
            "chosen": "\n\nHuman: say it\n\nAssistant: yes",
            "rejected": "\n\nHuman: say it\n\nAssistant: no",
        },
        {"prompt": "say it", "chosen": TURNS, "rejected": [TURNS[0], *NO], "score_chosen": 8.5},
        {
            "conversations": [{"from": "human", "value": "say it"}],
            "chosen": {"from": "gpt", "value": "a"},
            "rejected": {"from": "gpt", "value": "b"},
        },
    ),
    "sft": (
        {"messages": TURNS},
        {"conversations": [{"from": "human", "value": "say it"}, {"from": "gpt", "value": "yes"}]},
        {"instruction": "say it", "input": "", "output": "yes"},
        {"prompt": "say it", "completion": " yes"},
        {
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "say it"}]},
                {"role": "assistant", "content": None, "tool_calls": [LOOK]},
                {"role": "tool", "content": "yes", "tool_call_id": "1"},
                {"role": "assistant", "content": "yes"},
            ],
            "tools": [{"type": "function", "function": {"name": "look"}}],
        },
    ),
    "kto": (
        {"prompt": "say it", "completion": " yes", "label": True},
        {"prompt": "say it", "completion": " no", "label": 0},
    ),
}


@st.composite
def training_files(draw: st.DrawFn) -> tuple[str, str, bytes]:
    """(method, a file's name, its damaged content)."""
    method = draw(st.sampled_from(sorted(FORMS)))
    form = draw(st.sampled_from(FORMS[method]))
    found = [_numbered(form, number) for number in range(8)]
    suffix = draw(st.sampled_from([".json", ".jsonl", ".json", ".jsonl", ".csv", ".parquet"]))
    if suffix in (".csv", ".parquet"):
        return method, f"rows{suffix}", draw(tabular(found, suffix))
    if suffix == ".json":
        name, whole = "rows.json", json.dumps(found).encode()
        content = draw(json_texts(found) | damaged(whole))
    else:
        name, whole = "rows.jsonl", "".join(json.dumps(row) + "\n" for row in found).encode()
        content = draw(json_lines(found) | damaged(whole))
    if draw(st.integers(0, 4)) == 0:
        return method, f"{name}.gz", draw(packed(st.just(content)))
    return method, name, content


def _numbered(row: Mapping[str, Any], number: int) -> dict[str, Any]:
    """The row with a prompt of its own."""
    found: dict[str, Any] = json.loads(json.dumps(row).replace("say it", f"say it {number}"))
    if "label" in found:
        found["label"] = number % 2
    return found


@pytest.fixture
def _not_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    from harness_align.training import launcher

    def begin(*arguments: object, **named: object) -> Sequence[object]:
        raise RunFailedError(BEGUN)

    monkeypatch.setattr(launcher, "train", begin)


@pytest.mark.parametrize("amount", [SHORT, LONG])
@pytest.mark.usefixtures("_not_trained")
def test_training_data(amount: int, work: Path, tiny_model: Path) -> None:
    numbers = itertools.count()

    def align(method: str, path: Path) -> tuple[object, ...]:
        out = work / f"out{next(numbers)}"
        return (
            *("align", "--method", method, "--model", tiny_model, "--data", path, "--out", out),
            *("--set", "steps=1"),
        )

    for method, forms in FORMS.items():
        for form in forms:
            rows = [json.dumps(_numbered(form, number)) + "\n" for number in range(40)]
            (work / "sound.jsonl").write_text("".join(rows), "utf-8")
            ended = run(*align(method, work / "sound.jsonl"))
            assert BEGUN in ended.errors, str(ended)

    def check(given: tuple[str, str, bytes]) -> None:
        method, name, content = given
        (work / name).write_bytes(content)
        told(*align(method, work / name))
        shutil.rmtree(work / f"out{next(numbers) - 1}", ignore_errors=True)

    assert campaign((6, 700)[amount], training_files(), check)


@pytest.mark.parametrize("amount", [SHORT, LONG])
def test_prompts_of_pairs(amount: int, work: Path, plugin: Path) -> None:
    found = [{"prompt": f"say it {number}"} for number in range(4)]
    chats = [{"prompt": [{"role": "user", "content": each["prompt"]}]} for each in found]
    lines = "".join(json.dumps(row) + "\n" for row in found).encode()

    def check(given: tuple[str, bytes]) -> None:
        suffix, content = given
        path = work / f"prompts{suffix}"
        path.write_bytes(content)
        told(
            *("--plugin", plugin, "pairs", "--strong", "anything:1", "--weak", "anything:2"),
            *("--prompts", path, "--out", work / "pairs.jsonl"),
        )

    inputs = (
        st.tuples(st.just(".jsonl"), json_lines(found) | json_lines(chats) | damaged(lines))
        | st.tuples(st.just(".json"), json_texts(found) | json_texts(chats))
        | st.tuples(st.just(".csv"), tabular(found, ".csv"))
        | st.tuples(st.just(".parquet"), tabular(found, ".parquet"))
    )
    assert campaign((6, 300)[amount], inputs, check)


@pytest.mark.parametrize("amount", [SHORT, LONG])
@pytest.mark.usefixtures("_not_trained")
def test_reward_models(amount: int, work: Path, tiny_model: Path) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification

    torch.manual_seed(0)
    whole, copy = work / "whole", work / "reward"
    shutil.copytree(tiny_model, whole)
    scorer = AutoModelForSequenceClassification.from_pretrained(whole, num_labels=1)
    scorer.save_pretrained(whole)
    rows = [json.dumps({"prompt": f"say it {number}"}) + "\n" for number in range(40)]
    (work / "prompts.jsonl").write_text("".join(rows), "utf-8")
    align = (
        *("align", "--method", "rlhf", "--model", tiny_model, "--data", work / "prompts.jsonl"),
        *("--set", "steps=1", "--reward", copy, "--out", work / "out"),
    )
    shutil.copytree(whole, copy)
    ended = run(*align)
    assert BEGUN in ended.errors, str(ended)

    def check(given: tuple[str, bytes]) -> None:
        name, content = given
        for folder in (copy, work / "out"):
            shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(whole, copy)
        (copy / name).write_bytes(content)
        told(*align)

    weights = (whole / "model.safetensors").read_bytes()
    seeds = {
        name: json.loads((whole / name).read_text("utf-8"))
        for name in ("config.json", "tokenizer_config.json", "tokenizer.json")
    }
    assert campaign((4, 200)[amount], checkpoint_files(seeds, weights), check)
