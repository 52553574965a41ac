"""Linear layers on a CPU by oneDNN, from weights that are laid out for it once.

``torch.nn.functional.linear`` lays a float32 weight out anew in each call, or goes by a library
whose products are slow on other makers' processors: with 16 rows, as in a step of generation, a
product takes up to three times as long as from a weight laid out before. A row's result is the same
however many rows there are.

Layers that a model gives the same rows (queries, keys and values; gate and up) are one product: a
wide one computes more in the same time than narrow ones.

The model's own layers stay as they are outside of ``used``, so what checks these results does not
rest on the same weights.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Sequence
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
    and for other types than float32.

    Args:
        model: A ``transformers`` model.
    """

    def __init__(self, model: Any) -> None:
        self._on = False
        groups = [group for group in _groups(model) if _elements(group) >= LEAST]
        size = sum(layer.weight.nbytes for group in groups for layer in group)
        if groups and size > free_bytes(groups[0][0].weight.device) // 3:
            groups = []
        self._layers = [layer for group in groups for layer in group]
        self.bytes = size if groups else 0
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
            if not self._on or rows.dtype != torch.float32:
                return own(rows)
            return product.of(place, rows)

        return forward


class _Product:
    """Layers of the same rows, computed together when the first of them is called.

    Args:
        layers: With as many inputs each, and all of them with a bias or none.
    """

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        self._sizes = [layer.out_features for layer in layers]
        with torch.no_grad():
            weight = torch.cat([layer.weight.detach() for layer in layers])
            self._weight = torch.ops.mkldnn._reorder_linear_weight(weight, _ROWS)
            biases: list[torch.Tensor] = [each.bias for each in layers if each.bias is not None]
            self._bias = torch.cat(biases) if biases else None
        self._rows: torch.Tensor | None = None
        self._left: dict[int, torch.Tensor] = {}
        """What was computed of these rows, and is not asked for yet."""

    def of(self, place: int, rows: torch.Tensor) -> torch.Tensor:
        """What one of the layers makes of rows."""
        if rows is not self._rows or place not in self._left:
            out = torch.ops.mkldnn._linear_pointwise.default(
                rows, self._weight, self._bias, "none", [], ""
            )
            self._rows, self._left = rows, dict(enumerate(out.split(self._sizes, -1)))
        found = self._left.pop(place)
        if not self._left:
            self._rows = None
        return found


def _groups(model: nn.Module) -> Iterator[list[nn.Linear]]:
    """The layers of a model that can be packed, those that go together in one group."""
    seen: set[nn.Module] = set()  # a layer may be a child of two modules
    for parent in model.modules():
        children = parent.named_children()
        layers = {name: each for name, each in children if each not in seen and _suits(each)}
        seen.update(layers.values())
        for names in _TOGETHER:
            group = [layers[name] for name in names if name in layers]
            kinds = {(layer.in_features, layer.bias is None) for layer in group}
            if len(group) == len(names) and len(kinds) == 1:
                yield group
                layers = {name: each for name, each in layers.items() if name not in names}
        yield from ([layer] for layer in layers.values())
    if _suits(model):
        yield [model]


def _elements(group: Sequence[nn.Linear]) -> int:
    return sum(layer.weight.numel() for layer in group)


def _suits(module: nn.Module) -> TypeGuard[nn.Linear]:
    return (
        type(module) is nn.Linear
        and "forward" not in vars(module)
        and module.weight.device.type == "cpu"
        and module.weight.dtype == torch.float32
        and platform.machine() in ("x86_64", "AMD64")
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    )
