"""Linear layers on a CPU by oneDNN, from weights that are laid out for it once.

``torch.nn.functional.linear`` lays a weight out anew in each call, or goes by a library whose
products are slow on other makers' processors: with 16 rows, as in a step of generation, a float32
product takes up to three times as long as from a weight laid out before. So are products in
bfloat16 computed, where the processor has instructions for them. A row's result is the same however
many rows there are.

Layers that a model gives the same rows (queries, keys and values; gate and up) are one product: a
wide one computes more in the same time than narrow ones.

The model's own layers stay as they are outside of ``used``, so what checks these results does not
rest on the same weights.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeGuard

import torch
from torch import nn

from harness_backends.hf.memory import free_bytes

LEAST = 1 << 17
"""Elements of a group's weights below which a call costs more than its product gains."""
_ROWS = 32
"""The layout depends little on how many rows are expected; of few, a little more."""
_TOGETHER = (("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj"))
"""Names of neighbours that most models give the same rows."""


class PackedLinears:
    """The linear layers of a model, with a second copy of their weights.

    There is none where the copies would take more than a third of the free memory, on accelerators,
    and for types that the processor has no products for.

    Args:
        model: A ``transformers`` model.
        but: Layers of it that are left as they are.
    """

    def __init__(self, model: Any, but: Collection[nn.Linear] = ()) -> None:
        self._on = False
        groups = [group for group in _groups(model, but) if _elements(group) >= LEAST]
        layers = [layer for group in groups for layer in group]
        if not has_room(layers):
            groups, layers = [], []
        self._layers = layers
        self.bytes = sum(layer.weight.nbytes for layer in layers)
        """What the copies take."""
        for group in groups:
            self._pack(group)

    @contextmanager
    def used(self) -> Iterator[None]:
        """The layers compute from the copies within this context."""
        before, self._on = self._on, True
        try:
            yield
        finally:
            self._on = before

    def release(self) -> None:
        """Frees the copies; the layers compute from their own weights from then on."""
        for layer in self._layers:
            del layer.forward  # the instance's, which holds the copy; its class's remains
        self._layers, self.bytes = [], 0

    def _pack(self, group: Sequence[nn.Linear]) -> None:
        product = _Product(group)
        for place, layer in enumerate(group):
            layer.forward = self._forward(layer, product, place)  # type: ignore[method-assign,assignment]

    def _forward(
        self, layer: nn.Linear, product: _Product, place: int
    ) -> Callable[[torch.Tensor], torch.Tensor]:
        own: Callable[[torch.Tensor], torch.Tensor] = layer.forward

        def forward(rows: torch.Tensor) -> torch.Tensor:
            if not self._on or rows.dtype != product.dtype:
                return own(rows)
            return product.of(place, rows)

        return forward


class _Product:
    """Layers of the same rows, computed together when the first of them is called.

    Args:
        layers: With as many inputs each, and all of them with a bias or none.
    """

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        self.dtype = layers[0].weight.dtype
        """Of the rows that it takes."""
        self._sizes = [layer.out_features for layer in layers]
        self._packed = Packed([(layer.weight, layer.bias) for layer in layers], self.dtype)
        self._rows: torch.Tensor | None = None
        self._left: dict[int, torch.Tensor] = {}
        """What was computed of these rows, and is not asked for yet."""

    def of(self, place: int, rows: torch.Tensor) -> torch.Tensor:
        """What one of the layers makes of rows."""
        if rows is not self._rows or place not in self._left:
            parts = torch.split(self._packed(rows), self._sizes, -1)
            self._rows, self._left = rows, dict(enumerate(parts))
        found = self._left.pop(place)
        if not self._left:
            self._rows = None
        return found


class Packed:
    """The product of rows by weights that are laid out for oneDNN, and what may follow it.

    Args:
        parts: Weights [outputs, inputs] and biases [outputs], all of them with a bias or none; the
            product's outputs are theirs one after the other.
        dtype: Of rows, weights and product.
        factor: By which the rows are multiplied before, shape [inputs]; None for 1.
    """

    def __init__(
        self,
        parts: Sequence[tuple[torch.Tensor, torch.Tensor | None]],
        dtype: torch.dtype,
        factor: torch.Tensor | None = None,
    ) -> None:
        with torch.no_grad():
            weight = torch.cat([weight.detach() for weight, _ in parts])
            if factor is not None:
                weight = weight.float() * factor.float()
            self._weight = torch.ops.mkldnn._reorder_linear_weight(weight.to(dtype), _ROWS)
            biases = [bias.detach().to(dtype) for _, bias in parts if bias is not None]
            self._bias = torch.cat(biases) if biases else None

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        """The product, shape [..., outputs]."""
        return self._unary(rows, "none")

    def silu(self, rows: torch.Tensor) -> torch.Tensor:
        """The product x as x / (1 + exp(−x))."""
        return self._unary(rows, "swish")

    def added(self, rows: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        """The product plus ``other`` of its shape."""
        return self._binary(rows, other, "add")

    def multiplied(self, rows: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        """The product times ``other`` of its shape."""
        return self._binary(rows, other, "mul")

    def _unary(self, rows: torch.Tensor, then: str) -> torch.Tensor:
        made: torch.Tensor = torch.ops.mkldnn._linear_pointwise.default(
            rows, self._weight, self._bias, then, [], ""
        )
        return made

    def _binary(self, rows: torch.Tensor, other: torch.Tensor, then: str) -> torch.Tensor:
        made: torch.Tensor = torch.ops.mkldnn._linear_pointwise.binary(
            rows, other, self._weight, self._bias, then
        )
        return made


def has_room(layers: Iterable[nn.Linear]) -> bool:
    """Whether copies of the layers' weights take no more than a third of the free memory."""
    weights = [layer.weight for layer in layers]
    return (
        not weights
        or sum(weight.nbytes for weight in weights) <= free_bytes(weights[0].device) // 3
    )


def _groups(model: nn.Module, but: Collection[nn.Linear]) -> Iterator[list[nn.Linear]]:
    """The layers of a model that can be packed, those that go together in one group."""
    seen: set[nn.Module] = set(but)  # a layer may be a child of two modules
    for parent in model.modules():
        children = parent.named_children()
        layers = {name: each for name, each in children if each not in seen and suits(each)}
        seen.update(layers.values())
        for names in _TOGETHER:
            group = [layers[name] for name in names if name in layers]
            kinds = {(layer.in_features, layer.bias is None, layer.weight.dtype) for layer in group}
            if len(group) == len(names) and len(kinds) == 1:
                yield group
                layers = {name: each for name, each in layers.items() if name not in names}
        yield from ([layer] for layer in layers.values())
    if suits(model):
        yield [model]


def _elements(group: Sequence[nn.Linear]) -> int:
    return sum(layer.weight.numel() for layer in group)


def suits(module: nn.Module) -> TypeGuard[nn.Linear]:
    """Whether it is a plain linear layer that oneDNN can compute well, on an x86 CPU."""
    return (
        type(module) is nn.Linear
        and "forward" not in vars(module)
        and not module._forward_pre_hooks  # they may widen its rows, which the copy does not take
        and module.weight.device.type == "cpu"
        and _has_products(module.weight.dtype)
        and platform.machine() in ("x86_64", "AMD64")
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    )


def _has_products(dtype: torch.dtype) -> bool:
    """Whether the processor multiplies this type in instructions of its own."""
    if dtype == torch.bfloat16:
        return torch.cpu._is_avx512_bf16_supported()
    return dtype == torch.float32
