"""Attention by blocks: each is computed by itself, and the parts are joined by their log-sum-exp.

softmax over the keys A ∪ B is the mean of the softmaxes over A and over B, weighted by
exp(logsumexp A) and exp(logsumexp B). So the keys of a shared beginning are read once for all
that descends from it, and no matrix holds what a mask would throw away. (The same identity is
behind FlashAttention, Dao et al. 2022, and shared-prefix decoding, Juravsky et al. 2024.)

A model calls ``attend`` in place of its own attention while ``attention_by`` is in force; what
it does there is up to the ``Attention`` object: ``TreePass`` here, ``decoding`` has another.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch

from harness_backends.hf.prefix_tree.packing import Block, Pass, Piece, sees
from harness_backends.hf.prefix_tree.tree import PrefixTree

IMPLEMENTATION = "harness_blocks"
STRIP = 128
"""Causal blocks are computed so many queries at a time."""


class UnsupportedAttentionError(RuntimeError):
    """The model asks of its attention what this one does not know."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the layer asks for.

    Attributes:
        scale: Factor of the dot products.
        softcap: Bound of the scaled products, through tanh; None for none.
        window: A query at position p sees keys at positions > p − window; None for all.
    """

    scale: float
    softcap: float | None = None
    window: int | None = None


class Attention(Protocol):
    """Computes one layer's attention in the current forward pass."""

    def layer(
        self, index: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, rules: Rules
    ) -> torch.Tensor:
        """Takes [1, heads, tokens, width] each; returns the same shape as ``query``."""
        ...


# --------------------------------------------------------------------------- the hook

_current: Attention | None = None
_called: set[int] = set()


def attend(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    softcap: float | None = None,
    **other: Any,
) -> tuple[torch.Tensor, None]:
    """What ``transformers`` calls; its signature is that of an attention function there."""
    sinks = other.get("s_aux")
    if _current is None or dropout or attention_mask is not None or sinks is not None:
        raise UnsupportedAttentionError(type(module).__name__)
    _called.add(module.layer_idx)
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    rules = Rules(scale, softcap, sliding_window)
    out = _current.layer(module.layer_idx, query, key, value, rules)
    return out.transpose(1, 2), None


@contextmanager
def attention_by(model: Any, attention: Attention) -> Iterator[None]:
    """The model's layers call ``attention`` within this context.

    Raises:
        UnsupportedAttentionError: Some did not: what they do instead (a recurrence, a
            convolution) would carry over from one branch of the row to the next.
    """
    global _current
    from transformers import AttentionInterface

    AttentionInterface.register(IMPLEMENTATION, attend)
    config = model.config
    before = config._attn_implementation
    config._attn_implementation = IMPLEMENTATION
    _current = attention
    _called.clear()
    try:
        yield
        layers = getattr(config.get_text_config(), "num_hidden_layers", 0)
        if len(_called) < layers:
            raise UnsupportedAttentionError(f"{len(_called)} of {layers} layers are attention")
    finally:
        _current = None
        config._attn_implementation = before


# --------------------------------------------------------------------------- one block


def attend_block(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    rules: Rules,
    mask: torch.Tensor | None = None,
    causal: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Attention over only these keys.

    Args:
        query: Shape [batch, heads, queries, width].
        key: Shape [batch, key heads, keys, width]; heads are a multiple of key heads.
        value: Shape [batch, key heads, keys, value width].
        rules: Scale and soft cap; the window is the caller's part of ``mask``.
        mask: Added to the products, 0 or −∞; shape [queries, keys] or [batch, 1, queries, keys].
        causal: Query i sees keys up to i; as many queries as keys, no mask.

    Returns:
        The output, shape [batch, heads, queries, value width], and the log-sum-exp of the
        products, shape [batch, heads, queries]; −∞ where no key is seen.
    """
    batch, heads, queries, width = query.shape
    groups = heads // key.shape[1]
    if causal and queries > STRIP:
        return _in_strips(query, key, value, rules)
    if groups > 1:
        if causal:
            mask = _causal_mask(queries, queries, query)
        # Query heads that share a key head become further queries of that head: nothing is
        # copied but the queries.
        query = query.reshape(batch, key.shape[1], groups * queries, width)
        if mask is not None and mask.shape[-2] > 1:  # one row is all queries' as it is
            mask = mask.repeat(*[1] * (mask.dim() - 2), groups, 1)
        out, total = _attend(query, key, value, rules, mask, causal=False)
        return out.reshape(batch, heads, queries, -1), total.reshape(batch, heads, queries)
    return _attend(query, key, value, rules, mask, causal)


def _attend(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    rules: Rules,
    mask: torch.Tensor | None,
    causal: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    if query.device.type == "cpu" and rules.softcap is None and key.shape[-1] == value.shape[-1]:
        out, total = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
            query, key, value, is_causal=causal, attn_mask=mask, scale=rules.scale
        )
        return out, total
    if causal:
        mask = _causal_mask(query.shape[2], key.shape[2], query)
    products = torch.matmul(query, key.transpose(-1, -2)).float() * rules.scale
    if rules.softcap is not None:
        products = rules.softcap * torch.tanh(products / rules.softcap)
    if mask is not None:
        products = products + mask
    total = products.logsumexp(-1)
    weights = (products - total.nan_to_num(neginf=0.0)[..., None]).exp()
    return torch.matmul(weights.to(value.dtype), value), total


def _in_strips(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, rules: Rules
) -> tuple[torch.Tensor, torch.Tensor]:
    """Causal attention, a few queries at a time, against the keys up to theirs."""
    parts = []
    for start in range(0, query.shape[2], STRIP):
        end = min(query.shape[2], start + STRIP)
        strip = query[:, :, start:end]
        mask = _causal_mask(end - start, end, query)
        parts.append(attend_block(strip, key[:, :, :end], value[:, :, :end], rules, mask))
    return torch.cat([out for out, _ in parts], 2), torch.cat([total for _, total in parts], 2)


def _causal_mask(queries: int, keys: int, like: torch.Tensor) -> torch.Tensor:
    """Of the last ``queries`` of as many tokens as there are keys; shape [queries, keys]."""
    mask = torch.full((queries, keys), -math.inf, dtype=like.dtype, device=like.device)
    return mask.triu(keys - queries + 1)


def join(
    out: torch.Tensor, total: torch.Tensor, more: torch.Tensor, more_total: torch.Tensor
) -> None:
    """Adds a block's output and log-sum-exp to those of the blocks before it, in place."""
    both = torch.logaddexp(total, more_total)
    out.mul_((total - both).exp_().unsqueeze(-1).to(out.dtype))
    out.addcmul_(more, (more_total - both).exp_().unsqueeze(-1).to(out.dtype))
    total.copy_(both)


# --------------------------------------------------------------------------- a pass


@dataclass(slots=True)
class Segment:
    """A piece of the tree with its keys and values, [1, key heads, tokens, width] a layer.

    ``position`` is that of its first token.
    """

    piece: Piece
    position: int
    keys: dict[int, torch.Tensor] = field(default_factory=dict)
    values: dict[int, torch.Tensor] = field(default_factory=dict)


class TreePass:
    """The attention of one pass over a prefix tree.

    Args:
        tree: The tree.
        step: The pass.
        path: The segments of the path, in the order of ``step.path``.
        kept: Those of the pass's pieces whose keys and values are wanted after it.
        device: Where the model is.
    """

    def __init__(
        self,
        tree: PrefixTree,
        step: Pass,
        path: Sequence[Segment],
        kept: Sequence[Piece],
        device: torch.device,
    ) -> None:
        self._tree = tree
        self._step = step
        self._path = path
        self._device = device
        self._masks: dict[tuple[object, ...], torch.Tensor | None] = {}
        self.segments = [Segment(piece, int(tree.positions[piece.start])) for piece in kept]

    def layer(
        self, index: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, rules: Rules
    ) -> torch.Tensor:
        """See ``Attention``; also keeps the layer's keys and values of the kept pieces."""
        start = self._step.start
        for segment in self.segments:
            part = slice(segment.piece.start - start, segment.piece.end - start)
            segment.keys[index] = key[:, :, part].clone()
            segment.values[index] = value[:, :, part].clone()
        shape = (1, query.shape[2], query.shape[1], value.shape[3])
        out = query.new_empty(shape).transpose(1, 2)
        total = query.new_empty(query.shape[:3], dtype=torch.float32)
        for block in self._step.own:
            rows, columns = slice(*block.query), slice(*block.key)
            out[:, :, rows], total[:, :, rows] = self._block(
                query[:, :, rows], key[:, :, columns], value[:, :, columns], rules, block, start
            )
        for block in self._step.inner:
            columns = slice(*block.key)
            self._add(
                out, total, query, key[:, :, columns], value[:, :, columns], rules, block, start
            )
        for segment, block in zip(self._path, self._step.path, strict=True):
            keys, values = segment.keys[index], segment.values[index]
            self._add(out, total, query, keys, values, rules, block, segment.piece.start)
        return out

    def _add(
        self,
        out: torch.Tensor,
        total: torch.Tensor,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        rules: Rules,
        block: Block,
        origin: int,
    ) -> None:
        rows = slice(*block.query)
        more = self._block(query[:, :, rows], key, value, rules, block, origin)
        join(out[:, :, rows], total[:, :, rows], *more)

    def _block(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        rules: Rules,
        block: Block,
        origin: int,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        name = (block, origin, rules.window)
        if name not in self._masks:
            self._masks[name] = self._mask(block, origin, rules.window, query.dtype)
        mask = self._masks[name]
        causal = mask is None and block.shape == "causal"
        out, total = attend_block(query, key, value, rules, mask, causal)
        if mask is not None and rules.window is not None:
            # A row that sees nothing: some kernels give it the log-sum-exp 0.
            blind = torch.isinf(mask).all(-1)
            total = total.masked_fill(blind, -math.inf)
        return out, total

    def _mask(
        self, block: Block, origin: int, window: int | None, dtype: torch.dtype
    ) -> torch.Tensor | None:
        """What the block's queries do not see; None where its shape says it all.

        ``origin`` is the place in the row from which the block's keys are counted.
        """
        queries = np.arange(*block.query) + self._step.start
        keys = np.arange(*block.key) + origin
        distance = self._tree.positions[queries][:, None] - self._tree.positions[keys][None, :]
        far = None if window is None else distance >= window
        if (far is None or not far.any()) and block.shape != "tree":
            return None
        hidden = np.zeros(distance.shape, bool) if far is None else far
        if block.shape != "full":
            hidden = hidden | ~sees(self._tree, queries, keys)
        mask = torch.zeros(hidden.shape, dtype=dtype)
        mask[torch.from_numpy(hidden)] = -math.inf
        return mask.to(self._device)
