"""A task's finished records, kept in a file as they are scored, with their tally."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence

import numpy as np

from harness.authoring.io.packed_ids import ItemsAt
from harness.authoring.io.spooled import Spooled
from harness.planned import TaskPlan
from harness.scoring import aggregation
from harness.scoring.tally import Tally
from harness.types import SampleRecord

_NONE = -1


class Records:
    """The records of one task, by the places of their samples in the plan.

    Args:
        task: The task.
    """

    def __init__(self, task: TaskPlan) -> None:
        self._task = task
        self._kept: Spooled[SampleRecord] = Spooled()
        self._numbers = array("q", [_NONE]) * len(task.planned)
        self._tally = Tally(task.probes)
        self._last = _NONE
        self._in_order = True

    def put(self, place: int, record: SampleRecord) -> None:
        """Keeps a record; an earlier one of the place is replaced."""
        self._numbers[place] = len(self._kept)
        self._kept.append(record)
        self._in_order = self._in_order and place > self._last
        self._last = place
        if self._in_order:
            self._tally.add(record)

    def get(self, place: int) -> SampleRecord | None:
        """The record of a place, where there is one."""
        number = self._numbers[place]
        return None if number == _NONE else self._kept[number]

    def places(self) -> Iterator[int]:
        """The places that have a record."""
        return (place for place, number in enumerate(self._numbers) if number != _NONE)

    def every(self) -> Sequence[SampleRecord]:
        """All records in the order of the plan, with what repeats say together."""
        numbers = np.asarray(self._numbers)
        found = ItemsAt(self._kept, numbers[numbers != _NONE])
        return aggregation.with_reduced(self._task, found)

    def tally(self) -> Tally:
        """What is gathered of ``every``."""
        if self._in_order and not self._task.metric_reducers:
            return self._tally
        return Tally.of(self.every(), self._task.probes)
