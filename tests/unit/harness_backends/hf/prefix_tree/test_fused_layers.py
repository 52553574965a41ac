"""Llama-shaped layers in fewer calls: the same numbers, and only where the model has that shape."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from harness.authoring.chat.encoding import Scored
from harness.types import Sampling
from harness_backends.hf.engine.reference import Reference
from harness_backends.hf.loading import Checkpoint, load
from harness_backends.hf.memory import Budget
from harness_backends.hf.plain import Continue, PlainEngine
from harness_backends.hf.prefix_tree import fused_layers, packed_linear
from harness_backends.hf.prefix_tree.decoding import TreeDecoder
from harness_backends.hf.prefix_tree.forward import Forward
from harness_backends.hf.prefix_tree.fused_layers import FusedLayers, fused
from harness_backends.hf.prefix_tree.scoring import TreeScorer
from harness_backends.hf.prefix_tree.trial import Causal
from harness_backends.hf.settings import Settings
from support.engine_requests import questions

pytestmark = pytest.mark.skipif(
    not torch.backends.mkldnn.is_available(), reason="this build of torch has no oneDNN"
)
SHAPED = ("llama", "mistral-sliding", "qwen2", "qwen3")
Folders = Callable[[str], Path]


@pytest.fixture(autouse=True)
def _however_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fused_layers, "LEAST", 1)


TYPES = (
    "float32",
    pytest.param(
        "bfloat16",
        marks=pytest.mark.skipif(
            not torch.cpu._is_avx512_bf16_supported(), reason="no products in bfloat16"
        ),
    ),
)


def open_checkpoint(folder: Path, dtype: str = "float32") -> Checkpoint:
    return load(str(folder), dtype, "cpu", Settings.read({}))


@pytest.mark.parametrize("name", SHAPED)
def test_a_model_scores_and_writes_the_same(name: str, checkpoint_folder: Folders) -> None:
    checkpoint = open_checkpoint(checkpoint_folder(name))
    for number, (_, weight) in enumerate(checkpoint.model.named_parameters()):
        if weight.dim() == 1:  # norms and biases, which are 1 and 0 at first
            generator = torch.Generator().manual_seed(number)
            weight.data += 0.3 * torch.randn(weight.shape, generator=generator)
    forward = Forward(checkpoint)
    assert isinstance(forward._fused, FusedLayers)
    checkpoint.model.base_model.layers[0].forward = None  # is not called by it any more
    texts = Scored((*range(2, 60), 7, 8), 2), Scored((*range(2, 40), 11, 12), 2)
    found = dict(TreeScorer(forward, Budget(16)).score(texts))
    prompts = [Continue((0, 5, place), Sampling(max_tokens=30)) for place in range(2, 8)]
    written = dict(TreeDecoder(forward, Budget(512), rows=4).generate(prompts))
    del checkpoint.model.base_model.layers[0].forward
    reference = PlainEngine(checkpoint, Budget(1, 1))
    for index, score in reference.score(texts):
        assert found[index].total == pytest.approx(score.total, abs=1e-4)
    for index, text in reference.generate(prompts):
        assert written[index].tokens == text.tokens


@pytest.mark.skipif(
    not torch.cpu._is_avx512_bf16_supported(), reason="the processor has no products in bfloat16"
)
@pytest.mark.parametrize("name", SHAPED)
def test_in_bfloat16_it_is_about_as_exact_as_the_model(
    name: str, checkpoint_folder: Folders
) -> None:
    checkpoint = open_checkpoint(checkpoint_folder(name), "bfloat16")
    weights = list(checkpoint.model.parameters())
    forward, reference = Forward(checkpoint), Reference(checkpoint)
    assert isinstance(forward._fused, FusedLayers)
    items = questions(3)
    for index, score in TreeScorer(forward, Budget(16)).score(items):
        assert reference.difference(items[index], score.total) is None
    prompts = [Continue((0, 5, place), Sampling(max_tokens=30)) for place in range(2, 8)]
    for index, text in TreeDecoder(forward, Budget(512), rows=4).generate(prompts):
        said = Scored((*prompts[index].tokens, *text.tokens), len(text.tokens))
        assert reference.difference(said, text.logprob) is None
    assert all(
        one is other for one, other in zip(weights, checkpoint.model.parameters(), strict=True)
    )
    assert {weight.dtype for weight in weights} == {torch.bfloat16}


@pytest.mark.parametrize("name", ["gemma2-softcap", "gpt2", "gpt-neox"])
def test_a_model_of_another_shape_keeps_its_own_layers(
    name: str, checkpoint_folder: Folders
) -> None:
    assert fused(open_checkpoint(checkpoint_folder(name)).model) is None


def gelu(model: Any) -> None:
    model.model.layers[-1].mlp.act_fn = nn.GELU()


def scaled_residual(model: Any) -> None:
    layer = model.model.layers[0]
    own = layer.mlp.forward
    layer.mlp.forward = lambda rows: 0.9 * own(rows)


def gemma_norm(model: Any) -> None:
    norm = model.model.layers[1].input_layernorm
    own = norm.forward
    norm.forward = lambda rows: own(rows) + rows


def no_rotation(model: Any) -> None:
    own = model.model.rotary_emb.forward

    def forward(rows: torch.Tensor, position_ids: torch.Tensor) -> Any:
        cosine, sine = own(rows, position_ids)
        half = cosine.shape[-1] // 2  # another second half, which a rotation has not
        return cosine, torch.cat((sine[..., :half], 0 * sine[..., half:]), -1)

    model.model.rotary_emb.forward = forward


def scaled_far_away(model: Any) -> None:
    own = model.model.rotary_emb.forward

    def forward(rows: torch.Tensor, position_ids: torch.Tensor) -> Any:
        far.append(bool(position_ids.max() > 100))
        return own(rows, position_ids)

    far: list[bool] = []
    attention = model.model.layers[0].self_attn
    project = attention.q_proj.forward
    attention.q_proj.forward = lambda rows: (1.5 if far[-1] else 1.0) * project(rows)
    model.model.rotary_emb.forward = forward


def scaled_embeddings(model: Any) -> None:
    model.model.embed_tokens.register_forward_hook(lambda _, __, out: 3 * out)
    model.model.norm = nn.Sequential(model.model.norm, nn.Tanh())


def rotary_by_layer(model: Any) -> None:
    rotary = model.model.rotary_emb
    own = rotary.forward
    asked: list[int] = []

    def forward(rows: torch.Tensor, position_ids: torch.Tensor) -> Any:
        asked.append(1)
        if len(asked) > 1:
            raise TypeError("forward() misses the layer's kind")
        return own(rows, position_ids)

    rotary.forward = forward


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(
    "change", [gelu, scaled_residual, gemma_norm, no_rotation, rotary_by_layer, scaled_far_away]
)
def test_a_model_of_other_numbers_keeps_its_own_layers(
    change: Callable[[Any], None], dtype: str, checkpoint_folder: Folders
) -> None:
    """The names are Llama's, and what the layers compute is not."""
    checkpoint = open_checkpoint(checkpoint_folder("llama"), dtype)
    assert fused(checkpoint.model) is not None
    change(checkpoint.model)
    assert fused(checkpoint.model) is None


def test_what_lies_outside_of_the_layers_is_the_models_own(checkpoint_folder: Folders) -> None:
    checkpoint = open_checkpoint(checkpoint_folder("llama"))
    scaled_embeddings(checkpoint.model)
    assert fused(checkpoint.model) is not None


def test_layers_that_somebody_watches_are_called(checkpoint_folder: Folders) -> None:
    checkpoint = open_checkpoint(checkpoint_folder("llama"))
    hook = checkpoint.model.model.layers[1].mlp.up_proj.register_forward_hook(lambda *_: None)
    assert fused(checkpoint.model) is None
    hook.remove()
    assert fused(checkpoint.model) is not None


def test_weights_that_take_too_much_are_not_copied(
    checkpoint_folder: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = open_checkpoint(checkpoint_folder("llama"))
    monkeypatch.setattr(packed_linear, "free_bytes", lambda device: 1)
    assert fused(checkpoint.model) is None


def test_only_what_is_read_comes_out_and_is_the_same(checkpoint_folder: Folders) -> None:
    layers = fused(open_checkpoint(checkpoint_folder("llama")).model)
    assert layers is not None
    ids, positions, read = torch.arange(2, 22), torch.arange(20), torch.tensor([3, 19])
    whole = layers.hidden(ids, positions, Causal())
    part = layers.hidden(ids, positions, Causal(), read)
    assert part.shape == whole.shape
    assert torch.allclose(part[read], whole[read], atol=1e-5)


def test_a_pass_of_which_nothing_is_read_ends_at_its_last_keys(checkpoint_folder: Folders) -> None:
    layers = fused(open_checkpoint(checkpoint_folder("llama")).model)
    assert layers is not None
    nothing = torch.tensor([], dtype=torch.long)
    hidden = layers.hidden(torch.arange(2, 22), torch.arange(20), Causal(), nothing)
    assert hidden.shape == (20, 32)
