"""Blocks of attention, joined, against one softmax over all keys."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from harness_backends.hf.prefix_tree.attention import (
    STRIP,
    Rules,
    UnsupportedAttentionError,
    attend,
    attend_block,
    join,
)
from harness_backends.hf.prefix_tree.head import Head, UnknownHeadError
from harness_backends.hf.prefix_tree.packed_linear import PackedLinears


def straight(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    rules: Rules,
    mask: torch.Tensor | None = None,
) -> torch.Tensor:
    """The textbook formula in double precision."""
    groups = query.shape[1] // key.shape[1]
    key, value = (part.double().repeat_interleave(groups, 1) for part in (key, value))
    products = query.double() @ key.transpose(-1, -2) * rules.scale
    if rules.softcap is not None:
        products = rules.softcap * torch.tanh(products / rules.softcap)
    if mask is not None:
        products = products + mask
    return (products.softmax(-1) @ value).float()


def tensors(heads: int, key_heads: int, queries: int, keys: int) -> list[torch.Tensor]:
    torch.manual_seed(queries * 31 + keys)
    return [
        torch.randn(2, heads, queries, 8),
        torch.randn(2, key_heads, keys, 8),
        torch.randn(2, key_heads, keys, 8),
    ]


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from([(4, 4), (4, 2), (6, 1)]),
    st.integers(1, 9),
    st.lists(st.integers(1, 7), min_size=1, max_size=4),
    st.sampled_from([None, 0.8]),
    st.booleans(),
)
def test_joined_blocks_are_one_softmax(
    heads: tuple[int, int], queries: int, sizes: list[int], softcap: float | None, masked: bool
) -> None:
    query, key, value = tensors(*heads, queries, sum(sizes))
    rules = Rules(0.3, softcap)
    mask = torch.zeros(queries, sum(sizes))
    if masked:
        mask[torch.rand_like(mask) < 0.5] = -math.inf
        mask[:, 0] = 0.0  # something stays visible, in the first block
    out = total = None
    start = 0
    for size in sizes:
        part = slice(start, start + size)
        start += size
        more, more_total = attend_block(
            query, key[:, :, part], value[:, :, part], rules, mask[:, part] if masked else None
        )
        if masked:
            more_total = more_total.masked_fill(torch.isinf(mask[:, part]).all(-1), -math.inf)
        if out is None or total is None:
            out, total = more.clone(), more_total.clone()
        else:
            join(out, total, more, more_total)
    assert out is not None
    expected = straight(query, key, value, rules, mask)
    assert torch.allclose(out, expected, atol=1e-5)


@pytest.mark.parametrize("size", [1, 5, STRIP, STRIP + 1, 2 * STRIP + 37])
@pytest.mark.parametrize("heads", [(4, 4), (4, 2)])
@pytest.mark.parametrize("softcap", [None, 0.8])
def test_causal_blocks(size: int, heads: tuple[int, int], softcap: float | None) -> None:
    query, key, value = tensors(*heads, size, size)
    rules = Rules(0.3, softcap)
    mask = torch.full((size, size), -math.inf).triu(1)
    out, total = attend_block(query, key, value, rules, causal=True)
    assert torch.allclose(out, straight(query, key, value, rules, mask), atol=1e-5)
    assert total.shape == query.shape[:3]


def test_what_is_not_known_is_refused() -> None:
    query, key, value = tensors(2, 2, 3, 3)
    module = torch.nn.Linear(1, 1)
    with pytest.raises(UnsupportedAttentionError):
        attend(module, query, key, value, None)  # outside attention_by


@pytest.mark.parametrize("tied", [True, False])
def test_head_scores_pairs_in_slices(tied: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    from harness_backends.hf.prefix_tree import head as module

    monkeypatch.setattr(module, "SLICE", 50 * 8)
    monkeypatch.setattr(module, "LEAST", 1)
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=50, n_embd=16, n_layer=1, n_head=2, n_positions=32, tie_word_embeddings=tied,
        bos_token_id=0, eos_token_id=1,
    )  # fmt: skip
    model = GPT2LMHeadModel(config).eval()
    head = Head(model, PackedLinears(model))
    hidden = torch.randn(21, 16)
    rows = torch.tensor([0, 0, 3, 7, 8, 8, 15, 16, 20])
    targets = torch.randint(0, 50, (len(rows),))
    with torch.inference_mode():
        found = head.score(hidden, rows, targets)
        logprobs = model.lm_head(hidden).log_softmax(-1)
    assert torch.allclose(found.logprobs, logprobs[rows, targets], atol=1e-5)
    assert (found.greedy == (logprobs[rows].argmax(-1) == targets)).all()


def test_head_that_does_more_is_refused() -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    class Shifted(GPT2LMHeadModel):
        def forward(self, *args: object, **kwargs: object) -> object:
            out = super().forward(*args, **kwargs)
            out.logits = out.logits + torch.arange(50.0)
            return out

    config = GPT2Config(
        vocab_size=50, n_embd=16, n_layer=1, n_head=2, n_positions=32, bos_token_id=0,
        eos_token_id=1,
    )  # fmt: skip
    model = Shifted(config).eval()
    with pytest.raises(UnknownHeadError):
        Head(model, PackedLinears(model))
