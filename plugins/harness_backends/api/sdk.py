"""What the official SDKs have in common: their HTTP client, bounded, and one call through it.

Both SDKs come from one generator and share the names of their exceptions.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from harness.errors import HarnessError, MissingExtraError
from harness_backends.api.bodies import read_json
from harness_backends.api.failures import Kind, RequestError, malformed
from harness_backends.api.refusals import Told, error_inside, failure, read_error
from harness_backends.api.retrying import retry_after
from harness_backends.api.server import Server

CONNECT_SECONDS = 10.0
LARGEST_ANSWER = 64 << 20
"""Bytes, unpacked; the log-probabilities of half a million tokens fit."""
_KEEPS_BODY = (307, 308)


def http_client(sdk: Any, seconds: float, server: Server) -> Any:
    """The SDK's aiohttp client: half the processor time of its default one for each request.

    Bodies are bounded, redirects stay with the server, and a server on this machine is asked
    without a proxy.

    Args:
        sdk: The SDK's module.
        seconds: For one request; connecting may take no more than ``CONNECT_SECONDS`` of them.
        server: Whom it will talk to.

    Raises:
        MissingExtraError: aiohttp is not installed.
    """
    library = _http_library(sdk)

    async def check_response(response: Any) -> None:
        if response.has_redirect_location:
            _check_redirect(response, server)
        _limit_size(response, library)

    timeout = sdk.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS))
    host = urlsplit(server.address).hostname or ""
    pattern = f"all://[{host}]" if ":" in host else f"all://{host}"
    try:
        return sdk.DefaultAioHttpClient(
            timeout=timeout,
            event_hooks={"response": [check_response]},
            mounts={pattern: None} if server.is_loopback else None,
        )
    except RuntimeError as error:
        raise MissingExtraError(f"the {sdk.__name__} backend", "api") from error


async def post(
    client: Any, sdk: Any, server: Server, path: str, body: Mapping[str, Any], seconds: float
) -> dict[str, Any]:
    """One call, JSON in and out: servers differ from the SDK's types in both directions.

    Args:
        client: The SDK's client.
        sdk: The SDK's module.
        server: For messages.
        path: The endpoint's, after the base URL.
        body: The request.
        seconds: For the whole call; the SDK's own time-out is for silence.

    Raises:
        RequestError: It failed; one more try may help, or not, as its kind says.
        HarnessError: No request can succeed.
    """
    try:
        async with asyncio.timeout(seconds):
            response = await client.post(path, cast_to=_http_library(sdk).Response, body=dict(body))
        answer = read_json(response.content, response.headers.get("content-type", ""))
    except (RequestError, HarnessError):
        raise
    except Exception as error:  # the HTTP libraries raise whatever their parsers raise
        raise _translate(error, sdk, server, body) from None
    if not isinstance(answer, dict):
        raise malformed("the answer is not a JSON object")
    told = error_inside(answer)
    if told is not None:
        raise failure(None, told, server, _parameters(body), retry_after(response.headers))
    return answer


def _http_library(sdk: Any) -> Any:
    """The HTTP library that the SDK is built on: where its client comes from."""
    base = next(each for each in sdk.DefaultAioHttpClient.__mro__ if each.__name__ == "AsyncClient")
    return importlib.import_module(base.__module__.partition(".")[0])


def _check_redirect(response: Any, server: Server) -> None:
    """Refuses a redirect that would take the key or lose the question.

    Raises:
        RequestError: It leads to another origin, or asks for GET instead of POST.
    """
    target = response.url.join(response.headers["location"])
    same = (target.scheme, target.host, target.port) == (
        response.url.scheme,
        response.url.host,
        response.url.port,
    )
    if same and response.status_code in _KEEPS_BODY:
        return
    where = server.said(str(target.copy_with(username="", password="", query=None)))
    raise RequestError(
        Kind.NOT_OFFERED,
        f"{server.shown} redirects to {where} (status {response.status_code}), "
        "which is not followed",
        hint="If that is the server you mean, set base_url to it.",
    )


def _limit_size(response: Any, library: Any) -> None:
    """Has the body of a response end in an error where it is too large, packed or unpacked."""
    packed = library.Response(
        response.status_code, headers=response.headers, stream=response.stream
    )
    response.headers.pop("content-encoding", None)  # what is passed on is unpacked

    class Limited(library.AsyncByteStream):  # type: ignore[misc]
        async def __aiter__(self) -> AsyncIterator[bytes]:
            size = 0
            async for chunk in packed.aiter_bytes():
                size += len(chunk)
                if size > LARGEST_ANSWER:
                    raise malformed(f"the answer has more than {LARGEST_ANSWER:,} bytes")
                yield chunk

        async def aclose(self) -> None:
            await packed.aclose()

    response.stream = Limited()


def _translate(error: Exception, sdk: Any, server: Server, body: Mapping[str, Any]) -> Exception:
    """An exception of an SDK's call as ours: of this request, or of the whole run."""
    if isinstance(error, sdk.APIStatusError):
        response = error.response
        headers: Mapping[str, str] = response.headers
        return failure(
            error.status_code,
            _told(response.content),
            server,
            _parameters(body),
            retry_after(headers),
        )
    # What the SDK calls a time-out can be a refused connection: look at what caused it.
    causes = list(_causes(error))
    if any(isinstance(cause, TimeoutError) for cause in causes):
        return RequestError(Kind.TIMEOUT, f"no answer from {server.shown} in time")
    if isinstance(error, UnicodeEncodeError):
        return RequestError(Kind.REFUSED, "the prompt holds half a character pair")
    reason = server.said(str(causes[-1])) or type(causes[-1]).__name__
    if isinstance(error, sdk.APIConnectionError) and not any(map(_is_unreadable, causes)):
        return RequestError(Kind.CONNECTION, f"{server.shown}: {reason}")
    return malformed(f"no valid HTTP answer: {reason}")


def _is_unreadable(cause: BaseException) -> bool:
    """Whether a body came that could not be unpacked, which the SDK calls a lost connection."""
    return type(cause).__name__ == "DecodingError"


def _told(content: bytes) -> Told:
    try:
        return read_error(read_json(content))
    except RequestError:
        return read_error(content.decode("utf-8", "replace"))


def _parameters(body: Mapping[str, Any]) -> frozenset[str]:
    """What of a request is a parameter, which can be refused, left out or renamed."""
    return frozenset(body) - {"model", "messages", "prompt", "system"}


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__
