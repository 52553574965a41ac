"""What this package registers."""

from __future__ import annotations

from harness import hookimpl
from harness.protocols import BackendSpec
from harness_backends import replay
from harness_backends.api import open_anthropic, open_openai
from harness_backends.api.settings import ANTHROPIC_OPTIONS, OPENAI_OPTIONS
from harness_backends.hf import HF_OPTIONS, open_hf


@hookimpl
def harness_register_backends() -> list[BackendSpec]:
    """The backends that ship with the harness."""
    return [
        BackendSpec("hf", "a Hugging Face checkpoint folder or hub id", open_hf, HF_OPTIONS),
        BackendSpec("openai", "any OpenAI-compatible server", open_openai, OPENAI_OPTIONS),
        BackendSpec("anthropic", "Anthropic's Messages API", open_anthropic, ANTHROPIC_OPTIONS),
        BackendSpec(
            "replay",
            "saved outputs: JSON, JSONL or a text file",
            replay.open_replay,
            replay.OPTIONS,
        ),
    ]
