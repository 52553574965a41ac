"""Linear layers on a CPU by oneDNN, from weights that are laid out for it once.

``torch.nn.functional.linear`` lays a float32 weight out anew in each call, or goes by a library
whose products are slow on other makers' processors: with 16 rows, as in a step of generation, a
product takes up to three times as long as from a weight laid out before. A row's result is the same
however many rows there are.

The model's own layers stay as they are outside of ``used``, so what checks these results does not
rest on the same weights.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from harness_backends.hf.memory import free_bytes

LEAST = 1 << 17
"""Elements of a weight below which a call costs more than its product gains."""
_ROWS = 16
"""The layout depends little on how many rows are expected; of few, a little more."""


class PackedLinears:
    """The linear layers of a model, with a second copy of their weights.

    There is none where the copies would take more than a third of the free memory, on accelerators,
    and for other types than float32.

    Args:
        model: A ``transformers`` model.
    """

    def __init__(self, model: Any) -> None:
        self._on = False
        layers = [module for module in model.modules() if _suits(module)]
        size = sum(layer.weight.nbytes for layer in layers)
        if layers and size > free_bytes(layers[0].weight.device) // 3:
            layers = []
        self._layers = layers
        self.bytes = size if layers else 0
        """What the copies take."""
        for layer in layers:
            self._pack(layer)

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

    def _pack(self, layer: nn.Linear) -> None:
        own: Callable[[torch.Tensor], torch.Tensor] = layer.forward
        bias = layer.bias
        product = torch.ops.mkldnn._linear_pointwise.default
        with torch.no_grad():
            weight = torch.ops.mkldnn._reorder_linear_weight(layer.weight.detach(), _ROWS)

        def forward(rows: torch.Tensor) -> torch.Tensor:
            if not self._on or rows.dtype != torch.float32:
                return own(rows)
            out: torch.Tensor = product(rows, weight, bias, "none", [], "")
            return out

        layer.forward = forward  # type: ignore[method-assign,assignment]


def _suits(module: nn.Module) -> bool:
    return (
        type(module) is nn.Linear
        and "forward" not in vars(module)
        and module.weight.device.type == "cpu"
        and module.weight.dtype == torch.float32
        and module.weight.numel() >= LEAST
        and platform.machine() in ("x86_64", "AMD64")
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    )
