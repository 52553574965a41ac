"""Prompts as chat endpoints and text endpoints take them."""

from __future__ import annotations

from harness.errors import ModelError
from harness.types import Prompt


def as_messages(prompt: Prompt) -> list[dict[str, str]]:
    """Chat messages; plain text becomes one message of the user."""
    if isinstance(prompt, str):
        return [{"role": "user", "content": prompt}]
    return [{"role": turn.role, "content": turn.content} for turn in prompt]


def as_text(prompt: Prompt) -> str:
    """Plain text, verbatim.

    Raises:
        ModelError: Chat messages.
    """
    if isinstance(prompt, str):
        return prompt
    raise ModelError(
        "chat messages need a chat endpoint, which is not used here",
        "Set endpoint=chat, or use a task template that gives plain text.",
    )


def check_open(prompt: Prompt) -> None:
    """Refuses a conversation that ends with the answer's beginning.

    Raises:
        ModelError: It does: chat servers would begin another answer behind it.
    """
    if not isinstance(prompt, str) and prompt and prompt[-1].role == "assistant":
        raise ModelError(
            "the prompt ends where the answer has begun, and chat endpoints do not continue that",
            "Leave out prefill, or set endpoint=completions with a task template of plain text.",
        )


def size(prompt: Prompt) -> int:
    """Bytes of a prompt's text."""
    return sum(len(turn["content"].encode("utf-8", "replace")) for turn in as_messages(prompt))
