"""Checkpoints whose files are damaged: refused in words, or asked as they are."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import pytest

from .mutations import checkpoint_files, damaged, json_texts
from .oracle import LONG, SHORT, campaign, run, told

INDEX = {"metadata": {"total_size": 1}, "weight_map": {"lm_head.weight": "model.safetensors"}}
ASKED = ("--tasks", "sst2", "--data", "sample", "--limit", "1", "--no-cache", "--format", "json")


@pytest.fixture
def checkpoint(work: Path, tiny_model: Path) -> Path:
    """A whole checkpoint, and an adapter for it beside."""
    import peft
    from transformers import AutoModelForCausalLM

    copy = work / "whole"
    shutil.copytree(tiny_model, copy)
    with warnings.catch_warnings(action="ignore"):  # of one library about another
        base = AutoModelForCausalLM.from_pretrained(copy)
        settings = peft.LoraConfig(task_type="CAUSAL_LM", r=2, target_modules=["q_proj"])
        peft.get_peft_model(base, settings).save_pretrained(work / "adapter")
    return copy


def _seeds(folder: Path) -> dict[str, Any]:
    names = ("config.json", "tokenizer_config.json", "generation_config.json", "tokenizer.json")
    found = {name: json.loads((folder / name).read_text("utf-8")) for name in names}
    return {**found, "model.safetensors.index.json": INDEX}


@pytest.mark.parametrize("amount", [SHORT, LONG])
def test_checkpoints(amount: int, work: Path, checkpoint: Path) -> None:
    assert run("run", "--model", checkpoint, *ASKED, "--out", "sound").code == 0

    def check(given: tuple[str, bytes]) -> None:
        name, content = given
        copy = work / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(checkpoint, copy)
        (copy / name).write_bytes(content)
        shutil.rmtree(work / "run", ignore_errors=True)
        told("run", "--model", copy, *ASKED, "--out", work / "run", seconds=60)

    weights = (checkpoint / "model.safetensors").read_bytes()
    assert campaign((6, 500)[amount], checkpoint_files(_seeds(checkpoint), weights), check)


@pytest.mark.parametrize("amount", [SHORT, LONG])
def test_adapters(amount: int, work: Path, checkpoint: Path) -> None:
    seed = json.loads((work / "adapter" / "adapter_config.json").read_text("utf-8"))
    seed["base_model_name_or_path"] = str(checkpoint)

    def check(content: bytes) -> None:
        (work / "adapter" / "adapter_config.json").write_bytes(content)
        shutil.rmtree(work / "run", ignore_errors=True)
        told("run", "--model", f"peft:{work / 'adapter'}", *ASKED, "--out", work / "run")

    assert campaign((4, 200)[amount], json_texts(seed) | damaged(json.dumps(seed).encode()), check)
