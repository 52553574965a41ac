"""The samples of a task of a run: a list with filters, and each on a page of its own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.authoring.literal import one_line
from harness.authoring.reporting import numbers, records
from harness.errors import HarnessError
from harness_view.index import refresh
from harness_view.index import samples as reading
from harness_view.index.entries import Entry
from harness_view.index.names import slug
from harness_view.index.samples import OUTCOMES, Columns
from harness_view.notes import Comment, Place
from harness_view.pages.site import Answer, Links, View

PAGE = 50
"""Samples of one page of the list."""
BADGES = {
    "right": "✓ Right",
    "partial": "± Partly",
    "wrong": "✗ Wrong",
    "unread": "✗ Unread",
    "error": "! Error",
    "scored": "Scored",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A sample as it is shown.

    Attributes:
        slug: Its place in addresses, unique in the task.
        entry: As ``records.entry`` makes it.
        outcome: Its outcome.
        tag: What tells it from other lines of the sample.
        scores: Metric → value in words.
        address: Its permalink.
        tags: What it is tagged with.
        comments: What was said of it.
    """

    slug: str
    entry: Mapping[str, Any]
    outcome: str
    tag: str
    scores: tuple[tuple[str, str], ...]
    address: str
    tags: Sequence[str]
    comments: Sequence[Comment]

    @property
    def badge(self) -> str:
        """The outcome in words."""
        return BADGES[self.outcome]

    @property
    def first_score(self) -> str:
        """The first score, for the list."""
        return self.scores[0][1] if self.scores else ""

    @property
    def answer(self) -> str:
        """The beginning of the answer, for the list."""
        choices = self.entry.get("choices", ())
        best = (
            max(
                choices,
                key=lambda each: each.get("logprob") or each.get("probability") or -math.inf,
            )
            if choices
            else None
        )
        text = (
            self.entry["responses"][-1] if self.entry["responses"] else best["text"] if best else ""
        )
        return one_line(text, 160)


@dataclass(frozen=True, slots=True)
class Query:
    """What of the samples is wanted; empty texts want all."""

    outcome: str = ""
    words: str = ""
    variant: str = ""
    tag: str = ""
    order: str = ""
    page: int = 1

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Query:
        """From an address; what makes no sense there is left out."""
        page = given.get("page", "1")
        outcome = given.get("outcome", "")
        return cls(
            outcome if outcome in OUTCOMES else "",
            given.get("q", "")[:200],
            given.get("variant", "")[:200],
            given.get("tag", "")[:200],
            given.get("order", "")[:200],
            int(page) if page.isascii() and page.isdecimal() and 0 < len(page) < 8 else 1,
        )

    def to(self, **changes: str) -> dict[str, str]:
        """The address of another query; the page is not kept."""
        own = {
            "outcome": self.outcome, "q": self.words, "variant": self.variant, "tag": self.tag,
            "order": self.order,
        }  # fmt: skip
        return {**own, **changes}


def line_name(columns: Columns, place: int) -> str:
    """What names a line of a file of samples for good."""
    tag = columns.tags[place]
    return f"{columns.ids[place]}\n{tag}" if tag else columns.ids[place]


def render(view: View, key: str, task_slug: str, query: Query) -> Answer:
    """The list."""
    depth = 4 + (query.page > 1 if view.is_static else 0)
    found = opened(view, key, task_slug, depth)
    if isinstance(found, Answer):
        return found
    entry, task, columns = found
    links = view.links(depth)
    tags = view.notes.tags(entry.path, task)
    try:
        scope, chosen = _chosen(view, entry, task, columns, query, tags)
        places = chosen[: view.exported] if view.is_static else chosen
        pages = max(1, math.ceil(len(places) / PAGE))
        number = min(query.page, pages)
        on_page = places[(number - 1) * PAGE : number * PAGE]
        shown = _shown(view, entry, task, columns, on_page, links, records.Clipper())
    except HarnessError as error:
        return view.refused(depth, str(error))
    counts = np.bincount(columns.outcomes[scope], minlength=len(OUTCOMES))
    variants = list(dict.fromkeys(each.partition(".")[0] for each in columns.tags if each))
    text = view.render(
        "samples.html",
        depth,
        "Runs",
        entry=entry,
        task=task,
        samples=shown,
        total=len(chosen),
        exported=len(places),
        first=(number - 1) * PAGE + 1,
        query=query,
        outcomes=[
            (name, BADGES[name], int(counts[at]), links.samples(key, task, query.to(outcome=name)))
            for at, name in enumerate(OUTCOMES)
            if counts[at]
        ],
        all_address=links.samples(key, task, query.to(outcome="")),
        in_scope=int(scope.sum()),
        variants=variants,
        metrics=list(columns.scores),
        primary=columns.primary,
        tags_used=sorted({tag for each in tags.values() for tag in each}),
        previous=_page_address(links, key, task, query, number - 1) if number > 1 else "",
        following=_page_address(links, key, task, query, number + 1) if number < pages else "",
        address=links.samples(key, task),
        run_address=links.run(key),
        note_root=links.to("run", key, "samples", slug(task)),
    )
    return Answer(text)


def _page_address(links: Links, key: str, task: str, query: Query, number: int) -> str:
    if links.is_static:
        parts = ("run", key, "samples", slug(task), *([str(number)] if number > 1 else []))
        return links.to(*parts)
    return links.samples(key, task, query.to(page=str(number)))


def opened(view: View, key: str, task_slug: str, depth: int) -> tuple[Entry, str, Columns] | Answer:
    """A run's task and its samples, or the page that says why there are none."""
    entry = view.index.entry(key)
    if entry is None:
        return view.missing(depth, f"no run is at {key}")
    tasks = {slug(each.task): each.task for each in view.index.measured(run=key)}
    task = tasks.get(task_slug)
    if task is None:
        return view.missing(depth, f"{entry.run_id} has no task at {task_slug}")
    try:
        columns = refresh.columns(view.index, entry, task)
    except (HarnessError, OSError, ValueError) as error:
        return view.refused(depth, str(error))
    if columns is None:
        return view.missing(depth, f"{entry.run_id} keeps no samples of {task}")
    return entry, task, columns


def _chosen(
    view: View,
    entry: Entry,
    task: str,
    columns: Columns,
    query: Query,
    tags: Mapping[Place, Sequence[str]],
) -> tuple[NDArray[np.bool_], list[int]]:
    """Which lines are in scope whatever their outcome, and those of the wanted one, in order."""
    variants = np.array([each.partition(".")[0] for each in columns.tags], dtype=np.str_)
    scope = np.isin(variants, ["", "repeat"]) if not query.variant else variants == query.variant
    if query.words.strip():
        path = refresh.file_of(view.index, entry, task)
        scope &= reading.matching(path, columns, query.words.split())
    if query.tag:
        wanted = {place.sample for place, found in tags.items() if query.tag in found}
        names = [line_name(columns, place) in wanted for place in range(columns.rows)]
        scope &= np.array(names, np.bool_)
    chosen = scope & (columns.outcomes == OUTCOMES.index(query.outcome)) if query.outcome else scope
    places = np.flatnonzero(chosen)
    metric, _, direction = query.order.rpartition(":")
    if metric in columns.scores and direction in ("lowest", "highest"):
        values = columns.scores[metric][places]
        keys = np.where(np.isnan(values), np.inf, values if direction == "lowest" else -values)
        places = places[np.argsort(keys, kind="stable")]
    return scope, places.tolist()


def _shown(
    view: View,
    entry: Entry,
    task: str,
    columns: Columns,
    places: Sequence[int],
    links: Links,
    clip: records.Clipper,
) -> list[Shown]:
    read = reading.records_at(view.index.root / entry.path, task, columns, places)
    tags, comments = view.notes.tags(entry.path, task), view.notes.comments(entry.path, task)
    found = []
    for place, record in zip(places, read, strict=True):
        name = line_name(columns, place)
        noted = Place(entry.path, task, name)
        scores = [
            (metric, numbers.trimmed(float(column[place])))
            for metric, column in columns.scores.items()
            if math.isfinite(column[place])
        ]
        found.append(
            Shown(
                slug(name),
                records.entry(record, clip),
                OUTCOMES[columns.outcomes[place]],
                columns.tags[place],
                tuple(scores),
                _permalink(links, entry.key, task, name, place),
                tags.get(noted, []),
                comments.get(noted, []),
            )
        )
    return found


def _permalink(links: Links, key: str, task: str, name: str, place: int) -> str:
    """A sample's own page; on a static site its place in the list."""
    if not links.is_static:
        return links.to("run", key, "samples", slug(task), slug(name))
    number = place // PAGE + 1
    parts = ("run", key, "samples", slug(task), *([str(number)] if number > 1 else []))
    return links.to(*parts, at=slug(name))


def place_of(columns: Columns, sample_slug: str) -> int | None:
    """The line at a place in addresses."""
    return next(
        (each for each in range(columns.rows) if slug(line_name(columns, each)) == sample_slug),
        None,
    )


def render_one(view: View, key: str, task_slug: str, sample_slug: str) -> Answer:
    """The page of one sample."""
    found = opened(view, key, task_slug, 5)
    if isinstance(found, Answer):
        return found
    entry, task, columns = found
    place = place_of(columns, sample_slug)
    if place is None:
        return view.missing(5, f"{entry.run_id} has no sample of {task} at {sample_slug}")
    links = view.links(5)

    def near(other: int) -> str:
        inside = 0 <= other < columns.rows
        return _permalink(links, key, task, line_name(columns, other), other) if inside else ""

    clip = records.Clipper()
    try:
        (shown,) = _shown(view, entry, task, columns, [place], links, clip)
        others = _other_runs(view, entry, task, columns.ids[place], columns.tags[place], links)
    except HarnessError as error:
        return view.refused(5, str(error))
    text = view.render(
        "sample.html",
        5,
        "Runs",
        entry=entry,
        task=task,
        sample=shown,
        name=one_line(columns.ids[place], 120),
        previous=near(place - 1),
        following=near(place + 1),
        list_address=links.samples(key, task),
        run_address=links.run(key),
        note_address=links.to("run", key, "samples", slug(task), sample_slug, "note"),
        is_kept=view.notes.is_kept,
        others=others,
    )
    return Answer(text)


_OTHERS = 8
"""Other runs whose answers to the same sample a page links to."""


def _other_runs(
    view: View, entry: Entry, task: str, sample: str, tag: str, links: Links
) -> list[tuple[Entry, str]]:
    """The latest runs that hold the same sample, with its address there; indexed ones alone."""
    name = f"{sample}\n{tag}" if tag else sample
    first = [each for each in view.index.measured(first_only=True) if each.task == task]
    mine = {each.group for each in first if each.run == entry.key}
    runs = {each.run for each in first if each.group in mine}
    found = []
    for key, other in view.entries.items():
        if key in runs and key != entry.key:
            found.append((other, links.to("run", key, "samples", slug(task), slug(name))))
        if len(found) == _OTHERS:
            break
    return found
