"""Reading what servers send: JSON that may be anything.

Each reader says by ``RequestError`` (malformed answer) what is missing, so that the request is
asked again, and by ``RequestError`` (content filter) that the provider held the answer back.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.answers import thinking
from harness.types import Completion
from harness_backends.api.budget import Spent
from harness_backends.api.failures import Kind, RequestError

LONGEST_TEXT = 4_000_000
"""Characters; more than any model writes, little enough to keep."""


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A prompt token's log-probability given all before it, and whether it was the argmax."""

    value: float
    is_greedy: bool


def as_object(content: object) -> dict[str, Any]:
    """The JSON object of a response's body."""
    if not isinstance(content, dict):
        raise _malformed("the answer is not a JSON object")
    return content


def clean(text: str) -> str:
    """Text that can be written as UTF-8: lone surrogates, which JSON allows, are replaced."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def completion(
    text: str, finish_reason: str, stop: Sequence[str], tokens: int | None
) -> Completion:
    """The answer without thinking, cut at the first stop string whether or not the server did."""
    if len(text) > LONGEST_TEXT:
        raise _malformed(f"the answer has {len(text):,} characters")
    return thinking.completion(clean(text), finish_reason, stop, tokens)


# --------------------------------------------------------------------------- OpenAI's formats


def openai_usage(answer: dict[str, Any]) -> Spent | None:
    """Tokens of a chat or text completion; None where the server does not tell."""
    usage = answer.get("usage")
    if not isinstance(usage, dict):
        return None
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else 0
    prompt = _count(usage.get("prompt_tokens"))
    return Spent(prompt, _count(usage.get("completion_tokens")), min(prompt, _count(cached)))


def openai_choice(answer: dict[str, Any]) -> dict[str, Any]:
    """The first choice."""
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise _malformed("the answer holds no choices")
    return choices[0]


def chat_text(choice: dict[str, Any]) -> tuple[str, str]:
    """Text and finish reason of a chat choice.

    A refusal in words is an answer. So is nothing at all where the tokens ran out (a model may
    spend them on reasoning).
    """
    reason = _finish_reason(choice)
    message = choice.get("message")
    if not isinstance(message, dict):
        raise _malformed("the choice holds no message")
    content = message.get("content")
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        content = "".join(part for part in parts if isinstance(part, str))
    if content is None:
        content = message.get("refusal")
    if content is None and reason == "length":
        content = ""
    if not isinstance(content, str):
        raise _malformed("an answer without content")
    return content, reason


def text_of(choice: dict[str, Any]) -> tuple[str, str]:
    """Text and finish reason of a text completion's choice."""
    reason = _finish_reason(choice)
    text = choice.get("text")
    if not isinstance(text, str):
        raise _malformed("the choice holds no text")
    return text, reason


def _finish_reason(choice: dict[str, Any]) -> str:
    reason = choice.get("finish_reason")
    if reason == "content_filter":
        raise RequestError(Kind.FILTERED, "the provider held the answer back")
    return reason if isinstance(reason, str) else "stop"


# --------------------------------------------------------------------------- log-probabilities


def echoed_logprobs(answer: dict[str, Any], prompt_tokens: int | None) -> list[TokenLogprob | None]:
    """OpenAI's ``echo=True, logprobs=1``: of each prompt token; None for the first.

    Args:
        answer: Of a request for one new token, which is dropped.
        prompt_tokens: How many there are, where known; else the server's own count.
    """
    logprobs = openai_choice(answer).get("logprobs")
    values = logprobs.get("token_logprobs") if isinstance(logprobs, dict) else None
    tops = logprobs.get("top_logprobs") if isinstance(logprobs, dict) else None
    usage = openai_usage(answer)
    counted = usage.prompt if usage is not None else 0
    if prompt_tokens is not None and counted not in (0, prompt_tokens):
        raise _malformed(f"the server counts {counted} tokens where {prompt_tokens} were sent")
    count = prompt_tokens if prompt_tokens is not None else counted
    if not isinstance(values, list) or not isinstance(tops, list) or not count:
        raise _malformed("the answer echoes no log-probabilities")
    if len(values) < count or len(tops) < count:
        raise _malformed(f"{len(values)} log-probabilities for {count} prompt tokens")
    return [_echoed(value, top) for value, top in zip(values[:count], tops[:count], strict=True)]


def _echoed(value: object, top: object) -> TokenLogprob | None:
    if value is None:
        return None
    best = max(map(_logprob, top.values()), default=None) if isinstance(top, dict) else None
    logprob = _logprob(value)
    return TokenLogprob(logprob, best is not None and logprob >= best)


def vllm_logprobs(answer: dict[str, Any]) -> list[TokenLogprob | None]:
    """vLLM's ``prompt_logprobs=1``: of each prompt token; None for the first."""
    positions = openai_choice(answer).get("prompt_logprobs")
    if not isinstance(positions, list) or not positions:
        raise _malformed("the answer holds no prompt_logprobs")
    return [_of_position(position) for position in positions]


def _of_position(position: object) -> TokenLogprob | None:
    """A position holds the prompt's token and the best one: one entry where they are the same.

    So the prompt's token is the less likely of the entries, whatever their order.
    """
    if position is None:
        return None
    if not isinstance(position, dict) or not position:
        raise _malformed("a position of prompt_logprobs is empty")
    values = [
        _logprob(entry.get("logprob") if isinstance(entry, dict) else entry)
        for entry in position.values()
    ]
    return TokenLogprob(min(values), min(values) == max(values))


def _logprob(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        raise _malformed(f"{value!r} is no log-probability")
    return float(value)


# --------------------------------------------------------------------------- Anthropic's format


def message_usage(answer: dict[str, Any]) -> Spent | None:
    """Tokens of a message; those read from the provider's cache are prompt tokens too."""
    usage = answer.get("usage")
    if not isinstance(usage, dict):
        return None
    cached = _count(usage.get("cache_read_input_tokens"))
    written = _count(usage.get("cache_creation_input_tokens"))
    prompt = _count(usage.get("input_tokens")) + written + cached
    return Spent(prompt, _count(usage.get("output_tokens")), cached)


def message_text(answer: dict[str, Any]) -> tuple[str, str]:
    """Text and finish reason of a message."""
    reason = answer.get("stop_reason")
    if reason == "refusal":
        raise RequestError(Kind.FILTERED, "the provider held the answer back")
    blocks = answer.get("content")
    if not isinstance(blocks, list):
        raise _malformed("an answer without content")
    texts = [block.get("text") for block in blocks if isinstance(block, dict)]
    text = "".join(part for part in texts if isinstance(part, str))
    full = reason in ("max_tokens", "model_context_window_exceeded")
    if not text and not full and reason != "end_turn" and reason != "stop_sequence":
        raise _malformed("an answer without content")
    return text, "length" if full else "stop"


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _malformed(what: str) -> RequestError:
    return RequestError(Kind.MALFORMED, what)
