"""The page on which people judge, on 127.0.0.1: its own server's, or within ``harness view``."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from harness.authoring.io import local_server
from harness.errors import DataError, UsageError
from harness_judges.annotation import store as stores
from harness_judges.annotation.incoming import known, label_of
from harness_judges.annotation.spans import KEYS
from harness_judges.annotation.store import Settings, Store

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

_PAGE = Path(__file__).with_name("page.html")


def address(store: Store, port: int) -> str:
    """The link that annotators open."""
    return f"http://{local_server.HOST}:{port}/?token={quote(store.token)}"


def page(nonce: str) -> str:
    """The page's text; its style and its script carry the nonce."""
    return _PAGE.read_text(encoding="utf-8").replace("NONCE", nonce)


def settings_for_page(settings: Settings) -> dict[str, Any]:
    """What the page asks, and the key of each label of marks."""
    return {**asdict(settings), "spans": list(zip(KEYS, settings.spans, strict=False))}


def application(store: Store, hosts: frozenset[str] | None) -> Starlette:
    """The page and what it asks.

    Args:
        store: What is judged.
        hosts: What requests may name as their host, and then they carry the store's token; None
            where whoever passes them on has looked at both.
    """
    from starlette.applications import Starlette
    from starlette.routing import Route

    pages = _Pages(store, hosts)
    return Starlette(
        routes=[
            Route("/", pages.guarded(pages.page)),
            Route("/api/annotators", pages.guarded(pages.annotators)),
            Route("/api/next", pages.guarded(pages.next)),
            Route("/api/label", pages.guarded(pages.label), methods=["POST"]),
            Route("/api/undo", pages.guarded(pages.undo), methods=["POST"]),
        ]
    )


def state(folder: Path) -> str:
    """How much of a folder is judged.

    Raises:
        DataError: It holds no annotations, or they are damaged.
    """
    with stores.opened(folder) as store:
        found = [store.progress(name) for name in store.annotators]
    done, total = sum(each.done for each in found), sum(each.total for each in found)
    return f"{done:,} of {total:,} judged by {len(found):,}"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One server a folder; a killed one holds no lock.

    Raises:
        UsageError: Another one runs.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / ".lock", timeout=0, mode=0o600)
    try:
        lock.acquire()
    except Timeout as error:
        raise UsageError(
            f"{folder} is being annotated through another server", "Use its link, or end it."
        ) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def served(folder: Path) -> Iterator[Starlette]:
    """The page of a folder for ``harness view``, which has looked at token and host.

    Raises:
        DataError: The folder holds no annotations, or they are damaged.
        UsageError: Another server serves them.
    """
    with locked(folder), stores.opened(folder) as store:
        yield application(store, None)


Handler = Callable[["Request"], Awaitable["Response"]]


class _Pages:
    """The handlers; they run one after another in the server's thread, as SQLite wants it."""

    def __init__(self, store: Store, hosts: frozenset[str] | None) -> None:
        self._store, self._hosts = store, hosts

    def guarded(self, handler: Handler) -> Handler:
        """The handler behind the token; what is malformed is refused with its reason."""

        async def answer(request: Request) -> Response:
            if self._hosts is not None and (refusal := self._stranger(request, self._hosts)):
                return local_server.refused(403, refusal)
            try:
                return await handler(request)
            except (DataError, UsageError) as error:
                return local_server.refused(400, error.message)

        return answer

    def _stranger(self, request: Request, hosts: frozenset[str]) -> str | None:
        """Why the request is none of an annotator's; None where it is one."""
        given = request.headers.get("x-annotation-token") or (
            request.query_params.get("token", "") if request.url.path == "/" else ""
        )
        if request.headers.get("host") not in hosts:
            return "this server answers to its own address alone"
        if not local_server.is_token(given, self._store.token):
            return "the link is not complete: it must end with its token"
        return None

    async def page(self, _: Request) -> Response:
        from starlette.responses import HTMLResponse

        nonce = secrets.token_urlsafe(16)
        allowed = f"'nonce-{nonce}'"
        policy = f"default-src 'none'; script-src {allowed}; style-src {allowed}; "
        policy += "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        return HTMLResponse(
            page(nonce), headers={**local_server.HEADERS, "Content-Security-Policy": policy}
        )

    async def annotators(self, _: Request) -> Response:
        return local_server.json({"annotators": self._store.annotators})

    async def next(self, request: Request) -> Response:
        return self._state(known(self._store, request.query_params.get("annotator")))

    async def label(self, request: Request) -> Response:
        given = await local_server.json_object(request)
        annotator = known(self._store, given.get("annotator"))
        label = replace(label_of(self._store, annotator, given), at=0.0)  # this clock's, not theirs
        if not self._store.add(label):
            return local_server.refused(
                409, "this item has another judgement already; reload the page"
            )
        return self._state(annotator)

    async def undo(self, request: Request) -> Response:
        annotator = known(self._store, (await local_server.json_object(request)).get("annotator"))
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
        return local_server.json({**state, "item": item, "settings": settings})
