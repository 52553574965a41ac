"""The page on 127.0.0.1 on which people judge.

Who has the link may judge: every request carries the folder's token, and names this host, so that
no other page in the same browser can read answers or write labels.
"""

from __future__ import annotations

import hmac
import secrets
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from harness.authoring.readers.text_files import parse_json
from harness.errors import DataError, MissingExtraError, UsageError
from harness_judges.annotation.incoming import known, label_of
from harness_judges.annotation.spans import KEYS
from harness_judges.annotation.store import Settings, Store

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

HOST = "127.0.0.1"
LARGEST = 64 * 1024
"""Bytes of a request's body."""
_PAGE = Path(__file__).with_name("page.html")
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def address(store: Store, port: int) -> str:
    """The link that annotators open."""
    return f"http://{HOST}:{port}/?token={quote(store.token)}"


def page(nonce: str) -> str:
    """The page's text; its style and its script carry the nonce."""
    return _PAGE.read_text(encoding="utf-8").replace("NONCE", nonce)


def settings_for_page(settings: Settings) -> dict[str, Any]:
    """What the page asks, and the key of each label of marks."""
    return {**asdict(settings), "spans": list(zip(KEYS, settings.spans, strict=False))}


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


def serve(store: Store, at: socket.socket) -> None:
    """Answers until interrupted.

    Raises:
        MissingExtraError: starlette or uvicorn is not installed.
    """
    check_extra()
    import uvicorn

    made = application(store, at.getsockname()[1])
    settings = uvicorn.Config(
        made, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=2
    )
    with suppress(KeyboardInterrupt):  # it is raised again once the server has ended
        uvicorn.Server(settings).run(sockets=[at])


def check_extra() -> None:
    """Refuses where what the page is served with is not installed.

    Raises:
        MissingExtraError: starlette or uvicorn is not installed.
    """
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("annotation", "judges") from error


def application(store: Store, port: int) -> Starlette:
    """The page and what it asks."""
    from starlette.applications import Starlette
    from starlette.routing import Route

    pages = _Pages(store, {f"{HOST}:{port}", f"localhost:{port}"})
    return Starlette(
        routes=[
            Route("/", pages.guarded(pages.page)),
            Route("/api/annotators", pages.guarded(pages.annotators)),
            Route("/api/next", pages.guarded(pages.next)),
            Route("/api/label", pages.guarded(pages.label), methods=["POST"]),
            Route("/api/undo", pages.guarded(pages.undo), methods=["POST"]),
        ]
    )


Handler = Callable[["Request"], Awaitable["Response"]]


class _Pages:
    """The handlers; they run one after another in the server's thread, as SQLite wants it."""

    def __init__(self, store: Store, hosts: set[str]) -> None:
        self._store, self._hosts = store, hosts

    def guarded(self, handler: Handler) -> Handler:
        """The handler behind the token; what is malformed is refused with its reason."""

        async def answer(request: Request) -> Response:
            given = request.headers.get("x-annotation-token") or (
                request.query_params.get("token", "") if request.url.path == "/" else ""
            )
            if request.headers.get("host") not in self._hosts:
                return _refused(403, "this server answers to its own address alone")
            if not hmac.compare_digest(given.encode(), self._store.token.encode()):
                return _refused(403, "the link is not complete: it must end with its token")
            try:
                return await handler(request)
            except (DataError, UsageError) as error:
                return _refused(400, error.message)

        return answer

    async def page(self, _: Request) -> Response:
        from starlette.responses import HTMLResponse

        nonce = secrets.token_urlsafe(16)
        allowed = f"'nonce-{nonce}'"
        policy = f"default-src 'none'; script-src {allowed}; style-src {allowed}; "
        policy += "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        return HTMLResponse(page(nonce), headers={**_HEADERS, "Content-Security-Policy": policy})

    async def annotators(self, _: Request) -> Response:
        return _json({"annotators": self._store.annotators})

    async def next(self, request: Request) -> Response:
        return self._state(known(self._store, request.query_params.get("annotator")))

    async def label(self, request: Request) -> Response:
        given = await _body(request)
        annotator = known(self._store, given.get("annotator"))
        label = replace(label_of(self._store, annotator, given), at=0.0)  # this clock's, not theirs
        if not self._store.add(label):
            return _refused(409, "this item has another judgement already; reload the page")
        return self._state(annotator)

    async def undo(self, request: Request) -> Response:
        annotator = known(self._store, (await _body(request)).get("annotator"))
        self._store.undo(annotator)
        return self._state(annotator)

    def _state(self, annotator: str) -> Response:
        """What comes next; nothing in it tells a system from another."""
        progress = self._store.progress(annotator)
        item = None
        if progress.item is not None:
            found = self._store.item(progress.item)
            item = {
                "number": progress.item,
                "instruction": found.instruction,
                "answers": [answer.text for answer in found.answers],
            }
        settings = settings_for_page(self._store.settings)
        state = {"done": progress.done, "total": progress.total}
        return _json({**state, "item": item, "settings": settings})


async def _body(request: Request) -> Mapping[str, Any]:
    """The JSON object of a request.

    Raises:
        DataError: It is none, or too large.
    """
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > LARGEST:
            raise DataError("the request is too large")
    try:
        value = parse_json(content.decode(), "the request")
    except UnicodeDecodeError as error:
        raise DataError("the request is no UTF-8") from error
    if not isinstance(value, dict):
        raise DataError("the request is no JSON object")
    return value


def _json(value: object, status: int = 200) -> Response:
    from starlette.responses import JSONResponse

    return JSONResponse(value, status, headers=_HEADERS)


def _refused(status: int, why: str) -> Response:
    return _json({"error": why}, status)
