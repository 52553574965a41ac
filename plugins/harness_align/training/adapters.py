"""Which weights are trained: all of them, or a small addition through PEFT."""

from __future__ import annotations

from typing import Any

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
