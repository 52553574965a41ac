"""Finding out what a server offers, by asking it for a token."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from harness.errors import ModelError
from harness_backends.api import answers
from harness_backends.api.failures import TREATMENTS, Kind, NotOfferedError, RequestError

T = TypeVar("T")
TRIES = 4
_PAUSE = 0.5
_LONGEST_PAUSE = 30.0


async def find_endpoint(
    chat: Callable[[], Awaitable[object]], text: Callable[[], Awaitable[object]]
) -> str:
    """``chat`` where the server answers it, else ``completions``.

    Raises:
        ModelError: It answers neither, or cannot be reached.
    """
    try:
        await persist(chat)
        return "chat"
    except (RequestError, NotOfferedError) as error:
        no_chat = error
    try:
        await persist(text)
        return "completions"
    except (RequestError, NotOfferedError) as error:
        raise ModelError(
            f"neither endpoint answers: chat: {_first_line(no_chat)}; "
            f"completions: {_first_line(error)}",
            getattr(error, "hint", None),
        ) from None


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
        except (RequestError, NotOfferedError):
            continue
        if extra and _reads(answers.vllm_logprobs, answer):
            return "prompt_logprobs"
        if _reads(lambda answer: answers.echoed_logprobs(answer, None), answer):
            return "echo"
        return "none"
    return "none"


async def persist(ask: Callable[[], Awaitable[T]]) -> T:
    """Asks a few times, where another try can help.

    Raises:
        ModelError: The server cannot be reached.
        RequestError: It answers, but not this.
    """
    for tried in range(1, TRIES + 1):
        try:
            return await ask()
        except RequestError as error:
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


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
