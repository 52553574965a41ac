"""What a checkpoint's files say of themselves, before a library reads them."""

from __future__ import annotations

import json
from pathlib import Path

from harness.errors import ModelError

_HEADER = 100 << 20
"""Longest header of a safetensors file in bytes, by the format's own rule."""
_POINTER = b"version https://git-lfs"


def tensor_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Name → shape of the tensors of a safetensors file, from its header alone.

    Raises:
        ModelError: It is no safetensors file; says what it is.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        if start == _POINTER[:8]:
            raise ModelError(
                f"{path} is a git-lfs pointer, not the weights themselves",
                "Fetch them: git lfs pull, or huggingface-cli download",
            )
        length = int.from_bytes(start, "little")
        if len(start) < 8 or length > min(size - 8, _HEADER):
            raise ModelError(
                f"{path} is cut off or no safetensors file ({size:,} bytes)",
                "Copy or download it again",
            )
        try:
            header = json.loads(file.read(length))
            tensors = {key: value for key, value in header.items() if key != "__metadata__"}
            shapes = {
                key: tuple(int(side) for side in value["shape"]) for key, value in tensors.items()
            }
            end = max((int(value["data_offsets"][1]) for value in tensors.values()), default=0)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ModelError(
                f"{path} is no safetensors file: its header cannot be read",
                "Copy or download it again",
            ) from error
    if 8 + length + end != size:
        raise ModelError(
            f"{path} is cut off: {size:,} bytes, and its header speaks of {8 + length + end:,}",
            "Copy or download it again",
        )
    return shapes


def reason(error: BaseException) -> str:
    """What a library says is wrong: its text in one line, as far as a screen bears it."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


_LONGEST = 600
