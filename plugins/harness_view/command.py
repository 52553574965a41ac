"""``harness view``: run folders in the browser, or as a static site."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness import registry_of
from harness.authoring.literal import echo
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness import Registry
    from harness.protocols import FolderPages
    from harness_view.index.store import Index
    from harness_view.notes import Notes

EPILOG = """\b
Examples:
  harness view runs
  harness view runs --port 8321
  harness view runs --export site

The link that the command prints holds a secret: whoever has it may read the runs and
write tags and comments. It stays the same from start to start; with --port so do
links to samples.
"""


@click.command("view", epilog=EPILOG)
@click.argument(
    "root", default="runs", type=click.Path(path_type=Path), metavar="[DIR]", required=False
)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0: any free one. [0]")
@click.option("--export", "out", type=click.Path(path_type=Path), metavar="OUT",
              help="Write a static site into this folder, and serve nothing.")  # fmt: skip
@click.option("--samples", type=click.IntRange(0), default=200, show_default=True,
              help="With --export: samples of each task of each run.")  # fmt: skip
@click.option("--prepare", is_flag=True, help="Bring the index up to date and stop.")
@click.pass_context
def command(
    context: click.Context, root: Path, port: int, out: Path | None, samples: int, prepare: bool
) -> int:
    """Show the run folders below DIR (runs) in the browser: leaderboards, history, samples.

    Folders of `harness annotate` below DIR are judged there, too. The pages follow runs that
    are not done yet. Only this machine can reach them.
    """
    if not root.is_dir():
        raise UsageError(f"{root} is no folder", "Name the folder that holds run folders.")
    if out is not None and prepare:
        raise UsageError("--export and --prepare are both given", "Leave out one.")
    from harness_view import export, notes
    from harness_view.index import store

    registry = registry_of(context)
    with store.opened(root.resolve()) as index, notes.opened(root) as kept:
        if out is not None:
            export.check(out)
            _prepare(index)
            _export(index, kept, registry, out, samples)
        elif prepare:
            _prepare(index)
        else:
            _serve(index, kept, registry, port)
    return 0


def _prepare(index: Index) -> None:
    """Brings the index up to date, ranks included."""
    from harness.authoring.reporting import progress
    from harness.errors import HarnessError
    from harness_view.figures import boards
    from harness_view.index import refresh

    with progress.display() as shown:
        shown.phase("reading", 0, "runs")
        found = refresh.refresh(index, lambda done, _: shown.update(done))
        missing = refresh.unread(index)
        shown.phase("reading samples", len(missing), "files")
        for number, (entry, task) in enumerate(missing, start=1):
            try:
                refresh.columns(index, entry, task)
            except (HarnessError, OSError, ValueError) as error:
                echo(f"{entry.path}: {error}", err=True)
            shown.update(number)
        shown.phase("ranking")
        boards.compute(index)
    states = [each.state for each in index.entries()]
    told = [f"{states.count(name)} {name}" for name in dict.fromkeys(states)]
    echo(f"{found.total:,} runs ({', '.join(told)}); {found.read:,} read anew")


def _export(index: Index, kept: Notes, registry: Registry, out: Path, samples: int) -> None:
    from harness.authoring.reporting import progress
    from harness_view import export
    from harness_view.pages.site import View

    view = View(index, kept, registry, is_static=True, exported=samples, compared=export.COMPARED)
    with progress.display() as shown:
        shown.phase("writing", 0, "pages")
        pages = export.export(view, out, samples, shown.update)
    echo(f"{out}: {pages:,} pages; open {out / 'index.html'}")


def _serve(index: Index, kept: Notes, registry: Registry, port: int) -> None:
    from harness.authoring.io import local_server

    local_server.check_extra("the view", "view")
    from harness_view import server
    from harness_view.figures import boards
    from harness_view.index.refresh import Watcher
    from harness_view.pages.site import View

    pages = _plugins_pages(registry)
    sections = tuple((each.title, each.name) for each in pages)
    view = View(index, kept, registry, sections=sections)
    watcher = Watcher(index, lambda is_over: boards.compute(index, is_over))
    with ExitStack() as opened:
        at = local_server.listening(port)
        port = at.getsockname()[1]
        watcher.start()
        opened.callback(watcher.close)
        hosts = local_server.hosts(port)
        application = server.Application(view, watcher, pages, hosts, opened)
        # The one line that another program may wait for: it must not stay in a buffer.
        click.echo(f"Open {server.address(index.token, port)}  (Ctrl-C ends)")
        local_server.serve(application, at)


def _plugins_pages(registry: Registry) -> tuple[FolderPages, ...]:
    """What plugins add, each place once."""
    found: dict[str, FolderPages] = {}
    for offered in registry.notify("harness_view_pages"):
        for each in offered:
            found.setdefault(each.name, each)
    return tuple(found.values())
