"""What the official SDKs have in common: keys, and errors put into our terms.

Both SDKs come from one generator and share the names of their exceptions.
"""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

from harness.errors import MissingExtraError, ModelError, RunFailedError
from harness_backends.api.failures import Kind, NotOfferedError, RequestError
from harness_backends.api.retrying import retry_after

_FILTER_CODES = {"content_filter", "content_policy_violation", "moderation_blocked"}
_NO_MONEY_CODES = {"insufficient_quota", "billing_hard_limit_reached", "billing_error"}
_LONGEST_MESSAGE = 300


@dataclass(frozen=True, slots=True)
class Server:
    """Whom we talk to.

    Attributes:
        address: Its URL, free of secrets.
        model: The model's name there.
        key_variable: The environment variable the key came from.
        key: The key; never shown.
    """

    address: str
    model: str
    key_variable: str
    key: str | None = field(repr=False)

    def without_key(self, text: str) -> str:
        """``text`` on one line, cut to a readable length, the key blotted out."""
        if self.key:
            text = text.replace(self.key, "***")
        text = " ".join(text.split())
        return text if len(text) <= _LONGEST_MESSAGE else text[: _LONGEST_MESSAGE - 1] + "…"


def read_key(variable: str, needed: bool, what: str) -> str | None:
    """The key from the environment; None where there is none and none is needed.

    Raises:
        ModelError: The variable is not set.
    """
    key = os.environ.get(variable, "").strip() or None
    if key is None and needed:
        raise ModelError(
            f"{what} needs a key, and the environment variable {variable} is not set",
            f"Set it (export {variable}=…), or name another by --set api_key_env=NAME.",
        )
    return key


CONNECT_SECONDS = 10.0
LARGEST_ANSWER = 64 << 20
"""Bytes; the log-probabilities of half a million tokens fit."""


def http_client(sdk: Any, seconds: float) -> Any:
    """The SDK's aiohttp client: half the processor time of its default one for each request.

    Args:
        sdk: The SDK's module.
        seconds: For one request; connecting may take no more than ``CONNECT_SECONDS`` of them.

    Raises:
        MissingExtraError: aiohttp is not installed.
    """
    timeout = sdk.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS))
    try:
        return sdk.DefaultAioHttpClient(timeout=timeout, event_hooks={"response": [_limit_size]})
    except RuntimeError as error:
        raise MissingExtraError(f"the {sdk.__name__} backend", "api") from error


async def _limit_size(response: Any) -> None:
    """Has the body of a response end in an error where it is too large to hold."""
    library = importlib.import_module(type(response).__module__.partition(".")[0])
    inner = response.stream

    class Limited(library.AsyncByteStream):  # type: ignore[misc, name-defined]
        async def __aiter__(self) -> AsyncIterator[bytes]:
            size = 0
            async for chunk in inner:
                size += len(chunk)
                if size > LARGEST_ANSWER:
                    raise RequestError(
                        Kind.MALFORMED, f"the answer has more than {LARGEST_ANSWER:,} bytes"
                    )
                yield chunk

        async def aclose(self) -> None:
            await inner.aclose()

    response.stream = Limited()


def translate(error: Exception, sdk: Any, server: Server) -> Exception:
    """An exception of an SDK's call as ours: of this request, or of the whole run.

    Args:
        error: What the call raised.
        sdk: The SDK's module.
        server: For the message; its key is kept out of it.
    """
    if isinstance(error, sdk.APIConnectionError | TimeoutError):
        # What the SDK calls a time-out can be a refused connection: look at what caused it.
        causes = list(_causes(error))
        if any(isinstance(cause, TimeoutError) for cause in causes):
            return RequestError(Kind.TIMEOUT, f"no answer from {server.address} in time")
        reason = server.without_key(str(causes[-1])) or type(causes[-1]).__name__
        return RequestError(Kind.CONNECTION, f"{server.address}: {reason}")
    if isinstance(error, sdk.APIStatusError):
        return _of_status(error, server)
    if isinstance(error, sdk.APIError | ValueError):
        return RequestError(Kind.MALFORMED, "the answer is not JSON")
    return error


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _of_status(error: Any, server: Server) -> Exception:
    status = error.status_code
    message, code = _said(error)
    said = server.without_key(message)
    if status == 401 or (status == 403 and code not in _FILTER_CODES):
        return ModelError(
            f"{server.address} refuses the key (status {status})",
            f"It is read from the environment variable {server.key_variable}; check that it is "
            f"valid there and may use {server.model}.",
        )
    if status == 402 or code in _NO_MONEY_CODES:
        return RunFailedError(
            f"{server.address} says that the account has no credit left: {said}",
            "Add credit, then give the same command again.",
        )
    if status in (404, 405):
        return NotOfferedError(
            f"{server.address} has no model {server.model!r} at this endpoint "
            f"(status {status}): {said}",
            "Check the model's name, and base_url, which usually ends in /v1.",
        )
    if code in _FILTER_CODES:
        return RequestError(Kind.FILTERED, said)
    kind = _KINDS.get(status) or (Kind.SERVER if status >= 500 else Kind.REFUSED)
    return RequestError(kind, f"status {status}: {said}", retry_after(error.response.headers))


_KINDS = {
    408: Kind.TIMEOUT,
    409: Kind.SERVER,
    425: Kind.OVERLOAD,
    429: Kind.RATE_LIMIT,
    503: Kind.OVERLOAD,
    504: Kind.TIMEOUT,
    529: Kind.OVERLOAD,
}


def _said(error: Any) -> tuple[str, str]:
    """The server's own words and its code for the error, where its body has them."""
    body = error.body
    inner = body.get("error", body) if isinstance(body, dict) else body
    if not isinstance(inner, dict):
        return str(inner or ""), ""
    code = inner.get("code") or inner.get("type")
    message = inner.get("message") or inner.get("detail")
    if not isinstance(message, str):
        message = json.dumps(inner)
    return message, code if isinstance(code, str) else ""
