"""Leaderboards: the runs of a group by a metric, with the ranks that the data allow."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.authoring.io.serialization import canonical_hash
from harness_view.figures import ranking
from harness_view.figures.ranking import Ranking
from harness_view.index.entries import Entry, Measured
from harness_view.index.store import Index


@dataclass(frozen=True, slots=True)
class Board:
    """A metric of a task, of runs that may be compared.

    Attributes:
        task: The task.
        metric: The metric.
        group: What the runs agree in.
        is_first: Whether it is the task's first metric.
        measured: A value a run, the best first; by time where there is no order.
    """

    task: str
    metric: str
    group: str
    is_first: bool
    measured: tuple[Measured, ...]

    @property
    def name(self) -> str:
        """``TASK.METRIC``."""
        return f"{self.task}.{self.metric}"

    @property
    def key(self) -> str:
        """Names it in the index."""
        return canonical_hash([self.task, self.metric, self.group])[:16]


def boards(index: Index) -> list[Board]:
    """Every board, the tasks by name, of each metric the group with the most runs first."""
    return list(index.kept("boards", lambda: _boards(index)))


def _boards(index: Index) -> list[Board]:
    entries = {each.key: each for each in index.entries()}
    grouped: dict[tuple[str, str, str], list[Measured]] = {}
    order: dict[tuple[str, str], int] = {}
    for each in index.measured():
        if each.run in entries:
            grouped.setdefault((each.task, each.metric, each.group), []).append(each)
            order.setdefault((each.task, each.metric), len(order))
    found = [
        Board(task, metric, group, any(each.is_first for each in values), _sorted(values, entries))
        for (task, metric, group), values in grouped.items()
    ]
    return sorted(
        found,
        key=lambda board: (
            board.task, not board.is_first, order[board.task, board.metric],
            -len(board.measured), board.group,
        ),
    )  # fmt: skip


def _sorted(values: Sequence[Measured], entries: Mapping[str, Entry]) -> tuple[Measured, ...]:
    latest = sorted(values, key=lambda each: entries[each.run].started, reverse=True)
    if not ranking.has_order(latest[0]):
        return tuple(latest)

    def badness(each: Measured) -> float:
        value = each.estimate.value
        if not math.isfinite(value):
            return math.inf
        if each.ideal is not None:
            return abs(value - each.ideal)
        return -value if each.higher_is_better else value

    return tuple(sorted(latest, key=badness))


def ranked(board: Board, entries: Mapping[str, Entry]) -> list[Measured]:
    """The values that are ranked: of complete runs, the latest ``ranking.MOST``."""
    complete = [each for each in board.measured if entries[each.run].state == "complete"]
    latest = sorted(complete, key=lambda each: entries[each.run].started, reverse=True)
    kept = {each.run for each in latest[: ranking.MOST]}
    return [each for each in complete if each.run in kept]


def _inputs(measured: Sequence[Measured]) -> str:
    found = [
        [
            each.run,
            repr(each.estimate.value),
            repr(each.estimate.stderr),
            each.estimate.n,
            each.kind,
        ]
        for each in measured
    ]
    return canonical_hash([found, ranking.RESAMPLES, ranking.FEWEST])


def known_ranking(index: Index, board: Board, entries: Mapping[str, Entry]) -> Ranking | None:
    """The board's ranks; None where they are still to be computed."""
    found = index.computed(board.key, _inputs(ranked(board, entries)))
    return None if found is None else Ranking(**found)


def compute(index: Index, is_over: Callable[[], bool] = lambda: False) -> None:
    """Computes the ranks of every board that lacks them, tasks' first metrics first."""
    entries = {each.key: each for each in index.entries()}
    for board in sorted(boards(index), key=lambda each: not each.is_first):
        if is_over():
            return
        measured = ranked(board, entries)
        inputs = _inputs(measured)
        if index.computed(board.key, inputs) is None:
            found = ranking.rank(index, entries, measured)
            index.put_computed(board.key, inputs, found.to_json())
