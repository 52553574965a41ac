"""Hugging Face models, with an engine for causal ones that computes no token twice.

Reading order: ``harness.authoring.chat.encoding`` (text → token ids), ``plain`` (the reference),
then ``engine`` with ``prefix_tree``: ``tree`` → ``packing`` → ``attention`` → ``scoring`` →
``decoding``, and for models that cannot take a tree with ``cache_fork``: ``shared_prefixes`` →
``caches`` → ``scoring`` → ``decoding``. ``backend`` joins them; ``kinds`` holds all other kinds of
model, ``opening`` chooses. Nothing heavy is imported until ``open_hf`` is called.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import MissingExtraError, ModelError

if TYPE_CHECKING:
    from harness.protocols import BackendOptions, ModelBackend


def open_hf(options: BackendOptions) -> ModelBackend:
    """Opens a checkpoint folder, GGUF file or hub id.

    One that was opened before, with the same files and options, is loaded at its first request.

    Raises:
        MissingExtraError: torch or transformers are not installed.
        ModelError: The checkpoint or an option cannot be used.
    """
    from harness_backends.hf.reopening import reopened

    return reopened(options, lambda: _load(options))


def _load(options: BackendOptions) -> ModelBackend:
    from harness_backends.hf import threads

    threads.prepare()
    before = threads.look()
    try:
        import torch  # noqa: F401
        import transformers  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("the hf backend", "hf") from error
    from harness_backends.hf.opening import open_checkpoint

    return open_checkpoint(options, threads.thread_count(before))


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
