"""A PEFT folder beside its base model: read, put on the base, and merged where that is possible.

Merged, an adapted model is an ordinary one and every engine reads it. Prompt and prefix tuning
have no merged form: their virtual tokens come before the text.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import MissingExtraError, ModelError, UsageError
from harness_backends.hf.settings import Kind

CONFIG = "adapter_config.json"
_VIRTUAL_TOKENS = ("PROMPT_TUNING", "P_TUNING", "PREFIX_TUNING", "MULTITASK_PROMPT_TUNING", "CPT")
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
    if (folder / "config.json").is_file() or not path.is_file():
        if base is not None:
            raise UsageError(
                f"base = {base!r}, and {folder} is not an adapter alone",
                f"Expected a folder with {CONFIG} and without config.json",
            )
        return None
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        method, named = str(config["peft_type"]), config.get("base_model_name_or_path")
    except (ValueError, OSError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{path} cannot be read: {error}", "Expected PEFT's configuration, with a peft_type"
        ) from error
    if method in _VIRTUAL_TOKENS:
        raise ModelError(
            f"{folder} holds virtual tokens ({method}), which cannot be merged into a model",
            f"For a causal model: --model peft:{folder}",
        )
    if base is None and not named:
        raise ModelError(f"{path} names no base model", "Say which: --set base=FOLDER_OR_HUB_ID")
    return Adapter(
        folder,
        base or str(named),
        config.get("revision") if base is None else None,
        method,
        _KINDS.get(str(config.get("task_type"))),
    )


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
        with warnings.catch_warnings():
            # PEFT only warns when the folder lacks weights that its configuration promises.
            warnings.filterwarnings("error", message="Found missing adapter keys")
            adapted = peft.PeftModel.from_pretrained(model, str(adapter.folder))
        return adapted.merge_and_unload(safe_merge=True) if merge else adapted.get_base_model()
    except Exception as error:  # the library raises whatever its tuners raise
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise ModelError(
            f"the adapter {adapter.folder} does not fit {adapter.base}: {lines[0][:300]}",
            "Say which model it was trained on: --set base=FOLDER_OR_HUB_ID",
        ) from error
