"""Reading what servers send: JSON that may be anything.

Each reader says by ``RequestError`` (malformed answer) what is missing, so that the request is
asked again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.authoring.answers import thinking
from harness.types import Completion
from harness_backends.api.budget import Spent
from harness_backends.api.failures import malformed
from harness_backends.api.server import Server

LONGEST_TEXT = 4_000_000
"""Characters; more than any model writes, little enough to keep."""
_LONGEST_REASON = 40
_MOST_TOKENS = 1 << 40
"""A count beyond this is no count."""


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A prompt token's log-probability given all before it, and whether it was the argmax."""

    value: float
    is_greedy: bool


@dataclass(frozen=True, slots=True)
class Written:
    """What a model wrote.

    Attributes:
        text: The answer itself.
        finish_reason: ``stop``, ``length``, ``content_filter`` (the provider held back what is
            not there), or another word of the server's.
        reasoning: What it thought before, where the server keeps that apart.
        called_tool: Whether it called a tool in place of an answer.
    """

    text: str
    finish_reason: str
    reasoning: str = ""
    called_tool: bool = False


def clean(text: str) -> str:
    """Text that can be written as UTF-8: lone surrogates, which JSON allows, are replaced."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def completion(
    written: Written, stop: Sequence[str], tokens: int | None, server: Server
) -> Completion:
    """The answer without thinking and free of the key, cut at the first stop string.

    It is cut whether or not the server did.
    """
    if len(written.text) > LONGEST_TEXT:
        raise malformed(f"the answer has {len(written.text):,} characters")
    text, reasoning = (
        server.without_keys(clean(part)) for part in (written.text, written.reasoning)
    )
    return thinking.completion(
        text, written.finish_reason, stop, tokens, thinking=reasoning[:LONGEST_TEXT] or None
    )


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


def openai_choices(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """The choices, by their index where they have one; at least one."""
    choices = answer.get("choices")
    found = (
        [each for each in choices if isinstance(each, dict)] if isinstance(choices, list) else []
    )
    if not found:
        raise malformed("the answer holds no choices")
    places = [each.get("index") for each in found]
    if sorted(each for each in places if type(each) is int) != list(range(len(found))):
        return found
    return sorted(found, key=lambda each: int(each["index"]))


def openai_choice(answer: dict[str, Any]) -> dict[str, Any]:
    """The choice of index 0: the first one where none says so."""
    choices = openai_choices(answer)
    return next((each for each in choices if each.get("index") == 0), choices[0])


def chat_text(choice: dict[str, Any]) -> Written:
    """What a chat choice says.

    A refusal in words is an answer. So is nothing at all where the tokens ran out, or where there
    is reasoning or the call of a tool: the model has ended its turn without a word.
    """
    message = choice.get("message")
    if not isinstance(message, dict):
        raise malformed("the choice holds no message")
    reason = _finish_reason(choice)
    reasoning = next(filter(None, (_joined(message.get(name)) for name in _REASONING)), "") or ""
    called = bool(message.get("tool_calls") or message.get("function_call"))
    content = _joined(message.get("content"))
    if not content and isinstance(message.get("refusal"), str):
        content = message["refusal"]
    if content is None and (reasoning or called or reason in ("length", "content_filter")):
        content = ""
    if content is None:
        raise malformed("an answer without content")
    return Written(content, reason, reasoning, called)


_REASONING = ("reasoning_content", "reasoning", "thinking")
"""Where servers put what a model thought: vLLM and DeepSeek, OpenRouter and newer vLLM, Ollama."""


def _joined(content: object) -> str | None:
    """A text, or the texts of a list of parts; None where it is neither."""
    if isinstance(content, list):
        parts = [part.get("text") if isinstance(part, dict) else part for part in content]
        return "".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else None


def text_of(choice: dict[str, Any]) -> Written:
    """What a text completion's choice says."""
    reason = _finish_reason(choice)
    text = choice.get("text")
    if text is None and reason in ("length", "content_filter"):
        text = ""
    if not isinstance(text, str):
        raise malformed("the choice holds no text")
    return Written(text, reason)


def _finish_reason(choice: dict[str, Any]) -> str:
    reason = choice.get("finish_reason")
    if reason == "error":
        raise malformed("the answer breaks off with finish_reason error")
    return clean(reason)[:_LONGEST_REASON] if isinstance(reason, str) and reason else "stop"


# --------------------------------------------------------------------------- log-probabilities


def echoed_logprobs(
    answer: dict[str, Any], prompt_tokens: int | None, prompt: str | None = None
) -> list[TokenLogprob | None]:
    """OpenAI's ``echo=True, logprobs=1``: of each prompt token; None for the first.

    Servers that do not know ``echo`` ignore it and give those of the new token alone, so it is
    checked that the prompt came back: the first token has no log-probability, since nothing is
    before it, and there are as many as the server counted.

    Args:
        answer: Of a request for one new token, which is dropped.
        prompt_tokens: How many there are, where known; else the server's own count.
        prompt: The text that was sent; None where it was token ids.
    """
    choice = openai_choice(answer)
    logprobs = choice.get("logprobs")
    values = logprobs.get("token_logprobs") if isinstance(logprobs, dict) else None
    tops = logprobs.get("top_logprobs") if isinstance(logprobs, dict) else None
    usage = openai_usage(answer)
    counted = usage.prompt if usage is not None else 0
    if prompt_tokens is not None and counted not in (0, prompt_tokens):
        raise malformed(f"the server counts {counted} tokens where {prompt_tokens} were sent")
    count = prompt_tokens if prompt_tokens is not None else counted
    if not isinstance(values, list) or not isinstance(tops, list) or not count:
        raise malformed("the answer echoes no log-probabilities")
    if len(values) < count or len(tops) < count:
        raise malformed(f"{len(values)} log-probabilities for {count} prompt tokens")
    if values[0] is not None:
        raise malformed("the answer does not echo the prompt: its first token has a predecessor")
    made = usage.completion if usage is not None else 0
    if len(values) > count + max(made, 1) or not _ends_with(choice, count, prompt):
        raise malformed(f"{len(values)} log-probabilities for {count} + {made} tokens")
    return [_echoed(value, top) for value, top in zip(values[:count], tops[:count], strict=True)]


def _ends_with(choice: dict[str, Any], count: int, prompt: str | None) -> bool:
    """Whether the first ``count`` echoed tokens end where the prompt does, as far as can be told.

    A server that does not count its BOS token would lose the last token of the prompt.
    """
    tokens = choice["logprobs"].get("tokens")
    if prompt is None or not isinstance(tokens, list) or not prompt.isascii():
        return True
    texts = tokens[:count]
    if not all(isinstance(text, str) and text.isascii() for text in texts):
        return True
    echoed, sent = "".join("".join(texts).split()), "".join(prompt.split())
    return echoed.lower().endswith(sent[-20:].lower())


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
        raise malformed("the answer holds no prompt_logprobs")
    usage = openai_usage(answer)
    if usage is not None and usage.prompt not in (0, len(positions)):
        raise malformed(f"{len(positions)} log-probabilities for {usage.prompt} prompt tokens")
    return [_of_position(position) for position in positions]


def _of_position(position: object) -> TokenLogprob | None:
    """A position holds the prompt's token and the best one: one entry where they are the same.

    So the prompt's token is the less likely of the entries, whatever their order.
    """
    if position is None:
        return None
    if not isinstance(position, dict) or not position:
        raise malformed("a position of prompt_logprobs is empty")
    values = [
        _logprob(entry.get("logprob") if isinstance(entry, dict) else entry)
        for entry in position.values()
    ]
    return TokenLogprob(min(values), min(values) == max(values))


def _logprob(value: object) -> float:
    """A natural logarithm of a probability; the least excess over 0 is a rounding error."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise malformed(f"{str(value)[:40]!r} is no log-probability")
    if not -_LARGEST_LOGPROB < value < _ROUNDING:
        raise malformed(f"{str(value)[:40]} is no log-probability")
    return min(float(value), 0.0)


_LARGEST_LOGPROB = 1e9
_ROUNDING = 1e-3


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


def message_text(answer: dict[str, Any]) -> Written:
    """What a message says."""
    reason = answer.get("stop_reason")
    blocks = answer.get("content")
    if not isinstance(blocks, list):
        raise malformed("an answer without content")
    blocks = [block for block in blocks if isinstance(block, dict)]
    text = "".join(block["text"] for block in blocks if isinstance(block.get("text"), str))
    thought = [block.get("thinking") for block in blocks]
    reasoning = "".join(part for part in thought if isinstance(part, str))
    called = any(block.get("type") == "tool_use" for block in blocks)
    finish = _FINISH_OF_STOP.get(reason, "stop") if isinstance(reason, str) else "stop"
    ended = reason in ("end_turn", "stop_sequence") or finish in ("length", "content_filter")
    if not text and not ended and not reasoning and not called:
        raise malformed("an answer without content")
    return Written(text, finish, reasoning, called)


_FINISH_OF_STOP = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
    "tool_use": "tool_calls",
}


def _count(value: object) -> int:
    """A number of tokens; 0 where it is none."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and 0 < value < _MOST_TOKENS else 0  # type: ignore[return-value,operator]
