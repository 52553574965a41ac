"""Forked caches beside plain batches, on models that a prefix tree cannot serve.

python benchmarks/forking.py [--questions N] [--threads N] [--token-budget N]

Multiple choice with five shared shots (600 tokens), questions of 20 to 60 tokens and four choices
of 1 to 5; and eight tokens of generation after each question. Token ids are random, models are
seeded and tiny. Both sides run in this process, one after the other; processor time is that of
all threads.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from harness.authoring.chat.encoding import Scored
from harness.types import Sampling
from harness_backends.hf.engine.paths import PLAIN_TOKENS, Engine, ForkEngine
from harness_backends.hf.loading import Checkpoint, load
from harness_backends.hf.memory import Budget, default_tokens
from harness_backends.hf.plain import Continue, PlainEngine
from harness_backends.hf.settings import Settings

VOCABULARY = 2048


def configurations() -> Iterator[tuple[str, Any]]:
    """One of each kind: ALiBi, recurrent by single tokens, recurrent by chunks, hybrid, sinks."""
    import transformers as t

    size: dict[str, Any] = {
        "vocab_size": VOCABULARY,
        "hidden_size": 256,
        "num_hidden_layers": 4,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "pad_token_id": 1,
    }
    heads: dict[str, Any] = {"num_attention_heads": 8, "num_key_value_heads": 4}
    mamba2: dict[str, Any] = {"mamba_n_heads": 16, "mamba_d_head": 32, "mamba_n_groups": 1}
    yield "BLOOM", t.BloomConfig(**size, n_head=8)
    yield "Mamba", t.MambaConfig(**size)
    yield (
        "Mamba2",
        t.Mamba2Config(**size, head_dim=32, num_heads=16, n_groups=1, state_size=64),
    )
    yield (
        "Granite hybrid",
        t.GraniteMoeHybridConfig(
            **size,
            **heads,
            **mamba2,
            layer_types=["mamba", "mamba", "mamba", "attention"],
            num_local_experts=0,
            shared_intermediate_size=704,
        ),
    )
    yield (
        "GPT-OSS",
        t.GptOssConfig(
            **size,
            **heads,
            head_dim=32,
            intermediate_size=256,
            sliding_window=128,
            num_local_experts=4,
            num_experts_per_tok=2,
            rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        ),
    )


def make_checkpoint(config: Any, folder: Path) -> Checkpoint:
    """A seeded model and a tokenizer that is only asked which text a token has."""
    from tokenizers import Tokenizer, models
    from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config)
    for weight in model.parameters():
        if weight.dim() > 1:  # large enough that a wrong cache would show
            torch.nn.init.normal_(weight, std=0.08)
    model.save_pretrained(folder)
    words = {f"w{index} ": index for index in range(VOCABULARY)}
    raw = Tokenizer(models.WordLevel(words, unk_token="w0 "))
    PreTrainedTokenizerFast(tokenizer_object=raw).save_pretrained(folder)
    return load(str(folder), "auto", "cpu", Settings())


def questions(count: int) -> tuple[list[Scored], list[Continue]]:
    """Choices to score and prompts to continue."""
    draw = random.Random(0)

    def words(number: int) -> tuple[int, ...]:
        return tuple(draw.randrange(2, VOCABULARY) for _ in range(number))

    shots = words(600)
    contexts = [shots + words(draw.randint(20, 60)) for _ in range(count)]
    endings = [(context, words(draw.randint(1, 5))) for context in contexts for _ in range(4)]
    scored = [Scored(context + ending, len(ending)) for context, ending in endings]
    return scored, [Continue(context, Sampling(8)) for context in contexts]


@dataclass(frozen=True, slots=True)
class Measured:
    """One side's answers, and what they took."""

    answers: dict[int, Any]
    tokens: int
    wall: float
    processor: float


def measure(engine: Engine, kind: str, items: Sequence[Any]) -> Measured:
    """Asks one side; seconds of the wall clock and of all its threads."""
    tokens, wall, processor = engine.computed_tokens, time.perf_counter(), time.process_time()
    answers = dict(engine.score(items) if kind == "choices" else engine.generate(items))
    return Measured(
        answers,
        engine.computed_tokens - tokens,
        time.perf_counter() - wall,
        time.process_time() - processor,
    )


def describe(kind: str, fork: Measured, plain: Measured) -> str:
    """The end of a row of the table."""
    pairs = [(fork.answers[index], plain.answers[index]) for index in fork.answers]
    if kind == "choices":
        apart = f"{max(abs(ours.total - theirs.total) for ours, theirs in pairs):.1e}"
    else:
        apart = f"{sum(ours.tokens != theirs.tokens for ours, theirs in pairs)} texts"
    return (
        f"{fork.tokens} / {plain.tokens} "
        f"| {fork.wall:.1f} / {plain.wall:.1f} s ({plain.wall / fork.wall:.1f} ×) "
        f"| {plain.processor / fork.processor:.1f} × | {apart} |"
    )


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--questions", type=int, default=24)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--token-budget", type=int)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    scored, prompts = questions(options.questions)
    print("| model | parameters | asked | tokens fork / plain | wall | processor | apart |")
    print("|---|---|---|---|---|---|---|")
    for name, config in configurations():
        with tempfile.TemporaryDirectory() as folder:
            checkpoint = make_checkpoint(config, Path(folder))
        size = sum(weight.numel() for weight in checkpoint.model.parameters()) / 1e6
        fork = ForkEngine(
            checkpoint, Budget(options.token_budget or default_tokens(checkpoint.model))
        )
        plain = PlainEngine(checkpoint, Budget(PLAIN_TOKENS))
        for kind, items in (("choices", scored), ("texts", prompts)):
            ours, theirs = measure(fork, kind, items), measure(plain, kind, items)
            print(f"| {name} | {size:.1f} M | {kind} | {describe(kind, ours, theirs)}", flush=True)


if __name__ == "__main__":
    main()
