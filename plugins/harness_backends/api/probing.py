"""Finding out what a server offers, by asking it for a token."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from harness.errors import ModelError
from harness_backends.api import answers
from harness_backends.api.bodies import BASE_URL_HINT
from harness_backends.api.failures import TREATMENTS, Kind, RequestError
from harness_backends.api.refusals import OUTPUT_LIMIT_HINT
from harness_backends.api.retrying import in_words

T = TypeVar("T")
PROMPT = "one two three four five"
"""Several tokens of any tokenizer, so that the log-probability of a new token alone is not taken
for those of the prompt."""
TRIES = 4
_PAUSE = 0.5
_LONGEST_PAUSE = 30.0
_LONGEST_WAIT = 300.0
"""Seconds; a server that asks for more before a first question is not asked again."""


async def find_endpoint(
    chat: Callable[[int], Awaitable[object]], text: Callable[[], Awaitable[object]]
) -> str:
    """``chat`` where the server answers it, else ``completions``.

    Args:
        chat: Asks the chat endpoint for that many tokens.
        text: Asks the other one.

    Raises:
        ModelError: It answers neither, cannot be reached, or has a chat endpoint that refuses
            what is asked there.
    """
    no_chat = await _refusal_of_chat(chat)
    if no_chat is None:
        return "chat"
    try:
        await persist(text)
        return "completions"
    except RequestError as error:
        raise ModelError(
            f"neither endpoint answers: chat: {no_chat}; completions: {error}",
            no_chat.hint or error.hint or BASE_URL_HINT,
        ) from None


async def _refusal_of_chat(chat: Callable[[int], Awaitable[object]]) -> RequestError | None:
    """Why there is no chat endpoint; None where there is one.

    Raises:
        ModelError: There is one, and it does not take the question.
    """
    for tokens in _FEW_TOKENS:
        try:
            await persist(partial(chat, tokens))
            return None
        except RequestError as error:
            refusal = error
        if refusal.hint is not OUTPUT_LIMIT_HINT:
            break
    else:
        return None  # it reasons for longer than that: a sign of life
    if refusal.kind is not Kind.REFUSED or _ABOUT_CHAT.search(refusal.reason):
        return refusal
    raise ModelError(
        f"the chat endpoint does not take a short question: {refusal}",
        " ".join(
            filter(None, (refusal.hint, "Set endpoint=chat or endpoint=completions to skip it."))
        ),
    )


_FEW_TOKENS = (1, 16)
"""Models that reason refuse to be asked for one token; some, for fewer than 16."""
_ABOUT_CHAT = re.compile(r"chat|template|messages|completions", re.IGNORECASE)


async def find_logprobs(ask: Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]]) -> str:
    """How the server gives a prompt's log-probabilities: vLLM's way, OpenAI's, or ``none``.

    Args:
        ask: A request with ``echo`` and ``logprobs``, and with the extra parameters given.

    Raises:
        ModelError: It cannot be reached.
    """
    # Strict servers refuse what they do not know.
    attempts: tuple[dict[str, Any], ...] = ({"prompt_logprobs": 1}, {})
    for extra in attempts:
        try:
            answer = await persist(partial(ask, extra))
        except RequestError:
            continue
        if extra and _reads(answers.vllm_logprobs, answer):
            return "prompt_logprobs"
        if _reads(lambda answer: answers.echoed_logprobs(answer, None, PROMPT), answer):
            return "echo"
        return "none"
    return "none"


async def persist(ask: Callable[[], Awaitable[T]]) -> T:
    """Asks a few times, where another try can help.

    Raises:
        ModelError: The server cannot be reached, or lets nobody in.
        RequestError: It answers, but not this.
    """
    for tried in range(1, TRIES + 1):
        try:
            return await ask()
        except RequestError as error:
            if error.kind is Kind.DENIED:
                raise error.ending() from None
            asked = error.retry_after or 0
            if asked > _LONGEST_WAIT:
                raise ModelError(
                    f"the server asks to wait {in_words(asked)} (Retry-After): {error}"
                ) from None
            if tried < TRIES and TREATMENTS[error.kind].retried:
                pause = (
                    _PAUSE * 2 ** (tried - 1) if error.retry_after is None else error.retry_after
                )
                await asyncio.sleep(min(pause, _LONGEST_PAUSE))
                continue
            if error.kind in (Kind.CONNECTION, Kind.TIMEOUT, Kind.RATE_LIMIT, Kind.OVERLOAD):
                raise ModelError(
                    f"the server cannot be used: {error}",
                    "Check that it runs and that base_url (http(s)://HOST[:PORT]/v1) is right.",
                ) from None
            raise
    raise AssertionError("every try returns or raises")


def _reads(reader: Callable[[dict[str, Any]], object], answer: dict[str, Any]) -> bool:
    try:
        reader(answer)
    except RequestError:
        return False
    return True
