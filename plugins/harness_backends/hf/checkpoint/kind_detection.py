"""Which kind of model a checkpoint is, by its config.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.errors import ModelError, UsageError
from harness_backends.hf.settings import KINDS, Kind, Settings

AUTO_CLASSES: Mapping[Kind, str] = {
    "causal": "AutoModelForCausalLM",
    "seq2seq": "AutoModelForSeq2SeqLM",
    "classifier": "AutoModelForSequenceClassification",
    "masked": "AutoModelForMaskedLM",
    "extractive_qa": "AutoModelForQuestionAnswering",
    "token_classifier": "AutoModelForTokenClassification",
    "encoder": "AutoModel",
}
"""The class of ``transformers`` that loads each kind."""

OPTIONS_OF: Mapping[str, Sequence[Kind]] = {
    "chat_template": ("causal",),
    "engine": ("causal",),
    "source_lang": ("seq2seq",),
    "target_lang": ("seq2seq",),
    "label_map": ("classifier", "token_classifier"),
    "doc_stride": ("extractive_qa", "token_classifier"),
    "max_answer_length": ("extractive_qa",),
    "pooling": ("encoder",),
}
"""Options that only some kinds understand."""


def detect_kind(config: Mapping[str, Any]) -> Kind:
    """The kind that a configuration names: its head's class, else its model type.

    An encoder saved with another head, such as BERT's for pre-training, counts as masked, and one
    without any (``BertModel``) as an encoder; what says nothing counts as causal.
    """
    for name in config.get("architectures") or ():
        kind = _kind_of_class(str(name))
        if kind is not None:
            return kind
        if _is_bare_encoder(str(name), config):
            return "encoder"
    if "auto_map" in config:
        named = [kind for kind, name in AUTO_CLASSES.items() if name in config["auto_map"]]
        return named[0] if named else "causal"
    possible = possible_kinds(config)
    generic: tuple[Kind, ...] = ("masked", "causal")
    if config.get("is_encoder_decoder"):
        generic = ("seq2seq", *generic)
    return next((kind for kind in generic if kind in possible), "causal")


def check_kind(kind: Kind, config: Mapping[str, Any], name: str) -> None:
    """Refuses a kind that the model's type does not have.

    Raises:
        ModelError: It has others, which the message names.
    """
    possible = possible_kinds(config)
    if possible and kind not in possible and "auto_map" not in config:
        raise ModelError(
            f"{name} is of the type {config.get('model_type')}, which cannot be loaded "
            f"as kind={kind}",
            f"Choose --set kind={' or kind='.join(possible)}, or leave the option out",
        )


def check_options(settings: Settings, kind: Kind) -> None:
    """Refuses options that would change nothing.

    Raises:
        UsageError: An option belongs to another kind of model.
    """
    for option, others in OPTIONS_OF.items():
        if (
            kind not in others
            and getattr(settings, option) != Settings.model_fields[option].default
        ):
            raise UsageError(
                f"{option} is an option of {' and '.join(others)} models, and this one is {kind}",
                f"Leave it out, or say --set kind={others[0]} if that is what the checkpoint is",
            )


def possible_kinds(config: Mapping[str, Any]) -> list[Kind]:
    """The kinds that ``transformers`` has for a model type; none where it does not know it."""
    known = {kind: _classes(kind) for kind in KINDS}
    model_type = config.get("model_type")
    possible = [kind for kind in KINDS if model_type in known[kind]]
    # An encoder that is loaded as a causal model still sees what follows, unless told otherwise.
    sees_all = "masked" in possible and "seq2seq" not in possible and model_type != "xlm"
    if sees_all and not config.get("is_decoder") and "causal" in possible:
        possible.remove("causal")
    return possible


def _kind_of_class(name: str) -> Kind | None:
    if name.endswith("ForSequenceClassification"):
        return "classifier"
    if "ForQuestionAnswering" in name:
        return "extractive_qa"
    if name.endswith("ForTokenClassification"):
        return "token_classifier"
    if name.endswith("ForMaskedLM"):
        return "masked"
    if name.endswith("ForCausalLM"):
        return "causal"
    # The other names say less ("ForConditionalGeneration" is a language model that sees
    # pictures, too), so the library's own lists decide.
    order: tuple[Kind, ...] = ("seq2seq", "causal", "masked")
    return next((kind for kind in order if name in _classes(kind).values()), None)


def _is_bare_encoder(name: str, config: Mapping[str, Any]) -> bool:
    """Whether it is the class of a model without a head that reads all of a text at once."""
    possible = possible_kinds(config)
    bare = _classes("encoder").get(str(config.get("model_type"))) == name
    return bare and "masked" in possible and "seq2seq" not in possible


def _classes(kind: Kind) -> Mapping[str, str]:
    """Model type → class name, for one kind."""
    from transformers.models.auto import modeling_auto as auto

    names: dict[Kind, Mapping[str, str]] = {
        "causal": auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
        "seq2seq": auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
        "classifier": auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
        "masked": auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES,
        "extractive_qa": auto.MODEL_FOR_QUESTION_ANSWERING_MAPPING_NAMES,
        "token_classifier": auto.MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES,
        "encoder": auto.MODEL_MAPPING_NAMES,
    }
    return names[kind]
