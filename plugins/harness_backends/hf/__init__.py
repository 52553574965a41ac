"""Hugging Face causal language models, with an engine that computes no token twice.

Reading order: ``encoding`` (text → token ids), ``plain`` (the simple reference path), then the
engine: ``tree`` → ``packing`` → ``attention`` → ``scoring`` → ``decoding``, and for models that
cannot take a tree ``trunks`` → ``caches`` → ``forking`` → ``fork_decoding``. ``backend`` joins
them. Nothing heavy is imported until ``open_hf`` is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import MissingExtraError

if TYPE_CHECKING:
    from harness.protocols import BackendOptions, ModelBackend

HF_OPTIONS = {
    "chat_template": "auto (default: on where the tokenizer has one), on, off",
    "max_length": "longest sequence in tokens (default: the model's own)",
    "revision": "branch, tag or commit on the hub",
    "attn_implementation": "attention of the plain path: sdpa, eager, … (default: the model's own)",
    "engine": "auto (default: the first that comes out right), tree, fork or plain",
    "token_budget": "most tokens in one forward pass (default: chosen for the device)",
    "allow_pickle": "true loads checkpoints that are not safetensors; they can run code",
    "trust_remote_code": "true runs code that the checkpoint brings",
}
"""``--set KEY=VALUE`` for this backend."""


def open_hf(options: BackendOptions) -> ModelBackend:
    """Loads a checkpoint folder or hub id.

    Raises:
        MissingExtraError: torch or transformers are not installed.
        ModelError: The checkpoint or an option cannot be used.
    """
    try:
        import torch  # noqa: F401
        import transformers  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("the hf backend", "hf") from error
    from harness_backends.hf.backend import HuggingFaceBackend

    return HuggingFaceBackend.open(options)
