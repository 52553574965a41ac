"""Pages on 127.0.0.1 for whoever has the link: the socket, the token, the headers, the end.

Who has the link may read and write: every request carries a token, and names this host, so that no
other page in the same browser, and no other user of the machine, can do either.
"""

from __future__ import annotations

import hmac
import re
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from harness.authoring.readers.text_files import parse_json
from harness.errors import DataError, MissingExtraError, UsageError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

HOST = "127.0.0.1"
LARGEST = 64 * 1024
"""Bytes of a request's body."""
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""Of every answer: nothing is kept, framed, guessed at, or told to other pages."""
_POLICY = re.compile(r'http-equiv="Content-Security-Policy" content="([^"]*)"')


def listening(port: int) -> socket.socket:
    """A socket on a port of this machine alone; 0: any free one.

    Raises:
        UsageError: The port is taken.
    """
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((HOST, port))
        made.listen(128)  # who opens the link before the server runs waits for it
    except OSError as error:
        made.close()
        raise UsageError(
            f"port {port} cannot be used: {error.strerror}", "Leave out --port for a free one."
        ) from error
    return made


def hosts(port: int) -> frozenset[str]:
    """What requests may name as their host; another name has been made to lead here."""
    return frozenset({f"{HOST}:{port}", f"localhost:{port}"})


def is_token(given: str, token: str) -> bool:
    """Whether the token is the right one; how long it takes does not tell how much of it is."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), token.encode())


def check_extra(feature: str, extra: str) -> None:
    """Refuses where what pages are served with is not installed.

    Args:
        feature: What is served, for the message.
        extra: The extra that brings it.

    Raises:
        MissingExtraError: starlette or uvicorn is not installed.
    """
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(feature, extra) from error


def serve(application: ASGIApp, at: socket.socket) -> None:
    """Answers until interrupted."""
    import uvicorn

    settings = uvicorn.Config(
        application, log_level="warning", access_log=False, lifespan="off",
        timeout_graceful_shutdown=2,
    )  # fmt: skip
    with suppress(KeyboardInterrupt):  # it is raised again once the server has ended
        uvicorn.Server(settings).run(sockets=[at])


def html(text: str, status: int = 200) -> Response:
    """A page of ``harness.authoring.reporting.page``, under the policy that it names itself.

    A page that names none may load and run nothing.
    """
    from starlette.responses import HTMLResponse

    found = _POLICY.search(text)
    policy = found[1] if found else "default-src 'none'"
    headers = {**HEADERS, "Content-Security-Policy": f"{policy}; frame-ancestors 'none'"}
    return HTMLResponse(text, status, headers=headers)


def json(value: object, status: int = 200) -> Response:
    """A JSON answer."""
    from starlette.responses import JSONResponse

    return JSONResponse(value, status, headers=HEADERS)


def refused(status: int, why: str) -> Response:
    """The JSON answer to what cannot be done."""
    return json({"error": why}, status)


async def content(request: Request) -> bytes:
    """The body of a request.

    Raises:
        DataError: It is too large.
    """
    found = b""
    async for part in request.stream():
        found += part
        if len(found) > LARGEST:
            raise DataError("the request is too large")
    return found


async def json_object(request: Request) -> Mapping[str, Any]:
    """The JSON object of a request.

    Raises:
        DataError: It is none, or too large.
    """
    try:
        value = parse_json((await content(request)).decode(), "the request")
    except UnicodeDecodeError as error:
        raise DataError("the request is no UTF-8") from error
    if not isinstance(value, dict):
        raise DataError("the request is no JSON object")
    return value
