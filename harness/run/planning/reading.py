"""A task's samples as they are read: checked, grouped, and which of them are scored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from harness.authoring.io.packed_ids import PackedIds
from harness.authoring.io.spooled import Spooled
from harness.config import RunSpec
from harness.errors import DataError, UnknownNameError, plugin_call
from harness.planned import TaskPlan
from harness.protocols import Task
from harness.run.planning import sampling
from harness.types import DataSource, Sample


@dataclass(frozen=True, slots=True)
class Read:
    """A task's data.

    Attributes:
        every: The ids of all samples.
        chosen: The samples that are scored, in the same order.
        how: How they were chosen, in words; empty where all are.
    """

    every: PackedIds
    chosen: Sequence[Sample]
    how: str


def read(task: Task, source: DataSource, spec: RunSpec) -> Read:
    """Reads a task's data.

    Raises:
        DataError: They cannot be read, are empty, or have an id twice.
    """
    where = ":".join(source.paths) or source.label
    ids, samples = PackedIds(), Spooled[Sample]()
    with plugin_call(task, f"task {task.name!r} failed to read its data"):
        for sample in task.samples(source):
            if ids.add(sample.id) < len(samples):
                raise DataError(
                    f"{task.name}: the sample id {sample.id!r} occurs twice",
                    path=where,
                    expected="an id of its own for every sample",
                )
            samples.append(_grouped(sample, spec.group_by))
    if not samples:
        raise DataError(
            f"{task.name}: the data set is empty", path=where, expected="at least one sample"
        )
    chosen, how = sampling.choose(samples, spec.limit, spec.sample, spec.seed, task.name)
    return Read(ids, chosen, how if len(chosen) < len(samples) else "")


def _grouped(sample: Sample, group_by: Sequence[str]) -> Sample:
    extra = {name: str(sample.metadata[name]) for name in group_by if name in sample.metadata}
    return replace(sample, groups={**sample.groups, **extra}) if extra else sample


def with_notes_on_groups(tasks: Sequence[TaskPlan], group_by: Sequence[str]) -> list[TaskPlan]:
    """The tasks, each with a note on samples that lack one of the columns to group by.

    Raises:
        UnknownNameError: No sample of any task has such a column.
    """
    if not group_by:
        return list(tasks)
    samples = {
        each.task.name: [planned.sample for planned in each.planned if planned.is_sample]
        for each in tasks
    }
    every = [sample for of_task in samples.values() for sample in of_task]
    for name in group_by:
        if not any(name in sample.groups for sample in every):
            known = {key for sample in every for key in (*sample.metadata, *sample.groups)}
            raise UnknownNameError("column in --group-by", name, known)
    return [
        replace(each, notes=(*each.notes, *_ungrouped(samples[each.task.name], group_by)))
        for each in tasks
    ]


def _ungrouped(samples: Sequence[Sample], group_by: Sequence[str]) -> Iterator[str]:
    for name in group_by:
        lacking = sum(name not in sample.groups for sample in samples)
        if lacking:
            yield f"{lacking:,} of {len(samples):,} samples have no {name!r} and are in no group"
