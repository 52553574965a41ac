"""Leaves out, after the last layer's attention, the tokens whose hidden state nobody reads.

Every token's keys and values are needed by those behind it. But what the last layer makes of
its attention (an output projection, a feed-forward network) goes to the head alone, which reads
it where something is scored or said: of a question with its examples, at the answer only.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn

from harness_backends.hf.attention import Rules, attend_block, attention_by

TRIAL = 6
"""Tokens of the text on which it is tried."""


class Narrowing:
    """Which modules of a model may be fed fewer tokens, found by trying on a short text.

    Args:
        model: A ``transformers`` causal language model whose attention can be replaced.

    Where the read tokens' hidden states do not come out the same, no module is narrowed.
    """

    def __init__(self, model: Any) -> None:
        self._modules = _find(model)
        rows = torch.tensor([2, TRIAL - 1], device=model.device)
        if self._modules and not _comes_out(model, self, rows):
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
                hooks.enter_context(_narrowed(module, kept, tokens))
            yield


@contextmanager
def _narrowed(module: nn.Module, rows: torch.Tensor, tokens: int) -> Iterator[None]:
    """The module sees ``rows`` alone of its input [1, tokens, …]; the rest of its output is 0."""

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


class _Causal:
    """The attention of one sequence; notes when the last layer has come to it."""

    def __init__(self, last: int) -> None:
        self._last = last
        self.passed = False

    def layer(
        self, index: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, rules: Rules
    ) -> torch.Tensor:
        """See ``Attention``."""
        self.passed = index == self._last
        return attend_block(query, key, value, rules, causal=True)[0]


def _find(model: Any) -> list[nn.Module]:
    """Modules with matrices that are called after the last attention, and no part of another."""
    layers = getattr(model.config.get_text_config(), "num_hidden_layers", 0)
    stacks = [
        module
        for module in model.base_model.modules()
        if isinstance(module, nn.ModuleList) and len(module) == layers
    ]
    if not stacks:
        return []
    attention = _Causal(layers - 1)
    found: dict[str, nn.Module] = {}

    def watch(name: str, module: nn.Module) -> Any:
        def note(_: nn.Module, args: tuple[Any, ...], out: object) -> None:
            if not _takes_tokens(args, out):
                found.pop(name, None)

        def begin(_: nn.Module, __: tuple[Any, ...]) -> None:
            inside = any(name.startswith(f"{other}.") for other in found)
            if attention.passed and not inside and any(w.dim() > 1 for w in module.parameters()):
                found[name] = module

        return module.register_forward_pre_hook(begin), module.register_forward_hook(note)

    hooks = [watch(name, module) for name, module in stacks[0][-1].named_modules() if name]
    try:
        _hidden(model, attention)
    finally:
        for pair in hooks:
            for hook in pair:
                hook.remove()
    return list(found.values())


def _takes_tokens(args: tuple[Any, ...], out: object) -> bool:
    """Whether a module turns [1, tokens, …] into [1, tokens, …]."""
    return (
        bool(args)
        and all(isinstance(each, torch.Tensor) for each in (args[0], out))
        and args[0].shape[:2] == out.shape[:2] == (1, TRIAL)  # type: ignore[attr-defined]
    )


def _comes_out(model: Any, narrowing: Narrowing, rows: torch.Tensor) -> bool:
    last = model.config.get_text_config().num_hidden_layers - 1
    expected = _hidden(model, _Causal(last))[rows].float()
    with narrowing.to(rows, TRIAL):
        found = _hidden(model, _Causal(last))[rows].float()
    # Rounding, which depends on how many tokens there are; a layer that mixes them is far off.
    apart = 1e-3 if model.dtype == torch.float32 else 0.05
    return torch.allclose(found, expected, rtol=apart, atol=apart)


@torch.inference_mode()
def _hidden(model: Any, attention: _Causal) -> torch.Tensor:
    """The last hidden states of a short text, shape [tokens, width]."""
    ids = torch.arange(TRIAL, device=model.device)[None] % model.config.get_text_config().vocab_size
    with attention_by(model, attention):
        hidden: torch.Tensor = model.base_model(
            input_ids=ids,
            position_ids=torch.arange(TRIAL, device=model.device)[None],
            use_cache=False,
        ).last_hidden_state[0]
    return hidden
