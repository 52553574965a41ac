"""A model that is not needed any more gives back its memory, whoever still refers to it."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


def release(model: nn.Module) -> None:
    """Puts tensors without storage in the place of all weights; tied ones stay tied.

    ``Module.to("meta")`` would untie them, and is refused where weights are quantised.
    """
    hollow: dict[torch.Tensor, torch.Tensor] = {}
    for module in model.modules():
        kinds: tuple[dict[str, Any], ...] = (module._parameters, module._buffers)
        for tensors in kinds:
            for name, weight in tensors.items():
                if weight is None:
                    continue
                if weight not in hollow:
                    empty = torch.empty(weight.shape, dtype=weight.dtype, device="meta")
                    is_parameter = isinstance(weight, nn.Parameter)
                    hollow[weight] = nn.Parameter(empty, False) if is_parameter else empty
                tensors[name] = hollow[weight]
