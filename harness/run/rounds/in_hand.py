"""The samples that are being asked about: each with its rounds so far, window by window."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from harness.planned import PlannedSample, TaskPlan
from harness.protocols import follows_up, tasks_of
from harness.types import Ask, KeyedRequest

Identity: TypeAlias = tuple[str, int]
"""A task, and a place among its planned samples."""

WINDOW = 16_384
"""Requests that are asked and held at a time, where no task asks more of the answers.

What requests of two windows have in common is computed in each: see docs/engine.md.
"""


@dataclass(slots=True, eq=False)
class RoundInHand:
    """One round of a sample; ``missing`` answers are still to come.

    ``slots`` name the responses: see ``slot_of``. ``asks`` is None for the first round.
    """

    sample: SampleInHand
    number: int
    slots: tuple[str, ...]
    asks: tuple[Ask, ...] | None = None
    missing: int = 0


@dataclass(slots=True, eq=False)
class SampleInHand:
    """A planned sample, its place in its task's plan, and its rounds so far."""

    task: TaskPlan
    place: int
    planned: PlannedSample
    rounds: list[RoundInHand] = field(default_factory=list)

    @property
    def identity(self) -> Identity:
        """What tells it from all others of the run."""
        return self.task.task.name, self.place


def windows(samples: Iterable[tuple[TaskPlan, int]]) -> Iterator[list[SampleInHand]]:
    """The samples in portions of some ``WINDOW`` requests; variants stay with their original."""
    window: list[SampleInHand] = []
    requests = 0
    for task, place in samples:
        planned = task.planned[place]
        if requests >= WINDOW and planned.is_sample:
            yield window
            window, requests = [], 0
        window.append(SampleInHand(task, place, planned))
        requests += len(planned.keys)
    if window:
        yield window


def asks_in_rounds(task: TaskPlan) -> bool:
    """Whether more is asked about the answers, by the task or by one that a probe asks with."""
    others = (other for probe in task.probes.values() for other in tasks_of(probe))
    return any(map(follows_up, (task.task, *others)))


def requests_of(samples: Iterable[SampleInHand]) -> Iterator[KeyedRequest]:
    """The first round's requests about these samples."""
    for sample in samples:
        yield from sample.planned.keyed
