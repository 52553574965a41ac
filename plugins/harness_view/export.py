"""The pages as files: a static site, which needs no server."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.authoring.io import files
from harness.errors import UsageError
from harness_view.figures import boards as making
from harness_view.index.names import slug
from harness_view.pages import boards, comparison, histories, noted, run, runs, samples
from harness_view.pages.samples import PAGE, Query
from harness_view.pages.site import Answer, View, board_slug

MARK = ".evalign-site"
"""In the folder of a site, which the next export may replace."""
COMPARED = 50
"""Runs that are compared with the run before, the latest ones."""


@dataclass(slots=True)
class _Writer:
    """Writes pages into a folder."""

    folder: Path
    told: Callable[[int], None]
    written: int = 0

    def __call__(self, answer: Answer, *parts: str) -> None:
        files.write_atomically(self.folder.joinpath(*parts, "index.html"), answer.text)
        self.written += 1
        self.told(self.written)


def check(out: Path) -> None:
    """Refuses a folder that holds something else than an earlier site.

    Raises:
        UsageError: It does.
    """
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise UsageError(f"{out} is no folder", "Give --export the folder of the site.")
    if out.is_dir() and any(out.iterdir()) and not (out / MARK).is_file():
        raise UsageError(f"{out} holds something else than a site", "Give --export another folder.")


def export(
    view: View, out: Path, samples_of_task: int, told: Callable[[int], None] = lambda _: None
) -> int:
    """Writes the site, in place of an earlier one, and returns how many pages it has.

    Args:
        view: What pages are made of; the index is up to date, ranks are computed.
        out: Its folder.
        samples_of_task: Samples of each task of each run, at most; 0 writes none.
        told: Called with the number of pages, as they are written.

    Raises:
        UsageError: The folder holds something else.
        OSError: It cannot be written.
    """
    check(out)
    partial = out.with_name(f".{out.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        (partial / MARK).touch()
        writer = _Writer(partial, told)
        _write(view, writer, samples_of_task)
        if out.exists():
            shutil.rmtree(out)
        partial.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return writer.written


def _write(view: View, write: _Writer, samples_of_task: int) -> None:
    write(runs.render(view))
    write(boards.overview(view), "leaderboard")
    write(histories.overview(view), "history")
    write(noted.render(view), "notes")
    for board in making.boards(view.index):
        place = board_slug(board)
        write(boards.render(view, place), "leaderboard", place)
        write(histories.render(view, place), "history", place)
    for key, entry in view.entries.items():
        write(run.render(view, key), "run", key)
        measured = view.index.measured(run=key)
        if not measured:
            continue
        write(run.report(view, key), "run", key, "report")
        before = run.previous(entry, measured, view)
        if before is not None:
            write(comparison.render(view, before.key, key), "compare", before.key, key)
        for task in dict.fromkeys(each.task for each in measured):
            _write_samples(view, write, key, task, samples_of_task)


def _write_samples(view: View, write: _Writer, key: str, task: str, most: int) -> None:
    place = slug(task)
    found = samples.opened(view, key, place, 4)
    rows = 0 if isinstance(found, Answer) else min(found[2].rows, most)
    for number in range(1, max(1, -(-rows // PAGE)) + 1):
        answer = samples.render(view, key, place, Query(page=number))
        write(answer, "run", key, "samples", place, *([str(number)] if number > 1 else []))
