"""A PEFT folder beside its base model: read, put on the base, and merged where that is possible.

Merged, an adapted model is an ordinary one and every engine reads it. Prompt and prefix tuning
have no merged form: their virtual tokens come before the text (see ``virtual_tokens``). Base and
adapter are asked through one path either way, so that they differ only by the adapter.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.authoring.checkpoint import reason, tensor_shapes
from harness.errors import MissingExtraError, ModelError, UsageError
from harness_backends.hf.checkpoint.virtual_tokens import VirtualTokenModel
from harness_backends.hf.settings import Kind

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_VIRTUAL_TOKENS = ("PROMPT_TUNING", "P_TUNING", "PREFIX_TUNING")
_NEED_MORE = ("MULTITASK_PROMPT_TUNING", "CPT")
"""Virtual tokens that depend on more than the text."""
_KINDS: dict[str, Kind] = {
    "CAUSAL_LM": "causal",
    "SEQ_2_SEQ_LM": "seq2seq",
    "SEQ_CLS": "classifier",
    "QUESTION_ANS": "extractive_qa",
}


@dataclass(frozen=True, slots=True)
class Adapter:
    """An adapter's folder.

    Attributes:
        folder: Where it lies.
        base: Folder or hub id of the model that it changes.
        revision: The base's branch, tag or commit, where the adapter names one.
        method: PEFT's name of the method: ``LORA``, ….
        kind: The kind of model that it was trained as; None where it does not say.
    """

    folder: Path
    base: str
    revision: str | None
    method: str
    kind: Kind | None

    @property
    def brings_head(self) -> bool:
        """Whether the adapter holds the model's head, which the base then lacks."""
        return self.kind in ("classifier", "extractive_qa")

    @property
    def is_virtual(self) -> bool:
        """Whether it is virtual tokens before the text, which cannot be merged."""
        return self.method in _VIRTUAL_TOKENS


def read_adapter(folder: Path, base: str | None) -> Adapter | None:
    """The adapter in ``folder``; None where it holds a whole model.

    Args:
        folder: A checkpoint folder.
        base: What the user says is the base model.

    Raises:
        ModelError: The adapter's configuration cannot be used.
        UsageError: A base is given for a whole model.
    """
    path = folder / CONFIG
    if not path.is_file() or _holds_model(folder):
        if base is not None:
            raise UsageError(
                f"base = {base!r}, and {folder} is not an adapter alone",
                f"Expected a folder with {CONFIG} and without a model's weights",
            )
        return None
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        method, named = str(config["peft_type"]), config.get("base_model_name_or_path")
    except (ValueError, OSError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(
            f"{path} cannot be read: {error}", "Expected PEFT's configuration, with a peft_type"
        ) from error
    kind = _KINDS.get(str(config.get("task_type")))
    if method in _NEED_MORE or (method in _VIRTUAL_TOKENS and kind not in ("causal", None)):
        raise ModelError(
            f"{folder} holds virtual tokens ({method}, {config.get('task_type')}), "
            "which cannot be read here",
            f"Expected {', '.join(_VIRTUAL_TOKENS)} for a causal model, or an adapter that can be "
            "merged, such as LoRA",
        )
    if base is None and not named:
        raise ModelError(f"{path} names no base model", "Say which: --set base=FOLDER_OR_HUB_ID")
    return Adapter(
        folder,
        base or str(named),
        config.get("revision") if base is None else None,
        method,
        kind,
    )


def _holds_model(folder: Path) -> bool:
    """Whether a folder holds whole weights; only a config.json, as trainers copy it, is not one."""
    names = {path.name for path in folder.glob("*.safetensors")}
    return (folder / "config.json").is_file() and bool(names - {WEIGHTS})


def apply_adapter(model: Any, adapter: Adapter, merge: bool) -> Any:
    """The adapted model, of the same class as ``model``.

    Args:
        model: The base.
        adapter: What to put on it.
        merge: Whether to add the changes to the weights; quantised weights would lose them.

    Raises:
        MissingExtraError: PEFT is not installed.
        ModelError: The adapter does not fit the base.
    """
    try:
        import peft
    except ImportError as error:
        raise MissingExtraError("an adapter", "align") from error
    try:
        _resize(model, adapter.folder)
        with warnings.catch_warnings():
            # PEFT only warns when the folder lacks weights that its configuration promises.
            warnings.filterwarnings("error", message="Found missing adapter keys")
            adapted = peft.PeftModel.from_pretrained(model, str(adapter.folder))
        if adapter.is_virtual:
            return VirtualTokenModel(adapted)
        return adapted.merge_and_unload(safe_merge=True) if merge else adapted.get_base_model()
    except Exception as error:  # the library raises whatever its tuners raise
        raise ModelError(
            f"the adapter {adapter.folder} does not fit {adapter.base}: {reason(error)}",
            "Say which model it was trained on: --set base=FOLDER_OR_HUB_ID",
        ) from error


def _resize(model: Any, folder: Path) -> None:
    """Gives the base as many embeddings as the adapter was trained with.

    Tokens that are added for a training come with the adapter: as whole embeddings, or as LoRA's
    matrices of the embedding.
    """
    names = [
        name
        for name, module in model.named_modules()
        if module in (model.get_input_embeddings(), model.get_output_embeddings())
    ]
    rows = set()
    for path in folder.glob("*.safetensors"):
        for key, shape in tensor_shapes(path).items():
            inside = any(f".{name}." in f".{key}" for name in names)
            if inside and key.endswith("lora_embedding_A"):
                rows.add(shape[1])
            elif inside and key.endswith(".weight") and "lora_" not in key:
                rows.add(shape[0])
    own = model.get_input_embeddings().weight.shape[0]
    if len(rows) == 1 and rows != {own}:
        model.resize_token_embeddings(rows.pop(), mean_resizing=False)
