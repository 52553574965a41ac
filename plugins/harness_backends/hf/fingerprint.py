"""What identifies a model's answers: weights, tokenizer, configuration, dtype, settings."""

from __future__ import annotations

import hashlib
from pathlib import Path

from harness.codec import canonical_hash

_SUFFIXES = {".safetensors", ".bin", ".pt", ".pth", ".json", ".model", ".txt", ".jinja", ".py"}
_CHUNK = 1 << 22


def fingerprint(folder: Path, dtype: str, chat_template: bool, max_length: int) -> str:
    """SHA-256 (hex) of the files' content and of what else changes an answer.

    The engine and the batch size are left out: answers do not depend on them.
    """
    files = {
        path.name: _file_hash(path)
        for path in sorted(folder.iterdir())
        if path.is_file() and path.suffix in _SUFFIXES
    }
    return canonical_hash(
        {
            "files": files,
            "dtype": dtype,
            "chat_template": chat_template,
            "max_length": max_length,
        }
    )


def _file_hash(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
