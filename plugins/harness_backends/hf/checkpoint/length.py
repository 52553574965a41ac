"""How many tokens a model takes."""

from __future__ import annotations

from typing import Any

import torch

from harness.errors import UsageError

DEFAULT_MAX_LENGTH = 2048
_LENGTH_KEYS = ("n_positions", "max_position_embeddings", "n_ctx")


def own_max_length(model: Any, tokenizer: Any, asked: int | None = None) -> int:
    """The longest sequence: as asked, else what the model was made for (lm-eval's rule)."""
    if asked is not None:
        return asked
    config = model.config
    text_config = config.get_text_config() if hasattr(config, "get_text_config") else config
    for key in _LENGTH_KEYS:
        length = getattr(text_config, key, None)
        if isinstance(length, int) and length > 1:
            return length
    length = getattr(tokenizer, "model_max_length", None)
    # Tokenizers without a limit say 10³⁰.
    return length if isinstance(length, int) and 1 < length < 10**9 else DEFAULT_MAX_LENGTH


def encoder_max_length(model: Any, tokenizer: Any, asked: int | None = None) -> int:
    """The longest text of a model that reads it at once: what both model and tokenizer take.

    Raises:
        UsageError: The length is more than the model has positions.
    """
    most = _positions(model)
    if asked is not None:
        if most is not None and asked > most:
            raise UsageError(f"max_length = {asked}", f"The model takes {most} tokens")
        return asked
    lengths = [own_max_length(model, tokenizer), most, tokenizer.model_max_length]
    return min(length for length in lengths if isinstance(length, int))


def _positions(model: Any) -> int | None:
    """The tokens for which an encoder has positions; None where it has no table of them.

    RoBERTa and its kin count positions from the one after the padding token's.
    """
    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, torch.nn.Embedding):
            unused = 0 if module.padding_idx is None else module.padding_idx + 1
            return module.num_embeddings - unused
    return None
