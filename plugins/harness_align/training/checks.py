"""What can be known of a training before any weight is read."""

from __future__ import annotations

import importlib.util

from harness.errors import ModelError, UnknownNameError, UsageError
from harness_align.spec import AlignSpec
from harness_align.training.methods.preference import LOSSES

PROMPT_METHODS = ("sft", "dpo", "kto")


def check(spec: AlignSpec) -> None:
    """Refuses what cannot be trained here.

    Raises:
        ModelError: QLoRA without a GPU or its library, or an adapter that the method cannot train.
        UnknownNameError: There is no such loss.
        UsageError: The precision needs a GPU.
    """
    import torch

    if spec.loss is not None and spec.loss not in LOSSES:
        raise UnknownNameError("DPO loss", spec.loss, LOSSES)
    if spec.precision == "float16" and not torch.cuda.is_available():
        raise UsageError("precision=float16 needs a GPU", "Take precision=float32 or bfloat16.")
    if spec.adapter in ("prompt", "prefix") and spec.method not in PROMPT_METHODS:
        raise ModelError(
            f"--method {spec.method} cannot train with adapter={spec.adapter}",
            f"{spec.adapter} tuning works with {', '.join(PROMPT_METHODS)}; "
            "adapter=lora works with every method.",
        )
    if spec.adapter == "qlora":
        _check_quantisation()


def _check_quantisation() -> None:
    import torch

    if not torch.cuda.is_available():
        raise ModelError(
            "adapter=qlora needs a CUDA GPU, and there is none here",
            "adapter=lora trains the same small weights without 4-bit quantisation.",
        )
    if importlib.util.find_spec("bitsandbytes") is None:
        raise ModelError(
            "adapter=qlora needs bitsandbytes, which is not installed",
            "Install it with: pip install bitsandbytes",
        )
