"""What this package registers."""

from __future__ import annotations

from harness import hookimpl
from harness.protocols import BackendSpec
from harness_backends import replay
from harness_backends.hf import HF_OPTIONS, open_hf


@hookimpl
def harness_register_backends() -> list[BackendSpec]:
    """The backends that ship with the harness."""
    return [
        BackendSpec("hf", "a Hugging Face checkpoint folder or hub id", open_hf, HF_OPTIONS),
        BackendSpec(
            "replay",
            "saved outputs: JSON, JSONL or a text file",
            replay.open_replay,
            replay.OPTIONS,
        ),
    ]
