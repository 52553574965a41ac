"""Hugging Face models, with an engine for causal ones that computes no token twice.

Reading order: ``encoding`` (text → token ids), ``plain`` (the simple reference path), then the
engine: ``tree`` → ``packing`` → ``attention`` → ``scoring`` → ``decoding``, and for models that
cannot take a tree ``trunks`` → ``caches`` → ``forking`` → ``fork_decoding``. ``backend`` joins
them; ``kinds`` holds all other kinds of model, ``opening`` chooses. Nothing heavy is imported
until ``open_hf`` is called.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import MissingExtraError, ModelError

if TYPE_CHECKING:
    from harness.protocols import BackendOptions, ModelBackend

HF_OPTIONS = {
    "kind": "auto (default: by config.json), causal, seq2seq, classifier, masked, extractive_qa, "
    "token_classifier, encoder",
    "chat_template": "auto (default: on where the tokenizer has one), on, off",
    "max_length": "longest sequence in tokens (default: the model's own)",
    "revision": "branch, tag or commit on the hub",
    "attn_implementation": "attention of the plain path: sdpa, eager, … (default: the model's own)",
    "engine": "auto (default: the first that comes out right), tree, fork or plain",
    "token_budget": "most tokens in one forward pass (default: chosen for the device)",
    "allow_pickle": "true loads checkpoints that are not safetensors; they can run code",
    "trust_remote_code": "true runs code that the checkpoint brings",
    "base": "an adapter's base model: folder or hub id (default: the one that it names)",
    "quantization": "none (default), 8bit or 4bit: weights on loading, by bitsandbytes",
    "source_lang": "seq2seq: code of the language to read (mBART, M2M-100, NLLB): en_XX, …",
    "target_lang": "seq2seq: code of the language to write",
    "label_map": "classifier: the task's label for each of the model's: LABEL_0:negative,…",
    "doc_stride": "extractive_qa: tokens that windows of a passage share (default 128)",
    "pooling": "encoder: auto (default: as the checkpoint says, else mean), mean, cls, max, last",
    "max_answer_length": "extractive_qa: longest answer in tokens (default 30)",
}
"""``--set KEY=VALUE`` for this backend."""


def open_hf(options: BackendOptions) -> ModelBackend:
    """Opens a checkpoint folder, GGUF file or hub id.

    One that was opened before, with the same files and options, is loaded when it is asked.

    Raises:
        MissingExtraError: torch or transformers are not installed.
        ModelError: The checkpoint or an option cannot be used.
    """
    from harness_backends.hf.reopening import reopened

    return reopened(options, lambda: _load(options))


def _load(options: BackendOptions) -> ModelBackend:
    from harness_backends.hf import threads

    threads.wait_passively()
    before = threads.look()
    try:
        import torch  # noqa: F401
        import transformers  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("the hf backend", "hf") from error
    from harness_backends.hf.opening import open_checkpoint

    model = open_checkpoint(options)
    if model.describe()["device"] == "cpu":
        threads.choose_threads(before)
    return model


def open_peft(options: BackendOptions) -> ModelBackend:
    """``peft:FOLDER``: as ``open_hf``, of a folder that has to be an adapter.

    Raises:
        MissingExtraError: torch, transformers or PEFT are not installed.
        ModelError: The folder holds no adapter, or it cannot be used.
    """
    if Path(options.model).is_dir() and not (Path(options.model) / "adapter_config.json").is_file():
        raise ModelError(
            f"{options.model} holds no adapter", "Expected a folder with adapter_config.json"
        )
    return open_hf(options)
