"""Which weights are trained: all of them, or a small addition through PEFT."""

from __future__ import annotations

from typing import Any

from harness.errors import ModelError
from harness_align.spec import AlignSpec


def config(spec: AlignSpec, classifier: bool) -> Any:
    """The PEFT config of ``spec.adapter``; None trains all weights."""
    if spec.adapter == "full":
        return None
    import peft

    kind = peft.TaskType.SEQ_CLS if classifier else peft.TaskType.CAUSAL_LM
    if spec.adapter in ("lora", "qlora"):
        return peft.LoraConfig(
            task_type=kind,
            r=spec.lora_rank,
            lora_alpha=spec.lora_alpha,
            lora_dropout=spec.lora_dropout,
            target_modules="all-linear",
        )
    if spec.adapter == "prompt":
        return peft.PromptTuningConfig(task_type=kind, num_virtual_tokens=spec.virtual_tokens)
    return peft.PrefixTuningConfig(task_type=kind, num_virtual_tokens=spec.virtual_tokens)


def check(spec: AlignSpec) -> None:
    """What can be known before any weight is read.

    Raises:
        ModelError: QLoRA without a GPU or its library, or an adapter that the method cannot train.

    """
    if spec.adapter in ("prompt", "prefix") and spec.method not in _PROMPT_METHODS:
        raise ModelError(
            f"--method {spec.method} cannot train with adapter={spec.adapter}",
            f"{spec.adapter} tuning works with {', '.join(_PROMPT_METHODS)}; "
            "adapter=lora works with every method.",
        )
    if spec.adapter != "qlora":
        return
    import importlib.util

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


_PROMPT_METHODS = ("sft", "dpo", "kto")


def quantization(spec: AlignSpec) -> Any:
    """4-bit NormalFloat with double quantisation (Dettmers et al. 2023, QLoRA), or None."""
    if spec.adapter != "qlora":
        return None
    import torch
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
