"""What a trainer's exception means to a user."""

from __future__ import annotations

import errno

from harness.errors import RunFailedError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FULL_TEXTS = ("no space left on device", "file too large", "disk quota exceeded")


def explain(error: Exception) -> RunFailedError:
    """The error with its reason in words and what to do about it."""
    text = f"{type(error).__name__}: {error}"
    lowered = text.lower()
    if getattr(error, "errno", None) in _FULL or any(each in lowered for each in _FULL_TEXTS):
        return RunFailedError(
            f"the disk is full: {error}",
            "The last complete checkpoint is kept. Make room, then go on with --resume.",
        )
    if "out of memory" in lowered or "can't allocate memory" in lowered:
        return RunFailedError(
            f"out of memory: {error}",
            "Take a smaller batch_size (with more gradient_accumulation), a smaller max_length, "
            "gradient_checkpointing=true or adapter=lora, then go on with --resume.",
        )
    return RunFailedError(f"training failed: {text}")
