"""One forward pass of the model's layers with another attention."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

from harness_backends.hf.loading import Checkpoint
from harness_backends.hf.prefix_tree.attention import Attention, attention_by
from harness_backends.hf.prefix_tree.fused_layers import fused
from harness_backends.hf.prefix_tree.head import Head
from harness_backends.hf.prefix_tree.last_layer import LastLayer
from harness_backends.hf.prefix_tree.packed_linear import PackedLinears


class Forward:
    """What passes and steps put their tokens through.

    Attributes:
        checkpoint: The model.
        head: Its head.

    Args:
        checkpoint: The model.

    Raises:
        UnknownHeadError: The model's head is not understood.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        model = checkpoint.model
        self.checkpoint = checkpoint
        self._fused = fused(model)
        self._packed = PackedLinears(model, self._fused.linears if self._fused else ())
        try:
            self.head = Head(model, self._packed)
            self._last_layer = None if self._fused else LastLayer(model)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Frees the second copy of the weights."""
        self._fused = None
        self._packed.release()

    def hidden(
        self,
        tokens: torch.Tensor,
        positions: torch.Tensor,
        attention: Attention,
        read: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Computes the last hidden states.

        Args:
            tokens: Token ids, shape [tokens].
            positions: Theirs, shape [tokens].
            attention: What the layers call.
            read: The places whose hidden states are wanted, ascending; None for all. The others'
                mean nothing.

        Returns:
            Shape [tokens, width].

        Raises:
            UnsupportedAttentionError: Some layers did not call ``attention``.
        """
        model, device = self.checkpoint.model, self.checkpoint.device
        if self._fused is not None:
            return self._fused.hidden(tokens, positions, attention, read)
        pruned: AbstractContextManager[None] = nullcontext()
        if read is not None and self._last_layer is not None:
            pruned = self._last_layer.to(read.to(device), len(tokens))
        with attention_by(model, attention), pruned, self._packed.used():
            hidden: torch.Tensor = model.base_model(
                input_ids=tokens[None].to(device),
                position_ids=positions[None].to(device),
                use_cache=False,
            ).last_hidden_state[0]
        return hidden
