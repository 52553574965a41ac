"""The backend's options, declared once: ``--set KEY=VALUE`` as typed values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Self, TypeAlias, get_args

from pydantic import BaseModel, ConfigDict, Field

from harness.authoring import option_models

Kind: TypeAlias = Literal[
    "causal", "seq2seq", "classifier", "masked", "extractive_qa", "token_classifier", "encoder"
]
Switch: TypeAlias = Literal["auto", "on", "off"]
EngineChoice: TypeAlias = Literal["auto", "tree", "fork", "plain"]
Pooling: TypeAlias = Literal["auto", "mean", "cls", "max", "last"]
Quantization: TypeAlias = Literal["8bit", "4bit"]

KINDS: tuple[Kind, ...] = get_args(Kind)
DOC_STRIDE, MAX_ANSWER_LENGTH = 128, 30
"""In tokens; those of the SQuAD evaluation that ``transformers`` publishes (``run_qa.py``)."""


class CheckpointSettings(BaseModel):
    """How a checkpoint is found and its prompts are encoded, by whatever computes."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    chat_template: Switch = Field(
        "auto", description="whether prompts use it; auto is on where the tokenizer has one"
    )
    max_length: int | None = Field(
        None, ge=2, description="longest sequence in tokens (default: the model's own)"
    )
    revision: str | None = Field(None, description="branch, tag or commit on the hub")
    allow_pickle: bool = Field(
        False, description="load checkpoints that are not safetensors; they can run code"
    )
    trust_remote_code: bool = Field(False, description="run code that the checkpoint brings")


class Settings(CheckpointSettings):
    """``--set KEY=VALUE`` of the hf backend."""

    kind: Literal["auto", Kind] = Field(
        "auto", description="what is computed; auto goes by config.json"
    )
    attn_implementation: str | None = Field(
        None,
        description="attention of the plain path: sdpa, eager, … (default: the model's own)",
    )
    engine: EngineChoice = Field("auto", description="auto is the first that comes out right")
    token_budget: int | None = Field(
        None, ge=2, description="most tokens in one forward pass (default: chosen for the device)"
    )
    base: str | None = Field(
        None,
        description="an adapter's base model: folder or hub id (default: the one that it names)",
    )
    quantization: Literal["none", Quantization] = Field(
        "none", description="weights on loading, by bitsandbytes"
    )
    source_lang: str | None = Field(
        None,
        description="seq2seq: code of the language to read (mBART, M2M-100, NLLB): en_XX, …",
    )
    target_lang: str | None = Field(None, description="seq2seq: code of the language to write")
    label_map: str | None = Field(
        None,
        description="classifier: the task's label for each of the model's: LABEL_0:negative,…",
    )
    doc_stride: int = Field(
        DOC_STRIDE, ge=2, description="extractive_qa: tokens that windows of a passage share"
    )
    max_answer_length: int = Field(
        MAX_ANSWER_LENGTH, ge=1, description="extractive_qa: longest answer in tokens"
    )
    pooling: Pooling = Field(
        "auto", description="encoder: auto goes by what the checkpoint says, else mean"
    )

    @classmethod
    def read(cls, values: Mapping[str, str]) -> Self:
        """Checks the values.

        Raises:
            UsageError: A value is not one of those expected.
        """
        return option_models.read(cls, values, "the hf backend")

    @property
    def chosen_kind(self) -> Kind | None:
        """The kind that the user names; None where config.json decides."""
        return None if self.kind == "auto" else self.kind

    @property
    def bits(self) -> Quantization | None:
        """How weights are quantized on loading; None where they are not."""
        return None if self.quantization == "none" else self.quantization
