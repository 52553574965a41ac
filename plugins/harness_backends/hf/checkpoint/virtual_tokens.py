"""A causal model with learned virtual tokens before its text, which looks like one without.

Prompt and prefix tuning have no merged form. PEFT's model puts the virtual tokens before what it is
fed; here the logits that belong to them are left out, so that places count from the text's first
token, as everywhere else.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch


class VirtualTokenModel(torch.nn.Module):
    """What the plain path asks of a model: a forward pass, and ``generate``.

    Args:
        adapted: A ``peft.PeftModelForCausalLM`` with virtual tokens.
    """

    def __init__(self, adapted: Any) -> None:
        super().__init__()
        self.adapted = adapted
        self.config = adapted.get_base_model().config

    def get_base_model(self) -> Any:
        """The model without its virtual tokens."""
        return self.adapted.get_base_model()

    @property
    def virtual_tokens(self) -> int:
        """How many positions of the model they take."""
        return int(self.adapted.active_peft_config.num_virtual_tokens)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        device: torch.device = self.get_base_model().device
        return device

    @property
    def dtype(self) -> torch.dtype:
        """Of the base's weights."""
        dtype: torch.dtype = self.get_base_model().dtype
        return dtype

    @property
    def generation_config(self) -> Any:
        """Of the base."""
        return self.adapted.generation_config

    @generation_config.setter
    def generation_config(self, value: Any) -> None:
        self.adapted.generation_config = value
        self.get_base_model().generation_config = value

    # Without position ids among its arguments: rows of one batch of generation are equally long,
    # as padding between the virtual tokens and the text would move the text.
    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, use_cache: bool = False
    ) -> Any:
        """The model's output, with logits of shape [rows, tokens, vocabulary]."""
        output = self.adapted(
            input_ids=input_ids, attention_mask=attention_mask, use_cache=use_cache
        )
        output.logits = output.logits[:, -input_ids.shape[1] :]
        return output

    def generate(self, input_ids: torch.Tensor, **arguments: Any) -> Any:
        """See ``transformers``; the result begins with ``input_ids``."""
        with warnings.catch_warnings():
            # Without them the cache's length gives each position, virtual tokens counted.
            warnings.filterwarnings("ignore", message="Position ids are not supported")
            return self.adapted.generate(input_ids=input_ids, **arguments)
