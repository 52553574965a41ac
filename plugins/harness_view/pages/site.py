"""What all pages share: where they are, how they are linked, and how they are made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from harness.authoring.reporting import numbers
from harness.authoring.reporting.page import Site, SiteLink, page, within
from harness_view.figures.boards import Board
from harness_view.index.entries import Entry
from harness_view.index.names import slug
from harness_view.index.store import Index
from harness_view.notes import Notes

SECTIONS = (
    ("Runs", ()),
    ("Leaderboard", ("leaderboard",)),
    ("History", ("history",)),
    ("Notes", ("notes",)),
)
_STYLES = ("base.css", "forest.css", "charts.css", "samples.css", "view.css")
_SCRIPTS = ("base.js", "forest.js", "view.js")


@dataclass(frozen=True, slots=True)
class Links:
    """Addresses relative to one page, of a server or of files.

    Attributes:
        depth: Folders between the site's root and the page.
        is_static: Whether the pages are files, which lack whatever asks a server.
    """

    depth: int
    is_static: bool = False

    def to(self, *parts: str, query: Mapping[str, str] | None = None, at: str = "") -> str:
        """The address of the page of these parts, each a slug."""
        address = "../" * self.depth + "".join(f"{part}/" for part in parts)
        address = (address or "./") + ("index.html" if self.is_static else "")
        kept = {name: value for name, value in (query or {}).items() if value}
        return address + (f"?{urlencode(kept)}" if kept else "") + (f"#{at}" if at else "")

    def run(self, run: Entry | str) -> str:
        """A run's page."""
        return self.to("run", run if isinstance(run, str) else run.key)

    def samples(self, run: str, task: str, query: Mapping[str, str] | None = None) -> str:
        """The samples of a run's task."""
        return self.to("run", run, "samples", slug(task), query=query)

    def board(self, board: Board) -> str:
        """A leaderboard."""
        return self.to("leaderboard", board_slug(board))

    def history(self, board: Board) -> str:
        """A history."""
        return self.to("history", board_slug(board))


def board_slug(board: Board) -> str:
    """The board's place in addresses; its group stands in it, as a task may have several."""
    return f"{slug(board.name)}.{board.group[:6]}"


@dataclass(frozen=True, slots=True)
class Answer:
    """A page, or why there is none."""

    text: str
    status: int = 200


@dataclass(frozen=True, slots=True)
class Work:
    """What goes on in the background.

    Attributes:
        is_reading: Whether folders are read for the first time.
        read: Runs that are read.
        total: Runs that there are.
        waiting: Files of samples to be read.
        is_cut: Whether there are more folders than are looked into.
    """

    is_reading: bool = False
    read: int = 0
    total: int = 0
    waiting: int = 0
    is_cut: bool = False

    @property
    def told(self) -> str:
        """A sentence; empty where nothing goes on."""
        cut = " There are more folders here than are looked into." if self.is_cut else ""
        if self.is_reading and not self.waiting:
            return f"Reading run folders: {self.read:,} of {self.total:,}.{cut}"
        if self.waiting:
            files = f"{self.waiting:,} files of samples"
            return f"Reading {files}; ranks wait for them.{cut}"
        return cut.strip()


@dataclass(frozen=True, slots=True)
class View:
    """What pages are made of.

    Attributes:
        index: The runs.
        notes: Tags and comments.
        registry: The loaded plugins, for the pages that reporters make.
        is_static: Whether pages are files.
        sections: Further sections: (title, place).
        work: What goes on.
        exported: Samples of a task that a static site holds at most.
        compared: Runs that a static site compares with the run before, the latest ones.
    """

    index: Index
    notes: Notes
    registry: Any
    is_static: bool = False
    sections: tuple[tuple[str, str], ...] = ()
    work: Work = field(default_factory=Work)
    exported: int = 0
    compared: int = 0

    def links(self, depth: int) -> Links:
        """The links of a page."""
        return Links(depth, self.is_static)

    @property
    def version(self) -> int:
        """Grows with whatever pages show."""
        return self.index.version + self.notes.version

    @property
    def entries(self) -> dict[str, Entry]:
        """Key → run, the latest first."""
        return {each.key: each for each in self.index.entries()}

    @property
    def names(self) -> dict[str, str]:
        """Key → what a run is called: by its folder, too, where several have its name."""
        entries = self.index.entries()
        counts = Counter(each.run_id for each in entries)
        return {
            each.key: each.run_id if counts[each.run_id] == 1 else f"{each.run_id} ({each.path})"
            for each in entries
        }

    def site(self, depth: int, here: str = "") -> Site:
        """The bar of a page that belongs to a section."""
        links = self.links(depth)
        sections = [*SECTIONS, *((title, (place,)) for title, place in self.sections)]
        return Site(
            [SiteLink(title, links.to(*parts), title == here) for title, parts in sections],
            served=not self.is_static,
        )

    def render(self, template: str, depth: int, here: str, **variables: object) -> str:
        """A page.

        Args:
            template: Of this package.
            depth: As in ``Links``.
            here: The section that it belongs to.
            variables: What the template shows.
        """
        links = self.links(depth)
        with within(self.site(depth, here)):
            return page(
                "harness_view",
                template,
                styles=_STYLES,
                scripts=_SCRIPTS,
                data=(),
                links=links,
                is_static=self.is_static,
                work=self.work.told,
                moment=numbers.moment,
                count=numbers.count,
                trimmed=numbers.trimmed,
                state_address="" if self.is_static else links.to("state"),
                version=self.version,
                **variables,
            )

    def missing(self, depth: int, what: str) -> Answer:
        """The page that says what there is not."""
        return Answer(self.render("message.html", depth, "", title="Not here", told=what), 404)

    def refused(self, depth: int, what: str, hint: str = "") -> Answer:
        """The page that says what cannot be shown, and why."""
        told = f"{what}\n{hint}" if hint else what
        return Answer(
            self.render("message.html", depth, "", title="Cannot be shown", told=told), 400
        )
