"""The pages on 127.0.0.1, below a secret part of the address, which whoever has the link knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote

from harness.authoring.io import local_server
from harness.errors import DataError, HarnessError, UsageError
from harness.protocols import FolderPages
from harness_view.index.entries import Entry
from harness_view.index.names import slug
from harness_view.index.refresh import Watcher
from harness_view.notes import Place
from harness_view.pages import boards, comparison, folders, histories, noted, run, runs, samples
from harness_view.pages.samples import Query
from harness_view.pages.site import Answer, View, Work

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

Page = Callable[[View, "Request"], Answer]
_OWN = frozenset({"same-origin", "none"})
"""What browsers say of a request that no other site made (Sec-Fetch-Site)."""


def address(token: str, port: int) -> str:
    """The link to the first page."""
    return f"http://{local_server.HOST}:{port}/{quote(token)}/"


def _pages() -> Mapping[str, Page]:
    """Route → page; each part of an address is a slug."""

    def part(request: Request, name: str) -> str:
        return str(request.path_params[name])

    return {
        "/": lambda view, _: runs.render(view),
        "/leaderboard/": lambda view, _: boards.overview(view),
        "/leaderboard/{board}/": lambda view, at: boards.render(view, part(at, "board")),
        "/history/": lambda view, _: histories.overview(view),
        "/history/{board}/": lambda view, at: histories.render(view, part(at, "board")),
        "/notes/": lambda view, _: noted.render(view),
        "/run/{run}/": lambda view, at: run.render(view, part(at, "run")),
        "/run/{run}/report/": lambda view, at: run.report(view, part(at, "run")),
        "/run/{run}/samples/{task}/": lambda view, at: samples.render(
            view, part(at, "run"), part(at, "task"), Query.of(at.query_params)
        ),
        "/run/{run}/samples/{task}/{sample}/": lambda view, at: samples.render_one(
            view, part(at, "run"), part(at, "task"), part(at, "sample")
        ),
        "/compare/{baseline}/{candidate}/": lambda view, at: comparison.render(
            view, part(at, "baseline"), part(at, "candidate")
        ),
    }


class Application:
    """What the server answers with.

    Args:
        view: What pages are made of.
        watcher: Keeps the index true.
        pages: What plugins add.
        hosts: What requests may name as their host.
        opened: Closes what was opened for plugins' pages, in the end.
    """

    def __init__(
        self,
        view: View,
        watcher: Watcher,
        pages: tuple[FolderPages, ...],
        hosts: frozenset[str],
        opened: ExitStack,
    ) -> None:
        self._view, self._watcher, self._opened = view, watcher, opened
        self._token, self._hosts = view.index.token, hosts
        self._plugins = {each.name: each for each in pages}
        self._inside: dict[tuple[str, str], ASGIApp] = {}
        self._routes = self._router()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request, if it comes from who has the link."""
        if scope["type"] != "http":
            return
        answer = await self._answering(scope)
        await answer(scope, receive, send)

    async def _answering(self, scope: Scope) -> ASGIApp:
        from starlette.datastructures import Headers
        from starlette.responses import RedirectResponse

        headers = Headers(scope=scope)
        token, slash, rest = scope["path"].removeprefix("/").partition("/")
        if headers.get("host") not in self._hosts:
            return local_server.refused(403, "this server answers to its own address alone")
        if not local_server.is_token(token, self._token):
            return local_server.refused(403, "the link is not complete: it holds a secret part")
        if headers.get("sec-fetch-site", "none") not in _OWN and scope["method"] != "GET":
            return local_server.refused(403, "another site sent this")
        name, _, below = rest.partition("/")
        key, inner, path = below.partition("/")
        if name in self._plugins and key and inner:
            return await self._inner(name, key, f"/{path}", scope)
        if not slash or (rest and not rest.endswith("/")):
            query = scope["query_string"].decode("latin-1")
            to = f"/{quote(scope['path'].removeprefix('/'))}/" + (f"?{query}" if query else "")
            return RedirectResponse(to, 308, headers=local_server.HEADERS)
        scope["path"], scope["root_path"] = f"/{rest}", ""
        return self._routes

    # ----------------------------------------------------------------------- pages

    def _router(self) -> ASGIApp:
        from starlette.routing import Route, Router

        routes = [Route(path, self._endpoint(page)) for path, page in _pages().items()]
        routes += [
            Route(f"/{name}/", self._endpoint(self._list_of(pages)))
            for name, pages in self._plugins.items()
        ]
        routes += [
            Route("/state/", self._state),
            Route("/compare/", self._chosen),
            Route("/run/{run}/note/", self._note, methods=["POST"]),
            Route("/run/{run}/samples/{task}/{sample}/note/", self._note, methods=["POST"]),
        ]
        return Router(routes, redirect_slashes=False, default=self._nowhere)

    def _endpoint(self, page: Page) -> Callable[[Request], Response]:
        def answer(request: Request) -> Response:
            found = page(self._now(), request)
            return local_server.html(found.text, found.status)

        return answer  # not async: it is answered in a thread, so that no page waits for another

    def _now(self) -> View:
        state = self._watcher.state
        work = Work(self._watcher.is_reading, state.read, state.total, state.waiting, state.is_cut)
        return replace(self._view, work=work)

    def _list_of(self, pages: FolderPages) -> Page:
        return lambda view, _: folders.render(view, pages, self._folders(pages))

    def _folders(self, pages: FolderPages) -> dict[str, Path]:
        """Key → folder of a plugin's kind."""
        root = self._view.index.root
        return {
            slug(folder.relative_to(root).as_posix() if folder != root else root.name): folder
            for folder in self._watcher.state.others
            if pages.recognises(folder)
        }

    async def _nowhere(self, scope: Scope, receive: Receive, send: Send) -> None:
        depth = scope["path"].strip("/").count("/") + 1
        found = self._now().missing(depth, "there is no such page")
        await local_server.html(found.text, found.status)(scope, receive, send)

    async def _state(self, _: Request) -> Response:
        view = self._now()
        return local_server.json({"version": view.version, "work": view.work.told})

    def _chosen(self, request: Request) -> Response:
        """Sends on to the comparison of two runs, the earlier one as the baseline."""
        from starlette.responses import RedirectResponse

        view = self._now()
        chosen = list(dict.fromkeys(request.query_params.getlist("run")))
        entries = view.entries
        known = [entries[key] for key in chosen if key in entries]
        if len(known) != 2 or len(chosen) != 2:
            found = view.refused(1, "two runs are compared at a time", "Choose two in the list.")
            return local_server.html(found.text, found.status)
        first, second = sorted(known, key=lambda each: (each.started, each.key))
        return RedirectResponse(f"{first.key}/{second.key}/", 303, headers=local_server.HEADERS)

    # ----------------------------------------------------------------------- notes

    async def _note(self, request: Request) -> Response:
        from starlette.concurrency import run_in_threadpool
        from starlette.responses import RedirectResponse

        depth = request.url.path.strip("/").count("/") + 1
        try:
            given = _form(await local_server.content(request))
            await run_in_threadpool(self._keep, request.path_params, given)
        except HarnessError as error:
            found = self._now().refused(depth, str(error))
            return local_server.html(found.text, found.status)
        return RedirectResponse("../#notes", 303, headers=local_server.HEADERS)

    def _keep(self, parts: Mapping[str, Any], given: Mapping[str, str]) -> None:
        """Does what a form asks for.

        Raises:
            UsageError: There is no such run or sample, or it asks for nothing that there is.
        """
        view = self._view
        entry = view.index.entry(str(parts["run"]))
        if entry is None:
            raise UsageError(f"no run is at {parts['run']}")
        place = Place(entry.path) if "task" not in parts else self._sample(entry, parts)
        action, value = given.get("action"), given.get("value", "")
        if action == "tag":
            view.notes.add_tag(place, value)
        elif action == "untag":
            view.notes.remove_tag(place, value)
        elif action == "comment":
            view.notes.add_comment(place, value)
        elif action == "uncomment" and value.isascii() and value.isdecimal() and len(value) < 19:
            view.notes.remove_comment(place, int(value))
        else:
            raise UsageError("the form asks for nothing that can be done")

    def _sample(self, entry: Entry, parts: Mapping[str, Any]) -> Place:
        found = samples.opened(self._view, entry.key, str(parts["task"]), 6)
        if isinstance(found, Answer):
            raise UsageError(f"there are no samples at {parts['task']}")
        _, task, columns = found
        line = samples.place_of(columns, str(parts["sample"]))
        if line is None:
            raise UsageError(f"no sample is at {parts['sample']}")
        return Place(entry.path, task, samples.line_name(columns, line))

    # ----------------------------------------------------------------------- plugins' pages

    async def _inner(self, name: str, key: str, path: str, scope: Scope) -> ASGIApp:
        """A plugin's application for a folder; it is opened in the thread that answers."""
        if (name, key) not in self._inside:
            folder = self._folders(self._plugins[name]).get(key)
            if folder is None:
                found = self._now().missing(2, f"no folder is at {key}")
                return local_server.html(found.text, found.status)
            try:
                application = self._opened.enter_context(self._plugins[name].open(folder))
            except (HarnessError, OSError) as error:
                found = self._now().refused(2, str(error))
                return local_server.html(found.text, found.status)
            self._inside[name, key] = application
        scope["path"], scope["root_path"] = path, ""
        return self._inside[name, key]


def _form(content: bytes) -> dict[str, str]:
    """The fields of a form.

    Raises:
        DataError: It is none.
    """
    try:
        found = parse_qs(content.decode("ascii"), keep_blank_values=True, max_num_fields=8,
                         errors="strict")  # fmt: skip
    except (UnicodeDecodeError, ValueError) as error:
        raise DataError("the request is no form") from error
    return {name: values[-1] for name, values in found.items()}
