"""A real model in float32, bfloat16 and int8: time, and what becomes of its answers.

    python benchmarks/half_and_int8.py FOLDER [--threads N]

FOLDER is a checkpoint; 512 tokens of LAMBADA's passages are scored. ``int8`` are the layers of
``torch.ao.quantization.quantize_dynamic``: int8 weights with a scale per output, activations
rounded anew in each call. All run ``transformers``' own forward. Times are the fastest of five: of
a step of 32 rows that generate, without what they attend to, and of the text.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path
from typing import Any

import torch
from engine import SHARED
from torch import nn
from transformers import AutoModelForCausalLM, AutoTokenizer

TOKENS, ROWS = 512, 32


def main() -> None:
    """Prints a line for each precision."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    tokenizer = AutoTokenizer.from_pretrained(asked.folder)
    lines = (SHARED / "data/lambada/lambada_test_first1500.jsonl").read_text("utf-8").splitlines()
    text = " ".join(json.loads(line)["text"] for line in lines[:20])
    tokens = tokenizer(text, return_tensors="pt").input_ids[:, :TOKENS]
    exact = None
    print("| precision | a step of 32 rows | the text | mean −log p | off by, a token |")
    print("|---|---|---|---|---|")
    for name, model in {
        "float32": loaded(asked.folder, torch.float32),
        "bfloat16": loaded(asked.folder, torch.bfloat16),
        "int8": in_int8(loaded(asked.folder, torch.float32)),
    }.items():
        found = logprobs(model, tokens)
        exact = found if exact is None else exact
        print(
            f"| {name} | {seconds(model, tokens[0, :ROWS, None]) * 1e3:.0f} ms "
            f"| {seconds(model, tokens) * 1e3:.0f} ms | {-found.mean():.3f} "
            f"| {(found - exact).abs().mean():.3f} |",
            flush=True,
        )


def loaded(folder: Path, dtype: torch.dtype) -> Any:
    """The checkpoint."""
    return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval()


def in_int8(model: Any) -> Any:
    """The model with int8 in place of its linear layers."""
    torch.backends.quantized.engine = "onednn"
    scales = torch.ao.quantization.per_channel_dynamic_qconfig
    layers = {n: scales for n, each in model.named_modules() if isinstance(each, nn.Linear)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quantized: Any = torch.ao.quantization
        return quantized.quantize_dynamic(model, layers, dtype=torch.qint8)


@torch.inference_mode()
def logprobs(model: Any, tokens: torch.Tensor) -> torch.Tensor:
    """Of each token but the first, in nats."""
    of_all: torch.Tensor = model(tokens).logits[0, :-1].float().log_softmax(-1)
    return of_all.gather(-1, tokens[0, 1:, None])[:, 0]


@torch.inference_mode()
def seconds(model: Any, tokens: torch.Tensor) -> float:
    """Of one forward pass."""
    found = []
    for _ in range(6):
        start = time.perf_counter()
        model(tokens)
        found.append(time.perf_counter() - start)
    return min(found)


if __name__ == "__main__":
    main()
