"""What a run will ask: tasks, samples, variants and their requests, each with a stable key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from harness.protocols import Probe, Task, TaskSpec
from harness.types import DataSource, KeyedRequest, Request, Sample


@dataclass(frozen=True, slots=True)
class PlannedSample:
    """A sample, or a probe's variant of one, with what ``task`` asks about it after ``shots``."""

    task: Task = field(compare=False, repr=False)
    sample: Sample
    requests: tuple[Request, ...]
    keys: tuple[str, ...]
    probe: str | None = None
    variant: int = 0
    shots: tuple[Sample, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class TaskPlan:
    """One task's part of a plan.

    ``skipped`` counts variants not asked, probe → reason → count; ``every`` holds the ids of all
    of the data's samples, ``planned`` those that were chosen;
    ``scored_by`` names the settings that decide what a score means.
    """

    task: Task
    spec: TaskSpec
    source: DataSource
    data_sha256: str
    planned: tuple[PlannedSample, ...]
    probes: Mapping[str, Probe]
    skipped: Mapping[str, Mapping[str, int]]
    settings: Mapping[str, str]
    scored_by: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    every: tuple[str, ...] = ()

    @property
    def sample_count(self) -> int:
        """Samples of the data set, probes' variants not counted."""
        return sum(planned.probe is None for planned in self.planned)


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a run will ask, before the first answer."""

    tasks: tuple[TaskPlan, ...]

    def requests(self) -> Iterator[KeyedRequest]:
        """Every request, equal ones included, in the order of tasks and samples."""
        for task in self.tasks:
            for planned in task.planned:
                for key, request in zip(planned.keys, planned.requests, strict=True):
                    yield KeyedRequest(key, request, task.task.name, planned.sample.id)
