"""What identifies a model's answers: weights, tokenizer, configuration, dtype, settings."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from harness.authoring.chat import encoding
from harness.authoring.io.serialization import canonical_hash

if TYPE_CHECKING:
    from harness_backends.hf.loading import Checkpoint

_SUFFIXES = {
    ".safetensors",
    ".bin",
    ".pt",
    ".pth",
    ".json",
    ".model",
    ".spm",
    ".txt",
    ".jinja",
    ".py",
}
_CHUNK = 1 << 22


def fingerprint(
    folder: Path, dtype: str, chat_template: bool, max_length: int, **identity: object
) -> str:
    """SHA-256 (hex) of the files' content and of what else changes an answer.

    The engine and the batch size are left out: answers do not depend on them.

    Args:
        folder: The checkpoint's, or the one file that is all of it.
        dtype: Of the weights.
        chat_template: Whether string prompts go through the chat template.
        max_length: Longest sequence in tokens.
        **identity: What else does, JSON-ready.
    """
    return canonical_hash(
        {
            **identity,
            "encoding": encoding.VERSION,
            "files": {"gguf": _file_hash(folder)} if folder.is_file() else _files(folder),
            "dtype": dtype,
            "chat_template": chat_template,
            "max_length": max_length,
        }
    )


def of_checkpoint(checkpoint: Checkpoint, chat_template: bool, **identity: object) -> str:
    """``fingerprint`` of a loaded model, of its kind, and of an adapter in its weights."""
    adapter = checkpoint.adapter
    return fingerprint(
        checkpoint.gguf or checkpoint.folder,
        checkpoint.dtype,
        chat_template,
        checkpoint.max_length,
        kind=checkpoint.kind,
        adapter=None if adapter is None else _files(adapter.folder),
        quantization=checkpoint.quantization,
        **identity,
    )


def _files(folder: Path) -> dict[str, str]:
    return {
        path.name: _file_hash(path)
        for path in sorted(folder.iterdir())
        if path.is_file() and path.suffix in _SUFFIXES
    }


def _file_hash(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
