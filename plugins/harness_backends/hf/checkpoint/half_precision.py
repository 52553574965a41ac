"""A model of half precision, computing in float32 without a second copy of its weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn


@contextmanager
def in_float32(model: nn.Module) -> Iterator[None]:
    """Within this context a model of half precision computes in float32.

    A module's own weights are widened while its forward runs, so that never more than one module's
    are held twice. Whole numbers, as quantised weights are, and what no module's forward owns stay
    as they are.
    """
    with ExitStack() as hooks:
        for module in model.modules():
            if _half(module._parameters) or _half(module._buffers):
                for hook in _widened(module):
                    hooks.callback(hook.remove)
        yield


def _widened(module: nn.Module) -> tuple[Any, Any]:
    """Hooks that put float32 copies in the place of a module's weights, and take them out."""
    narrow: list[tuple[dict[str, Any], dict[str, torch.Tensor]]] = []

    def widen(_: nn.Module, __: tuple[Any, ...]) -> None:
        kinds: tuple[dict[str, Any], ...] = (module._parameters, module._buffers)
        for tensors in kinds:
            own = _half(tensors)
            narrow.append((tensors, own))
            for name, tensor in own.items():
                wide = tensor.detach().float()
                tensors[name] = (
                    nn.Parameter(wide, requires_grad=False)
                    if isinstance(tensor, nn.Parameter)
                    else wide
                )

    def restore(_: nn.Module, __: tuple[Any, ...], ___: object) -> None:
        while narrow:
            tensors, own = narrow.pop()
            tensors.update(own)

    return (
        module.register_forward_pre_hook(widen),
        module.register_forward_hook(restore, always_call=True),
    )


def _half(tensors: dict[str, Any]) -> dict[str, torch.Tensor]:
    """Those of half precision."""
    return {
        name: tensor
        for name, tensor in tensors.items()
        if tensor is not None and tensor.dtype in (torch.bfloat16, torch.float16)
    }
