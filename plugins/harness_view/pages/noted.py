"""Everything that bears a tag or a comment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.authoring.literal import one_line
from harness_view.index.entries import Entry
from harness_view.index.names import slug
from harness_view.notes import Comment, Place
from harness_view.pages.site import Answer, Links, View


@dataclass(frozen=True, slots=True)
class Row:
    """What a note is about, and what it says; ``address`` is empty where the run is gone."""

    name: str
    address: str
    tags: Sequence[str]
    comments: Sequence[Comment]


def render(view: View) -> Answer:
    """The page."""
    by_path = {each.path: each for each in view.index.entries()}
    links = view.links(1)
    rows = [
        Row(_name(place, by_path), _address(place, by_path, links), tags, comments)
        for place, tags, comments in view.notes.noted()
    ]
    used = sorted({tag for row in rows for tag in row.tags})
    text = view.render(
        "noted.html", 1, "Notes", rows=rows, used=used, file=view.notes.path.name,
        is_kept=view.notes.is_kept,
    )  # fmt: skip
    return Answer(text)


def _name(place: Place, by_path: dict[str, Entry]) -> str:
    run = by_path[place.run].run_id if place.run in by_path else place.run
    parts = (run, place.task, one_line(place.sample.replace("\n", " "), 80))
    return " · ".join(part for part in parts if part)


def _address(place: Place, by_path: dict[str, Entry], links: Links) -> str:
    entry = by_path.get(place.run)
    if entry is None:
        return ""
    if not place.task:
        return links.run(entry)
    parts = ("run", entry.key, "samples", slug(place.task))
    return links.to(*parts) if links.is_static else links.to(*parts, slug(place.sample))
