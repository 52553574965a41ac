"""Linear layers with weights laid out for oneDNN: the same numbers, and only within ``used``."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from harness.authoring.chat.encoding import Scored
from harness.types import Sampling
from harness_backends.hf.checkpoint.half_precision import in_float32
from harness_backends.hf.loading import load
from harness_backends.hf.memory import Budget
from harness_backends.hf.plain import Continue, PlainEngine
from harness_backends.hf.prefix_tree import packed_linear
from harness_backends.hf.prefix_tree.decoding import TreeDecoder
from harness_backends.hf.prefix_tree.forward import Forward
from harness_backends.hf.prefix_tree.head import UnknownHeadError
from harness_backends.hf.prefix_tree.packed_linear import PackedLinears
from harness_backends.hf.prefix_tree.scoring import TreeScorer
from harness_backends.hf.settings import Settings

pytestmark = pytest.mark.skipif(
    not torch.backends.mkldnn.is_available(), reason="this build of torch has no oneDNN"
)


@pytest.mark.parametrize("bias", [True, False])
def test_products_are_the_layers_own_to_rounding(bias: bool) -> None:
    torch.manual_seed(0)
    layer = nn.Linear(512, 384, bias=bias)
    packed = PackedLinears(layer)
    assert packed.bytes == layer.weight.nbytes
    for shape in ((1, 512), (17, 512), (1, 300, 512)):
        rows = torch.randn(shape)
        with torch.inference_mode(), packed.used():
            found = layer(rows)
            assert torch.equal(found[..., :1, :], layer(rows[..., :1, :])), "a row by itself"
        assert found.shape == (*shape[:-1], 384)
        assert torch.allclose(found, layer(rows), atol=1e-5)


class Neighbours(nn.Module):
    """Layers of the same rows, with two more that are not."""

    def __init__(self, bias: bool) -> None:
        super().__init__()
        self.q_proj = nn.Linear(512, 384, bias=bias)
        self.k_proj, self.v_proj = (nn.Linear(512, 128, bias=bias) for _ in "kv")
        self.gate_proj = nn.Linear(512, 384, bias=True)
        self.up_proj = nn.Linear(512, 384, bias=False)


@pytest.mark.parametrize("bias", [True, False])
def test_neighbours_are_one_product_whoever_asks(bias: bool) -> None:
    torch.manual_seed(0)
    model = Neighbours(bias)
    with torch.inference_mode():
        first, second = torch.randn(5, 512), torch.randn(1, 7, 512)
        calls = [(name, rows) for rows in (first, second) for name, _ in model.named_children()]
        calls += [("v_proj", first), ("v_proj", first), ("q_proj", second), ("k_proj", first)]
        expected = [getattr(model, name)(rows) for name, rows in calls]
        packed = PackedLinears(model)
        assert packed.bytes == sum(each.weight.nbytes for each in model.children())
        with packed.used():
            found = [getattr(model, name)(rows) for name, rows in calls]
    for one, other in zip(found, expected, strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_neighbours_are_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Neighbours(bias=False)
    computed: list[int] = []
    split = torch.Tensor.split

    def counted(out: torch.Tensor, sizes: list[int], dim: int) -> Any:
        computed.append(len(sizes))
        return split(out, sizes, dim)

    monkeypatch.setattr(torch.Tensor, "split", counted)
    packed, rows = PackedLinears(model), torch.randn(5, 512)
    with torch.inference_mode(), packed.used():
        for _ in range(2):
            for layer in model.children():
                layer(rows)
    assert computed == [3, 1, 1] * 2, "gate has a bias and up none, so they stay apart"


def test_outside_of_used_a_layer_computes_from_its_own_weight() -> None:
    layer = nn.Linear(512, 384)
    packed = PackedLinears(layer)
    rows = torch.randn(3, 512)
    with torch.no_grad():
        before = layer(rows)
        layer.weight.zero_()
        with packed.used():
            assert torch.allclose(layer(rows), before, atol=1e-5)
        assert torch.equal(layer(rows), layer.bias.expand(3, -1))


def test_released_copies_are_freed() -> None:
    layer = nn.Linear(512, 384)
    packed = PackedLinears(layer)
    rows = torch.randn(3, 512)
    copy = weakref.ref(layer.forward)  # the function that holds it
    packed.release()
    assert copy() is None
    assert packed.bytes == 0
    with torch.no_grad(), packed.used():
        layer.weight.zero_()
        assert torch.equal(layer(rows), layer.bias.expand(3, -1))
    packed.release()  # a second time is nothing


def test_a_head_that_is_not_understood_leaves_no_copy(
    checkpoint_folder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed_linear, "LEAST", 1)
    checkpoint = load(str(checkpoint_folder("llama")), "auto", "cpu", Settings.read({}))
    scaled = checkpoint.model.forward

    def forward(*given: Any, **named: Any) -> Any:
        found = scaled(*given, **named)
        found.logits = 3 * found.logits
        return found

    monkeypatch.setattr(checkpoint.model, "forward", forward)
    with pytest.raises(UnknownHeadError):
        Forward(checkpoint)
    assert "forward" not in vars(checkpoint.model.lm_head)


@pytest.mark.skipif(
    not torch.cpu._is_avx512_bf16_supported(), reason="the processor has no products in bfloat16"
)
def test_products_in_bfloat16_are_the_layers_own_to_rounding() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(512, 384).bfloat16()
    packed = PackedLinears(layer)
    assert packed.bytes == layer.weight.nbytes
    rows = torch.randn(17, 512, dtype=torch.bfloat16)
    with torch.inference_mode(), packed.used():
        found = layer(rows)
        assert found.dtype == torch.bfloat16
        assert torch.allclose(found, layer(rows), rtol=0.02, atol=0.02)
        layer.float()
        assert layer(rows.float()).dtype == torch.float32, "rows of another type go the usual way"


@pytest.mark.parametrize(
    "layer", [nn.Linear(64, 64), nn.Linear(512, 384).half(), nn.Bilinear(64, 64, 64)]
)
def test_others_are_left_as_they_are(layer: nn.Module) -> None:
    assert PackedLinears(layer).bytes == 0
    assert "forward" not in vars(layer)


def test_a_layer_that_computes_in_float32_for_now_is_not_copied() -> None:
    """Its copy in bfloat16 would take memory and never be used."""
    layer = nn.Linear(512, 384).bfloat16()
    with in_float32(layer):
        assert PackedLinears(layer).bytes == 0


def test_weights_that_take_too_much_are_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = nn.Linear(512, 384)
    monkeypatch.setattr(packed_linear, "free_bytes", lambda device: 3 * layer.weight.nbytes - 1)
    assert PackedLinears(layer).bytes == 0
    assert "forward" not in vars(layer)


def test_a_model_scores_and_writes_the_same(
    checkpoint_folder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed_linear, "LEAST", 1)
    checkpoint = load(str(checkpoint_folder("llama")), "auto", "cpu", Settings.read({}))
    forward = Forward(checkpoint)
    assert "forward" in vars(checkpoint.model.lm_head)
    reference = PlainEngine(checkpoint, Budget(1, 1))
    scored = [Scored((*range(2, 40), answer, answer + 1), 2) for answer in (3, 7, 11)]
    expected = dict(reference.score(scored))
    for index, score in TreeScorer(forward, Budget(64)).score(scored):
        assert score.total == pytest.approx(expected[index].total, abs=1e-4)
    prompts = [Continue((0, 5, place), Sampling(max_tokens=9)) for place in range(2, 8)]
    texts = {index: text.tokens for index, text in reference.generate(prompts)}
    written = TreeDecoder(forward, Budget(512), rows=4).generate(prompts)
    assert {index: text.tokens for index, text in written} == texts
