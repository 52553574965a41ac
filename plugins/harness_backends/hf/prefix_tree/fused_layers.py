"""Decoder layers of the shape of Llama's in fewer calls, on a CPU.

A step of generation feeds a layer a few rows, and much of its time goes to what lies between the
products: norms, rotations, activations and sums of some ten thousand numbers each. Here oneDNN
applies what follows a product to its result while that is at hand:

    rows ─ norm ─ [q k v] ─ turn ─ attention ─ [o] + rows ─┬─ norm ─┬─ [gate], silu ─┐
                                                           │        └─ [up] × gate ──┴─ [down] ─ + ─
                                                           └────────────────────────────────────┘

A norm's weights are multiplied into those of the products behind it. Of each head's queries and
keys the two halves, which the rotary embedding mixes, lie side by side, so that it is one product
by complex numbers; the order of a head's numbers means nothing to their dot products.

Which models have this shape is found by trying, in float32: the last hidden states of a short text
have to come out as from the model's own code. Scale, soft cap and window of each layer's attention
are what that code asked for.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from harness_backends.hf.checkpoint.half_precision import in_float32
from harness_backends.hf.prefix_tree.attention import (
    Attention,
    Rules,
    UnsupportedAttentionError,
)
from harness_backends.hf.prefix_tree.packed_linear import LEAST, Packed, has_room, suits
from harness_backends.hf.prefix_tree.trial import Causal, own_hidden

logger = logging.getLogger(__name__)
TRIAL, APART = 12, 1e-4
"""Tokens of the text on which it is tried; how far a token's hidden state may be off, as a share of
its largest number."""
LAYER = {"self_attn", "mlp", "input_layernorm", "post_attention_layernorm"}
ATTENTION = {"q_proj", "k_proj", "v_proj", "o_proj"}
HEAD_NORMS = {"q_norm", "k_norm"}
NETWORK = {"gate_proj", "up_proj", "down_proj", "act_fn"}
MODEL = {"embed_tokens", "layers", "norm", "rotary_emb"}


class FusedLayers:
    """The layers of a model, with a second copy of their weights.

    Attributes:
        linears: The model's own linear layers that these replace.

    Args:
        base: A ``transformers`` model without its head of the shape.
        layers: In their order. What is made as it is asked for serves one call.
    """

    def __init__(self, base: Any, layers: Iterable[_Layer]) -> None:
        self._base, self._layers = base, layers
        self.linears = frozenset(_linears(base))

    @torch.inference_mode()
    def hidden(
        self,
        tokens: torch.Tensor,
        positions: torch.Tensor,
        attention: Attention,
        read: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """See ``Forward.hidden``."""
        hidden: torch.Tensor = self._base.embed_tokens(tokens[None])
        # Its type is taken from what it is given, and complex numbers are of float32.
        cosine, sine = self._base.rotary_emb(hidden.float(), position_ids=positions[None])
        half = cosine.shape[-1] // 2
        turn = torch.complex(cosine[..., :half], sine[..., :half])[:, :, None]
        last = len(self._base.layers) - 1
        for index, layer in enumerate(self._layers):
            hidden = layer(hidden, turn, attention, read if index == last else None)
        if read is None:
            return self._base.norm(hidden)[0]  # type: ignore[no-any-return]
        whole = hidden.new_zeros(len(tokens), hidden.shape[-1])
        return whole.index_copy_(0, read, self._base.norm(hidden)[0])


def _layers(base: Any, rules: Mapping[int, Rules], dtype: torch.dtype) -> Iterator[_Layer]:
    """The layers of a model, one after the other, by what each asks of its attention."""
    for index, layer in enumerate(base.layers):
        yield _Layer(layer, index, rules[index], dtype)


class _Layer:
    """One layer; its products' weights are copies, of type ``dtype``."""

    def __init__(self, layer: Any, index: int, rules: Rules, dtype: torch.dtype) -> None:
        attention, network = layer.self_attn, layer.mlp
        self._index, self._rules, self._width = index, rules, attention.head_dim
        self._heads = attention.q_proj.out_features // self._width
        self._keys = attention.k_proj.out_features // self._width
        first, second = _Norm(layer.input_layernorm), _Norm(layer.post_attention_layernorm)
        turned = [_side_by_side(each, self._width) for each in (attention.q_proj, attention.k_proj)]
        self._norm, self._next_norm = first, second
        self._head_norm = _HeadNorm.of(attention, self._heads, self._keys)
        self._queries_keys_values = Packed(
            [*turned, (attention.v_proj.weight, attention.v_proj.bias)], dtype, first.weight
        )
        self._out = _packed(attention.o_proj, dtype)
        self._gate = _packed(network.gate_proj, dtype, second.weight)
        self._up = _packed(network.up_proj, dtype, second.weight)
        self._down = _packed(network.down_proj, dtype)

    def __call__(
        self,
        rows: torch.Tensor,
        turn: torch.Tensor,
        attention: Attention,
        read: torch.Tensor | None,
    ) -> torch.Tensor:
        """Computes the next hidden states.

        Args:
            rows: Shape [1, tokens, width].
            turn: By what queries and keys are turned, complex, shape [1, tokens, 1, half a head].
            attention: Of the pass.
            read: The only tokens that are computed to the end; None for all.

        Returns:
            Shape [1, tokens or read, width].
        """
        count, turned = rows.shape[1], self._heads + self._keys
        mixed = self._queries_keys_values(self._norm(rows)).view(1, count, -1, self._width)
        heads = mixed[:, :, :turned]
        if self._head_norm is not None:
            heads = self._head_norm(heads)
        pairs = heads.float().view(*heads.shape[:3], self._width // 2, 2)
        both = torch.view_as_real(torch.view_as_complex(pairs) * turn).flatten(-2)
        both = both.to(rows.dtype).transpose(1, 2)
        query, key = both[:, : self._heads], both[:, self._heads :]
        value = mixed[:, :, turned:].transpose(1, 2)
        seen = attention.layer(self._index, query, key, value, self._rules)
        seen = seen.transpose(1, 2).reshape(1, count, -1)
        if read is not None:
            rows, seen = rows.index_select(1, read), seen.index_select(1, read)
        rows = self._out.added(seen, rows)
        normed = self._next_norm(rows)
        return self._down.added(self._up.multiplied(normed, self._gate.silu(normed)), rows)


class _Norm:
    """A root-mean-square norm but for its weights, which go into the products behind it."""

    def __init__(self, norm: Any) -> None:
        self.weight: torch.Tensor = norm.weight.detach()
        self._epsilon: float = norm.variance_epsilon

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        length = torch.linalg.vector_norm(rows, dim=-1, keepdim=True, dtype=torch.float32)
        scale: torch.Tensor = length.square_().div_(rows.shape[-1]).add_(self._epsilon).rsqrt_()
        return (rows * scale).to(rows.dtype)


class _HeadNorm:
    """The norms of each head of queries and keys, as Qwen 3 has them.

    Args:
        norms: That of queries and that of keys.
        counts: Heads of queries and of keys.
    """

    def __init__(self, norms: Sequence[Any], counts: Sequence[int]) -> None:
        self._norm = _Norm(norms[0])
        order = _order(norms[0].weight.shape[0], norms[0].weight.shape[0])
        self._weight = torch.cat(
            [
                norm.weight.detach()[order].expand(count, -1)
                for norm, count in zip(norms, counts, strict=True)
            ]
        )

    @classmethod
    def of(cls, attention: Any, queries: int, keys: int) -> _HeadNorm | None:
        """Those of a layer; None where it has none."""
        if not hasattr(attention, "q_norm"):
            return None
        return cls((attention.q_norm, attention.k_norm), (queries, keys))

    def __call__(self, heads: torch.Tensor) -> torch.Tensor:
        return self._norm(heads) * self._weight


def fused(model: Any) -> FusedLayers | None:
    """The layers of ``model``; None where it has another shape, or memory is scarce.

    Raises:
        UnsupportedAttentionError: The model asks of its attention what cannot be given.
    """
    base = model.base_model
    if not _is_of_shape(base) or not has_room(_linears(base)):
        return None
    ids = torch.arange(TRIAL) * 7 % base.embed_tokens.num_embeddings
    # Some scale their queries from a position on, so the text is spread over all there are.
    most = getattr(model.config.get_text_config(), "max_position_embeddings", TRIAL)
    positions = torch.linspace(0, most - 1, TRIAL).long()
    attention, dtype = Causal(), base.embed_tokens.weight.dtype
    try:
        with in_float32(model):
            expected = own_hidden(model, ids, positions, attention)
            tried = _layers(base, attention.rules, torch.float32)
            layers = FusedLayers(base, tuple(tried) if dtype == torch.float32 else tried)
            found = layers.hidden(ids, positions, Causal())
    except UnsupportedAttentionError:
        raise
    except Exception as error:  # whatever modules of these names want to be called with
        logger.info("%s has layers of its own: %s", type(base).__name__, error)
        return None
    apart = (found - expected).abs().amax(-1)
    if bool((apart > APART * expected.abs().amax(-1)).any()):
        return None
    if dtype == torch.float32:
        return layers
    return FusedLayers(base, tuple(_layers(base, attention.rules, dtype)))


def _is_of_shape(base: Any) -> bool:
    """Whether its modules are named as Llama's, none is hooked, and its products can be packed."""
    return (
        _names(base) == MODEL
        and len(base.layers) > 0
        and not any(each._forward_hooks or each._forward_pre_hooks for each in _passed_by(base))
        and all(map(_is_layer, base.layers))
        and all(map(suits, _linears(base)))
        and len({weight.dtype for weight in base.parameters()}) == 1
        and sum(linear.weight.numel() for linear in _linears(base)) >= LEAST * len(base.layers)
    )


def _is_layer(layer: Any) -> bool:
    if _names(layer) != LAYER or _names(layer.mlp) != NETWORK:
        return False
    attention, norms = layer.self_attn, [layer.input_layernorm, layer.post_attention_layernorm]
    if _names(attention) == ATTENTION | HEAD_NORMS:
        norms += [attention.q_norm, attention.k_norm]
    elif _names(attention) != ATTENTION:
        return False
    return isinstance(getattr(attention, "head_dim", None), int) and all(
        hasattr(norm, "variance_epsilon") for norm in norms
    )


def _passed_by(base: Any) -> list[nn.Module]:
    """The modules that are not called any more."""
    return [base, *base.layers.modules()]


def _names(module: nn.Module) -> set[str]:
    return {name for name, _ in module.named_children()}


def _linears(base: Any) -> Iterator[nn.Linear]:
    for layer in base.layers:
        yield from (getattr(layer.self_attn, name) for name in sorted(ATTENTION))
        yield from (getattr(layer.mlp, name) for name in sorted(NETWORK - {"act_fn"}))


def _packed(linear: nn.Linear, dtype: torch.dtype, factor: torch.Tensor | None = None) -> Packed:
    return Packed([(linear.weight, linear.bias)], dtype, factor)


def _side_by_side(linear: nn.Linear, width: int) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Weight and bias with the halves of each head of ``width`` in turns."""
    order = _order(linear.out_features, width)
    return linear.weight[order], None if linear.bias is None else linear.bias[order]


def _order(outputs: int, width: int) -> torch.Tensor:
    """Which number comes where when the halves of each head of ``width`` lie side by side."""
    return torch.arange(outputs).view(-1, 2, width // 2).transpose(1, 2).flatten()
