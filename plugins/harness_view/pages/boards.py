"""Leaderboards: of all tasks at once, and of one metric."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from harness.authoring.reporting import charts, numbers
from harness.authoring.reporting.drawing import Axis, close_axis, mark
from harness.authoring.reporting.forest import Forest, Item, Row, ticks
from harness_view.figures import boards as making
from harness_view.figures import fronts
from harness_view.figures.boards import Board
from harness_view.figures.fronts import Front
from harness_view.figures.ranking import MOST, Ranking
from harness_view.index.entries import Entry, Measured
from harness_view.pages.site import Answer, Links, View, board_slug

MOST_ROWS, MOST_COLUMNS = 100, 12
"""Of the table of all tasks."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A run's value of a task: ``rank`` is a range such as ``1–3``, empty where there is none."""

    number: numbers.Number | None
    rank: str
    is_best: bool


@dataclass(frozen=True, slots=True)
class Column:
    """A task's first metric."""

    board: Board
    label: str
    address: str
    also: int


def overview(view: View) -> Answer:
    """Runs by tasks: each task's first metric, of the group with the most runs."""
    entries, links = view.entries, view.links(1)
    every = making.boards(view.index)
    first: dict[str, list[Board]] = {}
    for board in every:
        if board.is_first:
            first.setdefault(board.task, []).append(board)
    ordered = sorted(first.values(), key=lambda each: -len(each[0].measured))
    shown = [each[0] for each in ordered[:MOST_COLUMNS]]
    rankings = [making.known_ranking(view.index, board, entries) for board in shown]
    cells: dict[str, dict[int, Cell]] = {}
    for place, (board, ranking) in enumerate(zip(shown, rankings, strict=True)):
        digits = numbers.digits_for([each.estimate for each in board.measured[:MOST_ROWS]])
        ranges = {} if ranking is None else ranking.of_run
        for each in board.measured:
            number = numbers.number(each.estimate, digits)
            found = ranges.get(each.run)
            cells.setdefault(each.run, {})[place] = Cell(
                number, rank_text(found), found is not None and found[0] == 1
            )
    runs = sorted(cells, key=lambda run: _standing(cells[run], shown, run))
    text = view.render(
        "leaderboard.html",
        1,
        "Leaderboard",
        names=view.names,
        columns=[
            Column(board, _label(board), links.board(board), len(first[board.task]) - 1)
            for board in shown
        ],
        rows=[
            (entries[run], [cells[run].get(place) for place in range(len(shown))])
            for run in runs[:MOST_ROWS]
        ],
        left_out=max(0, len(runs) - MOST_ROWS),
        tasks_left_out=max(0, len(first) - MOST_COLUMNS),
        pending=any(each is None for each in rankings),
        boards=[
            (board.name, links.board(board), len(board.measured), _told_group(board, every))
            for board in every
        ],
        most=MOST,
    )
    return Answer(text)


def _standing(cells: Mapping[int, Cell], shown: list[Board], run: str) -> tuple[float, ...]:
    """Orders rows by the first column, then by the next where they are not in it."""
    order = []
    for place, board in enumerate(shown):
        where = next((n for n, each in enumerate(board.measured) if each.run == run), math.inf)
        if place in cells:
            order.append(float(where))
            break
        order.append(math.inf)
    return tuple(order)


def rank_text(found: tuple[int, int] | None) -> str:
    """``1–3``, ``2``; empty for none."""
    if found is None:
        return ""
    best, worst = found
    return str(best) if best == worst else f"{best}–{worst}"


def _label(board: Board) -> str:
    first = board.measured[0]
    return numbers.label(board.name, first.higher_is_better, first.ideal, first.calibration)


def _told_group(board: Board, every: list[Board]) -> str:
    """Names a group where a metric has several; empty where it has one."""
    several = sum(each.task == board.task and each.metric == board.metric for each in every) > 1
    return f"group {board.group[:6]}" if several else ""


def by_slug(view: View, place: str) -> Board | None:
    """The board at a place in addresses."""
    return next((each for each in making.boards(view.index) if board_slug(each) == place), None)


def render(view: View, place: str) -> Answer:
    """The page of a board."""
    board = by_slug(view, place)
    if board is None:
        return view.missing(2, f"no leaderboard is at {place}")
    entries, names, links = view.entries, view.names, view.links(2)
    ranking = making.known_ranking(view.index, board, entries)
    rows = list(board.measured[:MOST])
    also = [
        (each.name, links.board(each), len(each.measured))
        for each in making.boards(view.index)
        if (each.task, each.metric) == (board.task, board.metric) and each.group != board.group
    ]
    text = view.render(
        "board.html",
        2,
        "Leaderboard",
        board=board,
        label=_label(board),
        sentence=sentence(ranking, names),
        plot=_plot(board, rows, ranking, entries, names, links),
        fronts=[
            (each, _chart(each, board, names)) for each in fronts.fronts(board, entries, ranking)
        ],
        names=names,
        ranking=ranking,
        left_out=len(board.measured) - len(rows),
        also=also,
        history=links.history(board),
        links_of={run: links.run(run) for run in entries},
    )
    return Answer(text)


def sentence(ranking: Ranking | None, names: Mapping[str, str]) -> str:
    """What the board says of who is best, as far as the data tell."""
    if ranking is None:
        return "Ranks are being computed; this page shows them when they are there."
    if not ranking.ranges:
        return f"{ranking.method[:1].upper()}{ranking.method[1:]}."
    tops = [run for run, (best, _) in ranking.of_run.items() if best == 1]
    best = [names[run] for run in tops if run in names]
    if len(tops) == 1:
        return f"{best[0]} is shown to be the best of {len(ranking.runs):,} runs."
    told = ", ".join(best[:6]) + (f" and {len(best) - 6:,} more" if len(best) > 6 else "")
    return (
        f"{len(tops):,} of {len(ranking.runs):,} runs may be the best, and cannot be told apart "
        f"as such: {told}."
    )


def _plot(
    board: Board,
    rows: list[Measured],
    ranking: Ranking | None,
    entries: Mapping[str, Entry],
    names: Mapping[str, str],
    links: Links,
) -> Forest:
    ranges = {} if ranking is None else ranking.of_run
    digits = numbers.digits_for([each.estimate for each in rows])
    items = []
    for each in rows:
        rank = rank_text(ranges.get(each.run))
        told = f"rank {rank}" if rank else _unranked(entries[each.run])
        items.append(
            Item(
                label=names[each.run],
                estimate=each.estimate,
                number=numbers.number(each.estimate, digits),
                link=links.run(each.run),
                before=told,
                ideal=each.ideal,
            )
        )
    return on_one_axis(_label(board), items)


def _unranked(entry: Entry) -> str:
    return "not ranked" if entry.state == "complete" else entry.state


def on_one_axis(title: str, items: list[Item]) -> Forest:
    """A forest plot whose axis just holds the values, so that differences between them show."""
    axis = close_axis([item.estimate for item in items])
    rows = tuple(Row(item, mark(item.estimate, axis), _ideal(item, axis)) for item in items)
    return Forest(title, axis, ticks(axis), None, rows)


def _ideal(item: Item, axis: Axis) -> float | None:
    inside = item.ideal is not None and axis.low <= item.ideal <= axis.high
    return axis.position(item.ideal) if inside and item.ideal is not None else None


def _chart(front: Front, board: Board, names: Mapping[str, str]) -> charts.Chart:
    spots = [
        charts.Spot(
            point.price,
            point.measured.estimate.value,
            f"{names[point.measured.run]}: "
            f"{numbers.trimmed(point.measured.estimate.value)} at {numbers.trimmed(point.price)}",
            point.is_best,
        )
        for point in front.points
    ]
    return charts.prices(f"{board.name} against {front.title}", front.title, spots)
