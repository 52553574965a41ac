"""Weights and tokenizers in, final checkpoints out."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.authoring import checkpoint
from harness.authoring.chat import encoding
from harness.authoring.chat.templates import ChatTemplate
from harness.authoring.io import files
from harness.errors import ModelError, UsageError
from harness_align.dataset.training_rows import Kind
from harness_align.spec import AlignSpec
from harness_align.training import adapters
from harness_align.training.setup import Setup

logger = logging.getLogger(__name__)

_EXPECTED = "Expected a checkpoint folder with config.json, tokenizer.json and model.safetensors."
ENCODER_DECODER_METHODS = ("slic", "simpo")


def open_tokenizer(spec: AlignSpec, conversational: bool) -> Any:
    """The model's tokenizer, with a pad token and, where the data need one, a chat template.

    Raises:
        ModelError: It lacks one of them and the spec does not give it.
        UsageError: The spec's template cannot be read.
    """
    from transformers import AutoTokenizer

    checkpoint.check_regular(spec.model)
    with checkpoint.reading(f"the tokenizer of {spec.model}", _EXPECTED):
        tokenizer = AutoTokenizer.from_pretrained(spec.model)
    if spec.pad_token is not None:
        if spec.pad_token not in tokenizer.get_vocab():
            raise ModelError(
                f"pad_token={spec.pad_token!r} is not in the vocabulary of {spec.model}",
                "Choose one of its tokens.",
            )
        tokenizer.pad_token = spec.pad_token
    if tokenizer.pad_token is None:
        # The trainers would take the end token in silence, and mask it where it should be learned.
        raise ModelError(
            f"{spec.model} has no pad token",
            f"Choose a token of its vocabulary that texts do not contain, or its end token: "
            f"--set pad_token={tokenizer.eos_token or '…'!r}",
        )
    if tokenizer.eos_token is None:
        raise ModelError(
            f"{spec.model} has no end token, so it cannot learn where an answer ends",
            "Set eos_token in its tokenizer_config.json.",
        )
    if spec.chat_template is not None:
        try:
            tokenizer.chat_template = files.read_text(spec.chat_template)
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"chat_template={spec.chat_template} cannot be read: {error}", "Give a Jinja file."
            ) from error
    if conversational and tokenizer.chat_template is None:
        raise ModelError(
            f"the data are conversations and {spec.model} has no chat template",
            "Give one with --set chat_template=FILE.jinja, or data with texts.",
        )
    config = check_architecture(spec)
    checkpoint.check_vocabulary(spec.model, tokenizer, config.get_text_config().vocab_size)
    if conversational or spec.wrap:
        _end_turns(tokenizer, spec.model)
    _encode_as_asked(tokenizer, config.is_encoder_decoder)
    return tokenizer


def wraps(spec: AlignSpec, tokenizer: Any, kind: Kind) -> bool:
    """Whether text rows become conversations: whole texts stay as they are."""
    return spec.wrap and kind != "text" and tokenizer.chat_template is not None


def _end_turns(tokenizer: Any, model: str) -> None:
    """Makes the chat template's end of a turn the end token: by it the result ends its answers.

    A template that ends an answer by no such token gets the end token there, in training only:
    else the result would learn no end.
    """
    template = ChatTemplate.of(tokenizer)
    if template is None:
        return
    end = encoding.end_of_turn(tokenizer)
    if end is None and isinstance(tokenizer.chat_template, str):
        logger.warning(
            "note: the chat template of %s ends an answer with no special token: training ends "
            "answers with the end token %s",
            model,
            tokenizer.eos_token,
        )
        tokenizer.chat_template += "{% if not add_generation_prompt %}{{ eos_token }}{% endif %}"
    elif end is not None and end != tokenizer.eos_token_id:
        token = tokenizer.convert_ids_to_tokens(end)
        logger.warning(
            "note: the chat template of %s ends a turn with %s, and the tokenizer's end token is "
            "%s: the result's end token is %s",
            model,
            token,
            tokenizer.eos_token,
            token,
        )
        tokenizer.eos_token = token


def _encode_as_asked(tokenizer: Any, encoder_decoder: bool) -> None:
    """Makes the trainers encode as ``harness.authoring.chat.encoding`` does for the result.

    Nothing follows a text of a decoder, as the trainers add one end token themselves, and
    what the tokenizer writes before a text comes before a rendered conversation, too: trainers
    encode what a chat template writes without it.

    Raises:
        ModelError: The tokenizer cannot be kept from writing behind a text.
    """
    frame = encoding.frame_of(tokenizer)
    if frame.behind and not encoder_decoder:
        _open_end(tokenizer, frame.before)
    template = tokenizer.chat_template
    if isinstance(template, str) and frame.before:
        start = tokenizer.decode(list(frame.before))
        given = ChatTemplate.of(tokenizer)
        assert given is not None
        text = given.render([{"role": "user", "content": "a"}])
        if not text.startswith(start):
            tokenizer.chat_template = f"{{{{ {json.dumps(start)} }}}}{template}"


def _open_end(tokenizer: Any, before: encoding.Tokens) -> None:
    from tokenizers import processors

    if hasattr(tokenizer, "add_eos_token"):
        tokenizer.add_eos_token = False
    fast = getattr(tokenizer, "backend_tokenizer", None)
    if fast is not None:
        names = tokenizer.convert_ids_to_tokens(list(before))
        fast.post_processor = processors.TemplateProcessing(
            single=[*names, "$A"],
            pair=[*names, "$A", *(f"{name}:1" for name in names), "$B:1"],
            special_tokens=list(zip(names, before, strict=True)),
        )
    if encoding.frame_of(tokenizer).behind:
        raise ModelError(
            "the tokenizer writes an end token behind every text, so that prompts would end in one",
            "Set add_eos_token to false in its tokenizer_config.json.",
        )


def check_architecture(spec: AlignSpec) -> Any:
    """The model's config.

    Raises:
        ModelError: It cannot be read, or the method cannot train its architecture.
    """
    from transformers import AutoConfig

    with checkpoint.reading(spec.model, "Expected a checkpoint folder or hub id."):
        config = AutoConfig.from_pretrained(spec.model)
    if config.is_encoder_decoder and spec.method not in ENCODER_DECODER_METHODS:
        raise ModelError(
            f"{spec.model} is an encoder-decoder model, which --method {spec.method} cannot train",
            f"Such models can be trained with {' or '.join(ENCODER_DECODER_METHODS)}.",
        )
    return config


def with_architecture(spec: AlignSpec) -> AlignSpec:
    """The spec, with a checkpoint that names its architecture.

    TRL loads the reference again from the checkpoint by the class that config.json names; a
    folder whose config.json names none is copied, with the name, beside the training.
    """
    import transformers

    config = check_architecture(spec)
    if config.architectures or not Path(spec.model).is_dir():
        return spec
    kind: Any = transformers.AutoModelForCausalLM
    if config.is_encoder_decoder:
        kind = transformers.AutoModelForSeq2SeqLM
    copy = Path(spec.out) / "base"
    shutil.copytree(spec.model, copy, dirs_exist_ok=True)
    path = copy / "config.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["architectures"] = [kind._model_mapping[type(config)].__name__]
    path.write_text(json.dumps(content, indent=2), encoding="utf-8")
    return replace(spec, model=str(copy))


def open_model(
    spec: AlignSpec, classifier: bool, pad_token_id: int, eos_token_id: int | None = None
) -> Any:
    """The weights, from safetensors only, in float32 unless the precision says otherwise.

    Raises:
        ModelError: They cannot be read.
    """
    import torch
    import transformers

    config = check_architecture(spec)
    kind: Any = transformers.AutoModelForCausalLM
    options: dict[str, Any] = {}
    if classifier:
        kind = transformers.AutoModelForSequenceClassification
        options["num_labels"] = 1
    elif config.is_encoder_decoder:
        kind = transformers.AutoModelForSeq2SeqLM
    quantized = adapters.quantization(spec)
    if quantized is not None:
        options["quantization_config"] = quantized
    if Path(spec.model).is_dir():
        checkpoint.check_files(Path(spec.model))
    with checkpoint.reading(spec.model, _EXPECTED):
        # Weights stay in float32: mixed precision keeps master weights, and adapters need them.
        model, report = kind.from_pretrained(
            spec.model,
            dtype=torch.bfloat16 if quantized is not None else torch.float32,
            use_safetensors=True,
            output_loading_info=True,
            **options,
        )
    body = f"{model.base_model_prefix}."
    # A reward model's head is what is trained.
    head = {key for key in report["missing_keys"] if classifier and not key.startswith(body)}
    checkpoint.check_loaded(spec.model, report, list(model.state_dict()), head)
    checkpoint.check_values(
        spec.model, (pair for pair in model.named_parameters() if pair[0] not in head)
    )
    model.config.pad_token_id = pad_token_id
    own = getattr(model, "generation_config", None)
    if eos_token_id is not None and own is not None:
        named = own.eos_token_id
        ends = list(named) if isinstance(named, list | tuple) else [named]
        others = [end for end in ends if end not in (None, eos_token_id)]
        own.eos_token_id = [eos_token_id, *others] if others else eos_token_id
    return model


def context_length(config: Any) -> int | None:
    """The most tokens the model can see, where it has a limit."""
    for name in ("max_position_embeddings", "n_positions", "n_ctx"):
        value = getattr(config, name, None)
        if isinstance(value, int) and value > 0:
            return value
    return None


def room(spec: AlignSpec, config: Any) -> int | None:
    """Tokens of text that the model can see, beside virtual ones; None without a limit."""
    context = context_length(config)
    if context is None or spec.adapter not in ("prompt", "prefix"):
        return context
    return max(1, context - spec.virtual_tokens)


def export(trainer: Any, setup: Setup, folder: Path) -> Path:
    """Writes a checkpoint that any backend reads: LoRA is merged into its base.

    Prompt and prefix tuning have no merged form: their folder holds the adapter, which names
    the base model. Called on every process: shards are gathered, and the first process writes.

    Args:
        trainer: A TRL trainer whose model is prepared for training.
        setup: What it was made of.
        folder: Where to; a LoRA adapter itself is kept in ``adapter`` beside it.
    """
    accelerator = trainer.accelerator
    weights = accelerator.get_state_dict(trainer.model_wrapped)
    if not trainer.is_world_process_zero():
        return folder
    model = accelerator.unwrap_model(trainer.model_wrapped)
    if setup.adapter is not None and not setup.adapter.is_prompt_learning:
        adapter = folder.parent / "adapter"
        model.save_pretrained(adapter, state_dict=weights)
        model, weights = _merged(setup, adapter), None
    model.save_pretrained(folder, state_dict=weights)
    setup.tokenizer.save_pretrained(folder)
    return folder


def _merged(setup: Setup, adapter: Path) -> Any:
    """The base with the adapter in its weights; read anew, since the trained one may be in shards
    or in four bits.
    """
    from peft import PeftModel

    spec = replace(setup.spec, adapter="full")
    base = open_model(
        spec, setup.classifier, setup.tokenizer.pad_token_id, setup.tokenizer.eos_token_id
    )
    return PeftModel.from_pretrained(base, adapter).merge_and_unload()
