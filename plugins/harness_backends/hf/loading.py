"""A checkpoint folder or hub id → model and tokenizer, or an error that says what to do."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from harness.authoring.checkpoint import (
    check_files,
    check_loaded,
    check_values,
    check_vocabulary,
    read_config,
    reason,
)
from harness.errors import ModelError
from harness_backends.hf.checkpoint import gguf_file
from harness_backends.hf.checkpoint.adapters import Adapter, apply_adapter
from harness_backends.hf.checkpoint.files import Source, find_source
from harness_backends.hf.checkpoint.kind_detection import (
    AUTO_CLASSES,
    check_kind,
    check_options,
    detect_kind,
)
from harness_backends.hf.checkpoint.length import encoder_max_length, own_max_length
from harness_backends.hf.checkpoint.properties import find_device, find_dtype, take_eos_ids
from harness_backends.hf.checkpoint.quantization import (
    check_method,
    load_arguments,
    missing_library,
)
from harness_backends.hf.checkpoint.releasing import release
from harness_backends.hf.checkpoint.virtual_tokens import VirtualTokenModel
from harness_backends.hf.memory import give_back
from harness_backends.hf.settings import Kind, Quantization, Settings


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A loaded model.

    Attributes:
        name: What the user called it.
        kind: Which requests it answers.
        folder: Where its files lie; an adapter's base.
        adapter: The adapter in its weights.
        quantization: Of the weights, where the settings want it.
        model: A ``transformers`` model of that kind in evaluation mode.
        tokenizer: Its tokenizer.
        device: Where the weights are.
        dtype: Of the weights, as text (``float32``).
        max_length: Longest sequence, in tokens.
        eos_ids: Tokens that end a generation; empty for kinds that do not generate.
        gguf: The one file that is all of the model, where it is a GGUF file.
        stored_as: In words, how that file holds the weights.
    """

    name: str
    kind: Kind
    folder: Path
    adapter: Adapter | None
    quantization: Quantization | None
    model: Any
    tokenizer: Any
    device: torch.device
    dtype: str
    max_length: int
    eos_ids: frozenset[int]
    gguf: Path | None = None
    stored_as: str | None = None

    @property
    def architecture(self) -> str:
        """The class of the model, or of the base of virtual tokens."""
        virtual = isinstance(self.model, VirtualTokenModel)
        return type(self.model.get_base_model() if virtual else self.model).__name__

    def describe(self) -> dict[str, object]:
        """Facts for reports."""
        facts: dict[str, object] = {
            "name": self.name,
            "kind": self.kind,
            "architecture": self.architecture,
            "parameters": sum(weight.numel() for weight in self.model.parameters()),
            "dtype": self.dtype,
            "device": str(self.device),
            "max_length": self.max_length,
        }
        if self.adapter is not None:
            facts |= {"adapter": self.adapter.method.lower(), "base": self.adapter.base}
        if self.eos_ids - {self.tokenizer.eos_token_id}:
            # A chat template's end of turn, or what generation_config.json names, beside EOS.
            facts["ends_with"] = self.tokenizer.convert_ids_to_tokens(sorted(self.eos_ids))
        if self.quantization is not None:
            facts["quantization"] = self.quantization
        if self.stored_as is not None:
            facts["gguf"] = self.stored_as
        return facts

    def release(self) -> None:
        """Frees the weights, whoever refers to the model; it computes nothing from then on."""
        release(self.model)
        give_back()


def load(name: str, dtype: str, device: str, settings: Settings) -> Checkpoint:
    """Loads ``name``.

    Args:
        name: A folder or a hub id.
        dtype: ``auto`` (the checkpoint's own on an accelerator, float32 on a CPU) or a name
            in ``properties.DTYPES``.
        device: ``auto``, ``cpu``, ``cuda``, ….
        settings: The backend's options.

    Raises:
        ModelError: Anything that keeps the checkpoint from being used.
        UsageError: A setting belongs to another kind of model, or asks for more than it takes.
    """
    target = find_device(device)
    source = find_source(name, settings)
    adapter = source.adapter
    with ExitStack() as reading:
        files = _open_files(source, reading)
        kind = settings.chosen_kind or (adapter and adapter.kind) or detect_kind(files.config)
        check_kind(kind, files.config, name)
        check_options(settings, kind)
        extra: dict[str, Any] = {}
        if settings.bits is not None:
            extra = load_arguments(settings.bits, files.config, target)
        quantised = bool(extra) or "quantization_config" in files.config
        reading.enter_context(_quiet())
        tokenizer = _load_tokenizer(files, settings)
        weights = find_dtype(dtype, target, quantised)
        model, report = _load_model(files, kind, weights, settings, extra)
        known = list(model.state_dict())
        # The head of an adapter that brings it; PEFT says where it does not.
        head = {key for key in report["missing_keys"] if not _of_body(model, key)}
        allowed = head if adapter and adapter.brings_head else set[str]()
        if kind == "encoder":  # what BERT's pooler makes of the first token is not read
            allowed |= {key for key in report["missing_keys"] if str(key).startswith("pooler.")}
        check_loaded(name, report, known, allowed)
        if adapter is not None:
            model = apply_adapter(model, adapter, merge=not quantised)
        if not quantised:
            model = model.to(target)
    check_values(name, model.named_parameters())
    embedding = getattr(model, "adapted", model).get_input_embeddings()
    check_vocabulary(name, tokenizer, embedding.weight.shape[0])
    model.eval()
    generates = kind in ("causal", "seq2seq")
    return Checkpoint(
        name=name,
        kind=kind,
        folder=source.folder,
        adapter=adapter,
        quantization=settings.bits,
        model=model,
        tokenizer=tokenizer,
        device=next(model.parameters()).device,
        dtype=str(model.dtype).removeprefix("torch."),
        max_length=_max_length(model, tokenizer, generates, settings),
        eos_ids=take_eos_ids(model, tokenizer) if generates else frozenset(),
        gguf=source.gguf,
        stored_as=files.stored_as,
    )


def _max_length(model: Any, tokenizer: Any, generates: bool, settings: Settings) -> int:
    """The longest sequence in tokens, without what an adapter puts before it."""
    own_length = own_max_length if generates else encoder_max_length
    longest = own_length(model, tokenizer, settings.max_length)
    if isinstance(model, VirtualTokenModel) and settings.max_length is None:
        longest -= model.virtual_tokens
    return longest


# --------------------------------------------------------------------------- loading


@dataclass(frozen=True, slots=True)
class _Files:
    """What ``transformers`` is given: folders, and beside them the name of a GGUF file.

    ``named`` is what messages call them.
    """

    named: Path
    folder: Path
    words: Path
    config: Mapping[str, Any]
    arguments: Mapping[str, str] = field(default_factory=dict)
    stored_as: str | None = None


def _open_files(source: Source, reading: ExitStack) -> _Files:
    """Checks a model's files, of which only configurations and headers are read.

    Raises:
        ModelError: They cannot be right.
    """
    if source.gguf is None:
        config = read_config(source.folder)
        check_files(source.folder)
        check_method(source.folder, config)
        return _Files(source.folder, source.folder, source.words, config)
    header = gguf_file.check(source.gguf)
    place = reading.enter_context(gguf_file.opened())
    words = source.words if source.adapter and source.words != source.folder else place
    return _Files(
        source.gguf,
        place,
        words,
        gguf_file.read_config(place, source.gguf),
        {"gguf_file": str(source.gguf)},
        gguf_file.describe(header),
    )


def _load_tokenizer(files: _Files, settings: Settings) -> Any:
    from transformers import AutoTokenizer

    arguments = files.arguments if files.words == files.folder else {}
    try:
        return AutoTokenizer.from_pretrained(
            str(files.words), trust_remote_code=settings.trust_remote_code, **arguments
        )
    except Exception as error:  # the library raises whatever its parsers raise
        raise ModelError(
            f"{files.named} has no tokenizer that can be loaded: {reason(error)}",
            "Save the model's tokenizer beside its weights: tokenizer.save_pretrained(FOLDER)",
        ) from error


def _load_model(
    files: _Files,
    kind: Kind,
    dtype: torch.dtype | str,
    settings: Settings,
    extra: Mapping[str, Any],
) -> tuple[Any, Mapping[str, Any]]:
    """The model, and what ``transformers`` says of the loading."""
    import transformers

    extra = {**files.arguments, **extra}
    if settings.attn_implementation is not None:
        extra["attn_implementation"] = settings.attn_implementation
    if not files.arguments:
        extra["use_safetensors"] = None if settings.allow_pickle else True
    try:
        model, found = getattr(transformers, AUTO_CLASSES[kind]).from_pretrained(
            str(files.folder),
            output_loading_info=True,
            dtype=dtype,
            trust_remote_code=settings.trust_remote_code,
            **extra,
        )
    except Exception as error:  # unreadable weights, unknown architecture, missing packages
        hint = f"Expected a {kind} model that this version of transformers knows"
        if "trust_remote_code" in str(error):
            hint = "It brings its own code: where you trust it, --set trust_remote_code=true"
        elif "quantization_config" in files.config:
            hint = missing_library(files.config)
        raise ModelError(f"{files.named} cannot be loaded: {reason(error)}", hint) from error
    return model, found


def _of_body(model: Any, key: str) -> bool:
    return key.startswith(f"{model.base_model_prefix}.")


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the libraries' progress bars, notices and warnings off the screen."""
    from transformers.utils import logging as transformers_logging

    verbosity = transformers_logging.get_verbosity()
    bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity(logging.CRITICAL)
    transformers_logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if bars:
            transformers_logging.enable_progress_bar()
