"""The model's own layers on a short text: what other ways to compute them are held against."""

from __future__ import annotations

from typing import Any

import torch

from harness_backends.hf.prefix_tree.attention import Rules, attend_block, attention_by


class Causal:
    """The attention of one sequence.

    Attributes:
        rules: What each layer that came to it asked for.
    """

    def __init__(self) -> None:
        self.rules: dict[int, Rules] = {}

    def layer(
        self, index: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, rules: Rules
    ) -> torch.Tensor:
        """See ``Attention``."""
        self.rules[index] = rules
        return attend_block(query, key, value, rules, causal=True)[0]


@torch.inference_mode()
def own_hidden(
    model: Any, ids: torch.Tensor, positions: torch.Tensor, attention: Causal
) -> torch.Tensor:
    """The last hidden states of a text, shape [tokens, width].

    Args:
        model: A ``transformers`` model.
        ids: Token ids, shape [tokens].
        positions: Theirs, shape [tokens].
        attention: What the layers call.

    Raises:
        UnsupportedAttentionError: Some layers did not call ``attention``.
    """
    with attention_by(model, attention):
        hidden: torch.Tensor = model.base_model(
            input_ids=ids[None], position_ids=positions[None], use_cache=False
        ).last_hidden_state[0]
    return hidden
