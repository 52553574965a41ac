"""Weights in 8 or 4 bits: what to hand to ``transformers``, and what is missing for it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from harness.errors import ModelError
from harness_backends.hf.settings import Quantization

_LIBRARIES = {
    "bitsandbytes": "bitsandbytes",
    "gptq": "gptqmodel",
    "awq": "gptqmodel",
    "compressed-tensors": "compressed-tensors",
    "hqq": "hqq",
    "quanto": "optimum-quanto",
    "torchao": "torchao",
    "aqlm": "aqlm",
}
"""Quantization method → the distribution that reads it."""


def load_arguments(
    quantization: Quantization, config: Mapping[str, Any], device: torch.device
) -> dict[str, Any]:
    """Arguments of ``from_pretrained`` that load weights in 8 or 4 bits.

    Raises:
        ModelError: A library is missing, or the checkpoint is quantised already.
    """
    if "quantization_config" in config:
        raise ModelError(
            f"quantization = {quantization!r}, and the checkpoint is quantised already "
            f"({_method(config)})",
            "Leave the option out",
        )
    missing = [name for name in ("bitsandbytes", "accelerate") if find_spec(name) is None]
    if missing:
        raise ModelError(
            f"weights in {quantization} need {' and '.join(missing)}, not installed here",
            f"Install with: pip install {' '.join(missing)}",
        )
    from transformers import BitsAndBytesConfig

    wanted = {"load_in_8bit": True} if quantization == "8bit" else {"load_in_4bit": True}
    return {"quantization_config": BitsAndBytesConfig(**wanted), "device_map": {"": device}}


def check_method(folder: Path, config: Mapping[str, Any]) -> None:
    """Refuses weights that are quantised in a way that ``transformers`` does not know.

    Raises:
        ModelError: It would read them as if they were not quantised.
    """
    if config.get("quantization_config") is None:
        return
    from transformers.quantizers.auto import AUTO_QUANTIZER_MAPPING

    method = _method(config)
    # bitsandbytes is listed by its two forms.
    if method != "bitsandbytes" and method not in AUTO_QUANTIZER_MAPPING:
        raise ModelError(
            f"{folder} is quantised by {method!r}, which transformers does not read: "
            "its weights would be taken as they are, without their scales",
            "Take the unquantised checkpoint, or serve it with a server that reads this form "
            "(vLLM, TensorRT-LLM, ExLlamaV2) and ask that: --model openai:NAME",
        )


def missing_library(config: Mapping[str, Any]) -> str:
    """What to do where a quantised checkpoint cannot be loaded."""
    method = _method(config)
    library = _LIBRARIES.get(method)
    install = f"pip install {library} accelerate" if library else "install the library it needs"
    return f"Its weights are quantised ({method}): {install}, or take the unquantised checkpoint"


def _method(config: Mapping[str, Any]) -> str:
    settings = config["quantization_config"]
    if not isinstance(settings, Mapping):
        return "unknown"
    if "quant_method" in settings:
        return str(settings["quant_method"])
    # Older checkpoints of this library do not name it.
    named = settings.get("load_in_8bit") or settings.get("load_in_4bit")
    return "bitsandbytes" if named else "unknown"
