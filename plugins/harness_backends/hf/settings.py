"""The backend's options, checked: ``--set KEY=VALUE`` as typed values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast, get_args

from harness.errors import UsageError

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


@dataclass(frozen=True, slots=True)
class Settings:
    """``--set`` of the hf backend; see ``HF_OPTIONS`` for what each means."""

    kind: Kind | None = None
    chat_template: Switch = "auto"
    max_length: int | None = None
    revision: str | None = None
    attn_implementation: str | None = None
    engine: EngineChoice = "auto"
    token_budget: int | None = None
    allow_pickle: bool = False
    trust_remote_code: bool = False
    base: str | None = None
    quantization: Quantization | None = None
    source_lang: str | None = None
    target_lang: str | None = None
    label_map: str | None = None
    doc_stride: int = DOC_STRIDE
    max_answer_length: int = MAX_ANSWER_LENGTH
    pooling: Pooling = "auto"

    @classmethod
    def read(cls, values: Mapping[str, str]) -> Settings:
        """Checks the values.

        Raises:
            UsageError: A value is not one of those expected.
        """
        kind = _choice(values, "kind", ("auto", *KINDS))
        quantization = _choice(values, "quantization", ("none", *get_args(Quantization)))
        return cls(
            kind=None if kind == "auto" else cast(Kind, kind),
            chat_template=cast(Switch, _choice(values, "chat_template", ("auto", "on", "off"))),
            max_length=_positive(values, "max_length"),
            revision=values.get("revision"),
            attn_implementation=values.get("attn_implementation"),
            engine=cast(EngineChoice, _choice(values, "engine", ("auto", "tree", "fork", "plain"))),
            token_budget=_positive(values, "token_budget"),
            allow_pickle=_flag(values, "allow_pickle"),
            trust_remote_code=_flag(values, "trust_remote_code"),
            base=values.get("base"),
            quantization=None if quantization == "none" else cast(Quantization, quantization),
            source_lang=values.get("source_lang"),
            target_lang=values.get("target_lang"),
            label_map=values.get("label_map"),
            doc_stride=_positive(values, "doc_stride") or DOC_STRIDE,
            max_answer_length=_positive(values, "max_answer_length", 1) or MAX_ANSWER_LENGTH,
            pooling=cast(Pooling, _choice(values, "pooling", get_args(Pooling))),
        )


def _choice(values: Mapping[str, str], key: str, allowed: tuple[str, ...]) -> str:
    value = values.get(key, allowed[0])
    if value not in allowed:
        raise UsageError(f"{key} = {value!r}", f"Expected one of {', '.join(allowed)}")
    return value


def _positive(values: Mapping[str, str], key: str, minimum: int = 2) -> int | None:
    value = values.get(key)
    if value is None:
        return None
    if not value.isascii() or not value.isdigit() or int(value) < minimum:
        raise UsageError(
            f"{key} = {value!r}", f"Expected a whole number of tokens, at least {minimum}"
        )
    return int(value)


def _flag(values: Mapping[str, str], key: str) -> bool:
    return _choice(values, key, ("false", "true")) == "true"
