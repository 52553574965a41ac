"""A checkpoint folder or hub id → model and tokenizer, or an error that says what to do."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from harness.authoring.chat.encoding import end_of_turn
from harness.authoring.checkpoint import (
    check_files,
    check_loaded,
    check_regular,
    check_values,
    check_vocabulary,
    reason,
)
from harness.errors import ModelError
from harness_backends.hf.checkpoint.adapters import Adapter, apply_adapter, read_adapter
from harness_backends.hf.checkpoint.kind_detection import (
    AUTO_CLASSES,
    check_kind,
    check_options,
    detect_kind,
)
from harness_backends.hf.checkpoint.length import encoder_max_length, own_max_length
from harness_backends.hf.checkpoint.quantization import (
    check_method,
    load_arguments,
    missing_library,
)
from harness_backends.hf.checkpoint.virtual_tokens import VirtualTokenModel
from harness_backends.hf.settings import Kind, Quantization, Settings

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_FORM = ("decoder_start_token_id", "forced_bos_token_id", "bad_words_ids")
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")
_HUB_FILES = (
    "*.safetensors",
    "*.json",
    "*.txt",
    "*.model",
    "*.spm",
    "*.jinja",
    "*.tiktoken",
    "*.py",
)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A loaded model.

    Attributes:
        name: What the user called it.
        kind: What it can be asked.
        folder: Where its files lie; an adapter's base.
        adapter: The adapter in its weights.
        quantization: Of the weights, where that was asked for.
        model: A ``transformers`` model of that kind in evaluation mode.
        tokenizer: Its tokenizer.
        device: Where the weights are.
        dtype: Of the weights, as text (``float32``).
        max_length: Longest sequence, in tokens.
        eos_ids: Tokens that end a generation; empty for kinds that do not generate.
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
        return facts


def load(name: str, dtype: str, device: str, settings: Settings) -> Checkpoint:
    """Loads ``name``.

    Args:
        name: A folder or a hub id.
        dtype: ``auto`` (the checkpoint's own on an accelerator, float32 on a CPU) or a name
            in ``DTYPES``.
        device: ``auto``, ``cpu``, ``cuda``, ….
        settings: The backend's options.

    Raises:
        ModelError: Anything that keeps the checkpoint from being used.
        UsageError: A setting belongs to another kind of model, or asks for more than it takes.
    """
    target = _device(device)
    folder = find_folder(name, settings)
    adapter = read_adapter(folder, settings.base)
    words = folder  # where the tokenizer is
    if adapter is not None:
        folder = _find_base(adapter, settings)
        words = words if (words / "tokenizer_config.json").is_file() else folder
    config = _read_config(folder)
    check_files(folder)
    check_method(folder, config)
    kind = settings.kind or (adapter and adapter.kind) or detect_kind(config)
    check_kind(kind, config, name)
    check_options(settings, kind)
    extra: dict[str, Any] = {}
    if settings.quantization is not None:
        extra = load_arguments(settings.quantization, config, target)
    quantised = bool(extra) or "quantization_config" in config
    with _quiet():
        tokenizer = _load_tokenizer(words, settings)
        weights = _dtype(dtype, target, quantised)
        model, report = _load_model(folder, kind, config, weights, settings, extra)
        known = list(model.state_dict())
        # The head of an adapter that brings it; PEFT says where it does not.
        head = {key for key in report["missing_keys"] if not _of_body(model, key)}
        check_loaded(name, report, known, head if adapter and adapter.brings_head else ())
        if adapter is not None:
            model = apply_adapter(model, adapter, merge=not quantised)
        if not quantised:
            model = model.to(target)
    check_values(name, model.named_parameters())
    embedding = getattr(model, "adapted", model).get_input_embeddings()
    check_vocabulary(name, tokenizer, embedding.weight.shape[0])
    model.eval()
    generates = kind in ("causal", "seq2seq")
    own_length = own_max_length if generates else encoder_max_length
    longest = own_length(model, tokenizer, settings.max_length)
    if isinstance(model, VirtualTokenModel) and settings.max_length is None:
        longest -= model.virtual_tokens
    return Checkpoint(
        name=name,
        kind=kind,
        folder=folder,
        adapter=adapter,
        quantization=settings.quantization,
        model=model,
        tokenizer=tokenizer,
        device=next(model.parameters()).device,
        dtype=str(model.dtype).removeprefix("torch."),
        max_length=longest,
        eos_ids=_take_eos_ids(model, tokenizer) if generates else frozenset(),
    )


# --------------------------------------------------------------------------- files


def find_folder(name: str, settings: Settings) -> Path:
    """The folder of ``name``, fetched from the hub where it is not a local one.

    Raises:
        ModelError: No such folder, the hub cannot be reached, or only pickled weights.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        check_regular(folder)
        _check_weights(folder, settings)
        return folder
    if folder.exists():
        raise ModelError(f"{name} is a file", "Expected the folder that holds config.json")
    if name.startswith((".", "/", "~")) or name.count("/") != 1 or name.endswith("/"):
        raise ModelError(
            f"there is no checkpoint folder {name}",
            "Expected a folder with config.json, safetensors and tokenizer files, "
            "or a hub id such as ORGANISATION/MODEL",
        )
    folder = _fetch(name, settings)
    _check_weights(folder, settings)
    return folder


def _find_base(adapter: Adapter, settings: Settings) -> Path:
    try:
        return find_folder(adapter.base, replace(settings, revision=adapter.revision))
    except ModelError as error:
        raise ModelError(
            f"the base of the adapter {adapter.folder}: {error.message}",
            "Say where it is: --set base=FOLDER_OR_HUB_ID",
        ) from error


def _fetch(name: str, settings: Settings) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    patterns = [*_HUB_FILES, *(_PICKLES if settings.allow_pickle else ())]
    try:
        return Path(snapshot_download(name, revision=settings.revision, allow_patterns=patterns))
    except (HfHubHTTPError, HFValidationError, OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(
            f"{name} is no local folder and could not be fetched from the hub: {reason}",
            "Give the path of a checkpoint folder, or check the name, the revision, the network "
            "and (for gated models) `hf auth login`",
        ) from error


def _check_weights(folder: Path, settings: Settings) -> None:
    if any(folder.glob("*.safetensors")):
        return
    pickles = sorted(path.name for pattern in _PICKLES for path in folder.glob(pattern))
    if not pickles:
        raise ModelError(
            f"{folder} holds no weights", "Expected model.safetensors (or its shards) in it"
        )
    if not settings.allow_pickle:
        raise ModelError(
            f"{folder} holds its weights as a pickle only ({pickles[0]}), which can run code",
            "Convert it: model.save_pretrained(…) writes safetensors; "
            "or, where you trust its author, --set allow_pickle=true",
        )


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    if not path.is_file():
        raise ModelError(f"{folder} holds no config.json", "Expected a Hugging Face checkpoint")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise ModelError(f"{path} cannot be read: {error}", "Expected a JSON object") from error
    if not isinstance(config, dict) or not ("model_type" in config or "auto_map" in config):
        raise ModelError(f"{path} names no model_type", "Expected a Hugging Face configuration")
    return config


# --------------------------------------------------------------------------- loading


def _load_tokenizer(folder: Path, settings: Settings) -> Any:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(
            str(folder), trust_remote_code=settings.trust_remote_code
        )
    except Exception as error:  # the library raises whatever its parsers raise
        raise ModelError(
            f"{folder} has no tokenizer that can be loaded: {reason(error)}",
            "Save the model's tokenizer beside its weights: tokenizer.save_pretrained(FOLDER)",
        ) from error


def _load_model(
    folder: Path,
    kind: Kind,
    config: Mapping[str, Any],
    dtype: torch.dtype | str,
    settings: Settings,
    extra: Mapping[str, Any],
) -> tuple[Any, Mapping[str, Any]]:
    """The model, and what ``transformers`` says of the loading."""
    import transformers

    extra = dict(extra)
    if settings.attn_implementation is not None:
        extra["attn_implementation"] = settings.attn_implementation
    try:
        model, found = getattr(transformers, AUTO_CLASSES[kind]).from_pretrained(
            str(folder),
            output_loading_info=True,
            dtype=dtype,
            use_safetensors=None if settings.allow_pickle else True,
            trust_remote_code=settings.trust_remote_code,
            **extra,
        )
    except Exception as error:  # unreadable weights, unknown architecture, missing packages
        hint = f"Expected a {kind} model that this version of transformers knows"
        if "trust_remote_code" in str(error):
            hint = "It brings its own code: where you trust it, --set trust_remote_code=true"
        elif "quantization_config" in config:
            hint = missing_library(config)
        raise ModelError(f"{folder} cannot be loaded: {reason(error)}", hint) from error
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


# --------------------------------------------------------------------------- properties


def _device(device: str) -> torch.device:
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


def _dtype(dtype: str, device: torch.device, quantised: bool) -> torch.dtype | str:
    if dtype == "auto":
        return torch.float32 if device.type == "cpu" and not quantised else "auto"
    if dtype not in DTYPES:
        raise ModelError(f"dtype {dtype!r}", f"Expected auto or one of {', '.join(DTYPES)}")
    return DTYPES[dtype]


def _is_token(token: object) -> bool:
    """Whether it can be a token's id; many files say -1 where there is none."""
    return type(token) is int and -1 <= token < 2**31


def _take_eos_ids(model: Any, tokenizer: Any) -> frozenset[int]:
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
