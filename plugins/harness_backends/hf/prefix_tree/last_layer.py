"""Leaves out, after the last layer's attention, the tokens whose hidden state nobody reads.

Every token's keys and values are needed by those behind it. But what the last layer makes of
its attention (an output projection, a feed-forward network) goes only to the head, which reads
it where something is scored or said: of a question with its examples, at the answer only.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn

from harness_backends.hf.prefix_tree.trial import Causal, own_hidden

TRIAL = 6
"""Tokens of the text on which it is tried."""


class LastLayer:
    """Which modules of a model may be fed fewer tokens, found by trying on a short text.

    Args:
        model: A ``transformers`` causal language model whose attention can be replaced.

    Where the read tokens' hidden states do not come out the same, no module is narrowed.
    """

    def __init__(self, model: Any) -> None:
        self._modules, expected = _find(model)
        if self._modules and not self._comes_out(model, expected):
            self._modules = []

    @contextmanager
    def to(self, rows: torch.Tensor, tokens: int) -> Iterator[None]:
        """Within this context a pass of ``tokens`` computes only ``rows`` to the end.

        Args:
            rows: Places in the pass, ascending; shape [rows]. The others' hidden states mean
                nothing.
            tokens: The pass's length.
        """
        # A module may not be used to an empty batch.
        kept = rows if len(rows) else torch.tensor([tokens - 1], device=rows.device)
        with ExitStack() as hooks:
            for module in self._modules if len(kept) < tokens else ():
                hooks.enter_context(_pruned(module, kept, tokens))
            yield

    def _comes_out(self, model: Any, expected: torch.Tensor) -> bool:
        """Whether two tokens' hidden states are still those of ``expected``, shape as there."""
        rows = torch.tensor([2, TRIAL - 1], device=expected.device)
        with self.to(rows, TRIAL):
            found = _hidden(model, Causal())
        # Rounding, which depends on how many tokens there are; a layer that mixes them is far off.
        apart = 1e-3 if model.dtype == torch.float32 else 0.05
        return torch.allclose(found[rows].float(), expected[rows].float(), rtol=apart, atol=apart)


@contextmanager
def _pruned(module: nn.Module, rows: torch.Tensor, tokens: int) -> Iterator[None]:
    """The module sees only ``rows`` of its input [1, tokens, …]; the rest of its output is 0."""

    def take(_: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return (args[0].index_select(1, rows), *args[1:])

    def put(_: nn.Module, __: tuple[Any, ...], out: torch.Tensor) -> torch.Tensor:
        whole = out.new_zeros(1, tokens, *out.shape[2:])
        return whole.index_copy_(1, rows, out)

    before, after = module.register_forward_pre_hook(take), module.register_forward_hook(put)
    try:
        yield
    finally:
        before.remove()
        after.remove()


def _find(model: Any) -> tuple[list[nn.Module], torch.Tensor]:
    """Modules with matrices that are called after the last attention, and no part of another.

    Returns:
        These, and the last hidden states of the short text, shape [tokens, width].
    """
    layers = getattr(model.config.get_text_config(), "num_hidden_layers", 0)
    stacks = [
        module
        for module in model.base_model.modules()
        if isinstance(module, nn.ModuleList) and len(module) == layers
    ]
    attention = Causal()
    found: dict[str, nn.Module] = {}

    def watch(name: str, module: nn.Module) -> Any:
        def note(_: nn.Module, args: tuple[Any, ...], out: object) -> None:
            if not _takes_tokens(args, out):
                found.pop(name, None)

        def begin(_: nn.Module, __: tuple[Any, ...]) -> None:
            inside = any(name.startswith(f"{other}.") for other in found)
            after = layers - 1 in attention.rules
            if after and not inside and any(w.dim() > 1 for w in module.parameters()):
                found[name] = module

        return module.register_forward_pre_hook(begin), module.register_forward_hook(note)

    parts = stacks[0][-1].named_modules() if stacks else ()
    hooks = [watch(name, module) for name, module in parts if name]
    try:
        hidden = _hidden(model, attention)
    finally:
        for pair in hooks:
            for hook in pair:
                hook.remove()
    return list(found.values()), hidden


def _takes_tokens(args: tuple[Any, ...], out: object) -> bool:
    """Whether a module turns [1, tokens, …] into [1, tokens, …]."""
    return (
        bool(args)
        and all(isinstance(each, torch.Tensor) for each in (args[0], out))
        and args[0].shape[:2] == out.shape[:2] == (1, TRIAL)  # type: ignore[attr-defined]
    )


def _hidden(model: Any, attention: Causal) -> torch.Tensor:
    """The last hidden states of the short text, shape [tokens, width]."""
    places = torch.arange(TRIAL, device=model.device)
    return own_hidden(model, places % model.config.get_text_config().vocab_size, places, attention)
