"""What identifies a model's answers: weights, tokenizer, configuration, dtype, settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.authoring.chat import encoding
from harness.authoring.io.file_hashes import sha256_of
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
            "files": hashes(folder),
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
        adapter=None if adapter is None else hashes(adapter.folder),
        quantization=checkpoint.quantization,
        **identity,
    )


def hashes(folder: Path) -> dict[str, str]:
    """Name → SHA-256 of the files that decide what a checkpoint answers.

    Args:
        folder: The checkpoint's, or the GGUF file that is all of it; its name says nothing.
    """
    if folder.is_file():
        return {"gguf": sha256_of(folder)}
    found = {
        path.name: sha256_of(path)
        for path in sorted(folder.iterdir())
        if path.is_file() and path.suffix in _SUFFIXES
    }
    layers = sorted(folder.glob("[0-9]_*/config.json"))  # of sentence-transformers: its pooling
    return found | {f"{path.parent.name}/{path.name}": sha256_of(path) for path in layers}
