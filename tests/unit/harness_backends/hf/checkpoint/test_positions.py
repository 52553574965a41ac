"""Models whose rotary embedding depends on the length of a pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.protocols import BackendOptions
from harness.types import Generate, Loglikelihood, Sampling
from harness_backends.hf import open_hf
from harness_backends.hf.checkpoint.positions import plain_length

ROPES = {
    "longrope": {
        "rope_type": "longrope",
        "rope_theta": 10000.0,
        "short_factor": [1.0] * 4,
        "long_factor": [1.5, 3.0, 6.0, 8.0],
        "original_max_position_embeddings": 32,
        "factor": 8.0,
    },
    "dynamic": {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 4.0},
}


def make(rope: str, tokenizer: Any, folder: Path) -> Path:
    import transformers

    positions = 32 if rope == "dynamic" else 128
    config = transformers.LlamaConfig(
        vocab_size=320,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=48,
        max_position_embeddings=positions,
        rope_parameters=ROPES[rope],
        bos_token_id=0,
        eos_token_id=1,
    )
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(config)
    for weight in model.parameters():
        if weight.dim() > 1:
            torch.nn.init.normal_(weight, std=0.15)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("rope", ROPES)
def test_answers_do_not_depend_on_what_shares_the_pass(
    rope: str, tokenizer: Any, tmp_path: Path, answers: Callable[..., list[Any]]
) -> None:
    folder = make(rope, tokenizer, tmp_path)
    long = "one two three four five six seven eight nine ten, and then it begins again. " * 2
    requests = [Loglikelihood(long[:size], " and then") for size in (8, 100, 12, 140, 60, 30)]
    requests.append(Loglikelihood("", long))

    def ask(some: list[Any]) -> list[Any]:
        return answers(open_hf(BackendOptions(str(folder), values={"max_length": "128"})), some)

    together = ask(requests)
    alone = [ask([request])[0].total for request in requests]
    assert [each.total for each in together] == pytest.approx(alone, abs=1e-4)
    said = [Generate(long[:size], Sampling(max_tokens=6)) for size in (20, 100, 40)]
    assert [each.text for each in ask(said)] == [ask([one])[0].text for one in said]


def test_other_models_have_no_such_length(checkpoint_folder: Callable[[str], Path]) -> None:
    backend = open_hf(BackendOptions(str(checkpoint_folder("llama"))))
    assert plain_length(backend.checkpoint.model) is None  # type: ignore[attr-defined]
