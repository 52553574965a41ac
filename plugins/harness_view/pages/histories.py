"""Histories of metrics over commits."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.authoring.reporting import charts, numbers
from harness.authoring.reporting.forest import Forest, Item
from harness.stats import change_points
from harness_view.figures import boards as making
from harness_view.figures.histories import History, histories
from harness_view.index.entries import Entry
from harness_view.pages.boards import by_slug, on_one_axis
from harness_view.pages.site import Answer, Links, View

_SHORT = 10
_LISTED = 60


@dataclass(frozen=True, slots=True)
class Change:
    """A change of level, in words."""

    run: Entry
    commit: str
    before: str
    after: str
    p_value: str
    is_better: bool | None


@dataclass(frozen=True, slots=True)
class Shown:
    """A history as its page shows it."""

    history: History
    chart: charts.Chart
    plot: Forest
    changes: tuple[Change, ...]
    earlier: int


def overview(view: View) -> Answer:
    """Every metric with a history: tasks' first metrics alone."""
    entries, links = view.entries, view.links(1)
    rows = []
    for board in making.boards(view.index):
        if not board.is_first:
            continue
        for each in histories(board, entries):
            last = each.changes[-1] if each.changes else None
            rows.append((each, links.history(board), _told(each, entries, last)))
    rows.sort(key=lambda row: (not row[0].changes, row[0].board.name, row[0].model))
    return Answer(view.render("history_list.html", 1, "History", rows=rows, level=_level()))


def _level() -> str:
    return f"{change_points.LEVEL * 100:g} %"


def _told(
    history: History, entries: dict[str, Entry], last: change_points.ChangePoint | None
) -> str:
    if last is None:
        return "no change is shown"
    entry = entries[history.measured[last.place].run]
    values = f"{numbers.significant(last.before)} → {numbers.significant(last.after)}"
    return f"{values} at {commit(entry)}"


def commit(entry: Entry) -> str:
    """The beginning of a commit's hash, ``-dirty`` kept; the run's name where there is none."""
    found = entry.commit
    dirty = "-dirty" if found.endswith("-dirty") else ""
    return found.removesuffix("-dirty")[:_SHORT] + dirty if found else entry.run_id


def render(view: View, place: str) -> Answer:
    """The page of a metric."""
    board = by_slug(view, place)
    if board is None:
        return view.missing(2, f"no history is at {place}")
    entries, links = view.entries, view.links(2)
    shown = [_shown(each, entries, links) for each in histories(board, entries)]
    text = view.render(
        "history.html",
        2,
        "History",
        board=board,
        shown=shown,
        links_of={run: links.run(run) for run in entries},
        leaderboard=links.board(board),
        level=_level(),
    )
    return Answer(text)


def _shown(history: History, entries: dict[str, Entry], links: Links) -> Shown:
    measured = history.measured
    runs = [entries[each.run] for each in measured]
    told = [
        (each.estimate, f"{commit(run)}: {numbers.number(each.estimate)}")
        for each, run in zip(measured, runs, strict=True)
    ]
    changes = history.changes
    mean = math.fsum(each.estimate.value for each in measured) / len(measured)
    levels = [(0, changes[0].before if changes else mean)]
    levels += [(each.place, each.after) for each in changes]
    chart = charts.in_time(
        history.board.name,
        told,
        (commit(runs[0]), commit(runs[-1])),
        levels,
        [(each.place, commit(runs[each.place])) for each in changes],
    )
    starts = {each.place for each in changes}
    digits = numbers.digits_for([each.estimate for each in measured])
    items = [
        Item(
            label=f"{commit(run)} · {numbers.moment(run.started)}",
            estimate=each.estimate,
            number=numbers.number(each.estimate, digits),
            state="changed" if number in starts else "",
            link=links.run(run),
        )
        for number, (each, run) in enumerate(zip(measured, runs, strict=True))
    ][::-1]
    return Shown(
        history,
        chart,
        on_one_axis(history.board.name, items[:_LISTED]),
        tuple(_change(each, history, runs) for each in reversed(changes)),
        max(0, len(items) - _LISTED) + history.left_out,
    )


def _change(found: change_points.ChangePoint, history: History, runs: list[Entry]) -> Change:
    first = history.measured[0]
    up = first.higher_is_better
    if first.ideal is not None:
        up = None
        better = abs(found.after - first.ideal) < abs(found.before - first.ideal)
    else:
        better = (found.after > found.before) == bool(up)
    is_known = first.ideal is not None or up is not None
    run = runs[found.place]
    return Change(
        run,
        commit(run),
        numbers.significant(found.before),
        numbers.significant(found.after),
        numbers.p_value(found.p_value),
        better if is_known else None,
    )
