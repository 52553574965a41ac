"""A metric over time: the runs of a group in the order in which they were started."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from harness.stats import change_points
from harness.stats.change_points import ChangePoint
from harness_view.figures.boards import Board
from harness_view.index.entries import Entry, Measured

MOST = 300
"""Runs of a history, the latest ones."""


@dataclass(frozen=True, slots=True)
class History:
    """A metric of runs of one model.

    Attributes:
        board: What is measured.
        model: The runs' ``--model``.
        measured: The runs, the earliest first.
        changes: Where the level changed.
        left_out: Earlier runs that are not shown.
    """

    board: Board
    model: str
    measured: tuple[Measured, ...]
    changes: tuple[ChangePoint, ...]
    left_out: int


def histories(board: Board, entries: Mapping[str, Entry]) -> list[History]:
    """A history for each model of a board that has two runs or more, the longest first."""
    by_model: dict[str, list[Measured]] = {}
    for each in board.measured:
        entry = entries[each.run]
        if entry.started and entry.state == "complete" and math.isfinite(each.estimate.value):
            by_model.setdefault(entry.model, []).append(each)
    found = []
    for model, values in by_model.items():
        if len(values) < 2:
            continue
        ordered = sorted(values, key=lambda each: (entries[each.run].started, each.run))
        shown = ordered[-MOST:]
        series = np.array([each.estimate.value for each in shown])
        changes = tuple(change_points.change_points(series))
        found.append(History(board, model, tuple(shown), changes, len(ordered) - len(shown)))
    return sorted(found, key=lambda each: (-len(each.measured), each.model))
