"""A task's planned samples, of which memory holds the first ones and the others' places."""

from __future__ import annotations

from array import array
from typing import Any

from harness.authoring.io.spooled import Spooled
from harness.planned import PlannedSample, Prompting
from harness.protocols import Task
from harness.types import Sample


class PlannedSamples(Spooled[PlannedSample]):
    """What is planned about a task's samples, in order.

    Tasks, solved examples and promptings are shared by many samples, and kept as they are.

    Attributes:
        key_hashes: A hash of each request's key.
        sample_count: Those that stand for a sample itself.
    """

    def __init__(self) -> None:
        super().__init__(pack=self._packed, unpack=self._unpacked)
        self.key_hashes = array("q")
        self.sample_count = 0
        self._shared: list[Task | Sample | Prompting] = []
        self._numbers: dict[int | Prompting, int] = {}

    def append(self, value: PlannedSample) -> None:
        """Adds a planned sample."""
        super().append(value)
        self.key_hashes.extend(map(hash, value.keys))
        self.sample_count += value.is_sample

    def _number(self, value: Task | Sample | Prompting) -> int:
        key = value if isinstance(value, Prompting) else id(value)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._shared)
            self._shared.append(value)  # it lives on, so its id stays its own
        return number

    def _packed(self, planned: PlannedSample) -> tuple[Any, ...]:
        return (
            self._number(planned.task),
            planned.sample,
            planned.requests,
            planned.keys,
            planned.probe,
            planned.variant,
            tuple(map(self._number, planned.shots)),
            self._number(planned.prompting),
        )

    def _unpacked(self, packed: tuple[Any, ...]) -> PlannedSample:
        task, sample, requests, keys, probe, variant, shots, prompting = packed
        shared: Any = self._shared
        return PlannedSample(
            shared[task],
            sample,
            requests,
            keys,
            probe,
            variant,
            tuple(shared[each] for each in shots),
            shared[prompting],
        )
