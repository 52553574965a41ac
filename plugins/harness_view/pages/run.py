"""The page of a run, and its full report."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from harness import read_result
from harness.authoring.io import files
from harness.authoring.reporting import forest, numbers
from harness.authoring.reporting.page import within
from harness.errors import HarnessError
from harness_view.index.entries import Entry, Measured
from harness_view.notes import Place
from harness_view.pages import runs
from harness_view.pages.site import Answer, Links, View


def render(view: View, key: str) -> Answer:
    """The page of a run."""
    entries = view.entries
    entry = entries.get(key)
    if entry is None:
        return view.missing(2, f"no run is at {key}")
    links = view.links(2)
    measured = view.index.measured(run=key)
    tasks = list(dict.fromkeys(each.task for each in measured))
    folder = view.index.root / entry.path
    has_samples = [task for task in tasks if (folder / "samples" / f"{task}.jsonl").is_file()]
    place = Place(entry.path)
    text = view.render(
        "run.html",
        2,
        "Runs",
        entry=entry,
        progress=runs.progress(entry),
        forests=forest.values(list(_items(measured, links, has_samples))),
        tasks=tasks,
        has_samples=has_samples,
        resources=[(name, numbers.trimmed(value)) for name, value in entry.resources.items()],
        tags=view.notes.tags(entry.path).get(place, []),
        comments=view.notes.comments(entry.path).get(place, []),
        note_address=links.to("run", key, "note"),
        is_kept=view.notes.is_kept,
        names=view.names,
        others=_comparable(entry, measured, view),
        previous=previous(entry, measured, view),
    )
    return Answer(text)


def _items(
    measured: Sequence[Measured], links: Links, has_samples: Sequence[str]
) -> list[forest.Item]:
    return [
        forest.Item(
            label=numbers.label(each.name, each.higher_is_better, each.ideal, each.calibration),
            estimate=each.estimate,
            number=numbers.number(each.estimate),
            link=links.samples(each.run, each.task) if each.task in has_samples else "",
            percent=False,
            ideal=each.ideal,
        )
        for each in measured
    ]


def _comparable(entry: Entry, measured: Sequence[Measured], view: View) -> list[Entry]:
    """Other runs that share a task in the same way, the latest first."""
    groups = {each.group for each in measured}
    runs = {each.run for each in view.index.measured(first_only=True) if each.group in groups}
    return [each for key, each in view.entries.items() if key in runs and key != entry.key]


def previous(entry: Entry, measured: Sequence[Measured], view: View) -> Entry | None:
    """The latest comparable run that was started before this one, where they are compared."""
    if view.is_static and entry.key not in list(view.entries)[: view.compared]:
        return None
    earlier = [each for each in _comparable(entry, measured, view) if each.started < entry.started]
    return earlier[0] if earlier else None


def report(view: View, key: str) -> Answer:
    """The whole report of a run, as `harness report --format html` makes it, without samples."""
    entry = view.index.entry(key)
    if entry is None:
        return view.missing(3, f"no run is at {key}")
    folder = view.index.root / entry.path
    try:
        result = read_result(folder)
        reporter = view.registry.reporter("html").open()
        with tempfile.TemporaryDirectory(prefix="harness-view-") as made:
            if (folder / "run.json").is_file():
                content = files.read_bytes(folder / "run.json")
                Path(made, "run.json").write_bytes(content)
            os.chmod(made, 0o700)
            with within(view.site(3, "Runs")):
                path = reporter.render(result, Path(made))
            return Answer(files.read_text(path))
    except (HarnessError, OSError) as error:
        return view.refused(3, str(error))
