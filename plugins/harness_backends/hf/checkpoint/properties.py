"""What is settled beside the weights: device, type of number, tokens that end a text."""

from __future__ import annotations

from typing import Any

import torch

from harness.authoring.chat.encoding import end_of_turn
from harness.authoring.checkpoint import reason
from harness.errors import ModelError

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_FORM = ("decoder_start_token_id", "forced_bos_token_id", "bad_words_ids")


def find_device(device: str) -> torch.device:
    """The device that ``--device`` names.

    Raises:
        ModelError: It does not exist, or this torch does not support it.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        target = torch.device(device)
        torch.empty(0, device=target)
    except (RuntimeError, AssertionError) as error:
        raise ModelError(
            f"device {device!r} cannot be used: {reason(error)}",
            "Expected auto, cpu, or a device that this torch supports, such as cuda:0",
        ) from error
    return target


def find_dtype(dtype: str, device: torch.device, quantised: bool) -> torch.dtype | str:
    """The type that ``--dtype`` names; ``auto``: the checkpoint's own, float32 on a CPU.

    Raises:
        ModelError: There is no such type.
    """
    if dtype == "auto":
        return torch.float32 if device.type == "cpu" and not quantised else "auto"
    if dtype not in DTYPES:
        raise ModelError(f"dtype {dtype!r}", f"Expected auto or one of {', '.join(DTYPES)}")
    return DTYPES[dtype]


def _is_token(token: object) -> bool:
    """Whether it can be a token's id; many files say -1 where there is none."""
    return type(token) is int and -1 <= token < 2**31


def take_eos_ids(model: Any, tokenizer: Any) -> frozenset[int]:
    """The tokens that end a generation; the rest of generation_config is set aside.

    Decoding is what the request says: a checkpoint's own temperature, beams or repetition
    penalty would make greedy decoding something else. What belongs to the form of an
    encoder-decoder's output stays: how it starts, and tokens that it must not say.
    """
    from transformers import GenerationConfig

    own = model.generation_config
    declared = getattr(own, "eos_token_id", None)
    form: dict[str, Any] = {}
    if getattr(model.config, "is_encoder_decoder", False):
        form = {name: getattr(own, name, None) for name in _FORM}
        if form["decoder_start_token_id"] is None:
            form["decoder_start_token_id"] = getattr(model.config, "decoder_start_token_id", None)
    ids = list(declared) if isinstance(declared, list | tuple) else [declared]
    ids += [tokenizer.eos_token_id, end_of_turn(tokenizer)]
    wrong = [token for token in ids if token is not None and not _is_token(token)]
    if wrong:
        raise ModelError(
            f"eos_token_id {str(wrong[0])[:60]!r} is no token",
            "Set it right in generation_config.json or config.json: a whole number, or a list",
        )
    eos = frozenset(int(token) for token in ids if token is not None)
    model.generation_config = GenerationConfig(
        eos_token_id=sorted(eos) or None, pad_token_id=min(eos, default=0), **form
    )
    return eos
