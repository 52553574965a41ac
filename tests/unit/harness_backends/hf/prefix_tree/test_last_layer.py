"""Narrowing: the last layer's end only where it is read, and only where that changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.authoring.chat.encoding import Scored
from harness_backends.hf.loading import Checkpoint, load
from harness_backends.hf.memory import Budget
from harness_backends.hf.plain import PlainEngine
from harness_backends.hf.prefix_tree.forward import Forward
from harness_backends.hf.prefix_tree.last_layer import LastLayer
from harness_backends.hf.prefix_tree.scoring import TreeScorer
from harness_backends.hf.settings import Settings

TREE = ("llama", "mistral-sliding", "qwen2", "qwen3", "gemma2-softcap", "gpt2", "gpt-neox")
Folders = Callable[[str], Path]


def open_checkpoint(folder: Path) -> Checkpoint:
    return load(str(folder), "auto", "cpu", Settings.read({}))


def tokens_through(model: Any, checkpoint: Checkpoint) -> dict[str, int]:
    """How many tokens each module with a matrix in the last layer was fed while scoring."""
    items = [Scored((*range(2, 40), answer, answer + 1), 2) for answer in (3, 7, 11)]
    expected = dict(PlainEngine(checkpoint, Budget(1, 1)).score(items))
    layers = next(
        part for part in model.base_model.modules() if isinstance(part, torch.nn.ModuleList)
    )
    fed: dict[str, int] = {}
    hooks = [
        module.register_forward_hook(
            lambda _, args, out, name=name: fed.update(
                {name: fed.get(name, 0) + args[0].reshape(-1, args[0].shape[-1]).shape[0]}
            )
        )
        for name, module in layers[-1].named_modules()
        if hasattr(module, "weight") and module.weight.dim() > 1
    ]
    scorer = TreeScorer(Forward(checkpoint), Budget(64))
    fed.clear()  # of the head's own trial
    found = dict(scorer.score(items))
    for hook in hooks:
        hook.remove()
    for index, score in found.items():
        assert score.total == pytest.approx(expected[index].total, abs=1e-4)
    return fed


@pytest.mark.parametrize("name", TREE)
def test_only_what_is_read_goes_through_the_last_feed_forward(
    name: str, checkpoint_folder: Folders
) -> None:
    checkpoint = open_checkpoint(checkpoint_folder(name))
    model = checkpoint.model
    fed = tokens_through(model, checkpoint)
    # 38 shared tokens, of which the last is read; then one token of each answer.
    assert set(fed.values()) == {4, 38 + 3}
    after = {name for name, tokens in fed.items() if tokens == 4}
    before = set(fed) - after
    assert any("mlp" in name for name in after)
    assert not any("mlp" in name for name in before), "keys and values alone need every token"


def test_a_layer_that_mixes_tokens_after_its_attention_is_left_alone(
    checkpoint_folder: Folders,
) -> None:
    class Mixing(torch.nn.Module):
        """Each token gets the sum of those before it: a feed-forward network does not."""

        def __init__(self, inner: torch.nn.Module) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, hidden: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = self.inner(hidden).cumsum(1)
            return out

    checkpoint = open_checkpoint(checkpoint_folder("llama"))
    layer = checkpoint.model.model.layers[-1]
    layer.mlp = Mixing(layer.mlp)
    narrowing = LastLayer(checkpoint.model)
    seen: list[int] = []
    # Within the module: a hook on itself may come before the one that narrows it.
    layer.mlp.inner.register_forward_pre_hook(lambda _, args: seen.append(args[0].shape[1]))
    with narrowing.to(torch.tensor([1]), 5):
        layer.mlp(torch.zeros(1, 5, 32))
    assert seen == [5]


def test_a_pass_of_which_nothing_is_read_still_gives_its_keys(checkpoint_folder: Folders) -> None:
    checkpoint = open_checkpoint(checkpoint_folder("llama"))
    items = [Scored((*range(2, 60), 9), 1)]
    (_, expected), *_ = PlainEngine(checkpoint, Budget(1, 1)).score(items)
    scorer = TreeScorer(Forward(checkpoint), Budget(16))
    (_, found), *_ = scorer.score(items)
    assert found.total == pytest.approx(expected.total, abs=1e-4)
