"""Quantised models come out as single calls of their own forward say."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from harness.authoring.chat.encoding import Scored
from harness.types import Sampling
from harness_backends.hf.engine.checked import CheckedEngine
from harness_backends.hf.loading import Checkpoint, load
from harness_backends.hf.memory import Budget
from harness_backends.hf.plain import Continue, PlainEngine
from harness_backends.hf.settings import Settings

Folders = Callable[[str], Path]


def questions() -> tuple[list[Scored], list[Continue]]:
    """Choices after, and continuations of, contexts that share their first 60 tokens."""
    draw = random.Random(0)
    shots = tuple(draw.randrange(2, 300) for _ in range(60))
    contexts = [shots + tuple(draw.randrange(2, 300) for _ in range(at)) for at in (9, 20, 21)]
    scored = [Scored((*context, *range(9, 9 + n)), n) for context in contexts for n in (1, 2, 3, 4)]
    return scored, [Continue(context, Sampling(8)) for context in contexts]


def check(checkpoint: Checkpoint) -> CheckedEngine:
    """Asks the engine and compares with single calls."""
    scored, prompts = questions()
    engine = CheckedEngine(checkpoint, Settings(), None)
    scores, texts = dict(engine.score(scored)), dict(engine.generate(prompts))
    reference = PlainEngine(checkpoint, Budget(1, 1))
    for index, expected in reference.score(scored):
        assert scores[index].total == pytest.approx(expected.total, abs=1e-4)
    for index, said in reference.generate(prompts):
        assert texts[index].tokens == said.tokens
    return engine


@pytest.mark.filterwarnings("ignore:.*torch.ao.quantization:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*quantize_per_tensor:UserWarning")
@pytest.mark.parametrize("name", ["llama", "bloom-alibi"])
def test_activations_scaled_by_call_go_one_at_a_time(name: str, checkpoint_folder: Folders) -> None:
    """Torch's own 8-bit kernels: a tensor's scale depends on all that is in the call."""
    checkpoint = load(str(checkpoint_folder(name)), "auto", "cpu", Settings())
    torch.ao.quantization.quantize_dynamic(
        checkpoint.model, {torch.nn.Linear}, dtype=torch.qint8, inplace=True
    )
    engine = check(checkpoint)
    assert engine.name == "one at a time"
    assert len(engine.notes) == 3


@pytest.mark.parametrize(("name", "path"), [("llama", "tree"), ("bloom-alibi", "fork")])
def test_a_checkpoint_of_8_bit_weights_keeps_its_path(
    name: str, path: str, checkpoint_folder: Folders, tmp_path: Path
) -> None:
    """Where only weights are rounded, a batch changes nothing."""
    torchao = pytest.importorskip("torchao.quantization")
    from transformers import AutoModelForCausalLM, AutoTokenizer, TorchAoConfig

    source = checkpoint_folder(name)
    rounding = TorchAoConfig(torchao.Int8WeightOnlyConfig())
    model = AutoModelForCausalLM.from_pretrained(source, quantization_config=rounding)
    model.save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(source).save_pretrained(tmp_path)
    checkpoint = load(str(tmp_path), "auto", "cpu", Settings())
    layer = next(m for m in checkpoint.model.modules() if isinstance(m, torch.nn.Linear))
    assert "Int8" in type(layer.weight).__name__
    assert check(checkpoint).name == path
