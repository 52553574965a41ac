"""Few-shot draws that depend on the task's seed and the item's id only.

Not on the order of items, the batch size, the number of machines or ``--limit``. No sample is
shown itself with its answer, wherever the examples come from.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from harness.config import RunSpec
from harness.errors import UsageError
from harness.protocols import Task, TaskSpec
from harness.run.planning import datasets
from harness.run.planning.task_options import SetForTask
from harness.stats.seeding import seeded
from harness.types import DataSource, Sample

Shots: TypeAlias = tuple[Sample, ...]

FIXED, PER_SAMPLE = "fixed", "per_sample"


def content(sample: Sample) -> tuple[str, frozenset[str]]:
    """What a sample asks, whatever its id, its case, its blanks and the order of its options."""

    def plain(text: str) -> str:
        return " ".join(unicodedata.normalize("NFKC", text).casefold().split())

    return plain(sample.input), frozenset(map(plain, sample.choices))


class Pool:
    """Solved examples to draw from.

    Args:
        examples: The examples.
        same_data: They are the scored samples' own file, so that equal ids are the same sample.
    """

    def __init__(self, examples: Sequence[Sample], same_data: bool = False) -> None:
        self._examples = [(each, content(each)) for each in examples]
        self._same_data = same_data

    def shared_with(self, samples: Iterable[Sample]) -> int:
        """How many of the examples have the content of one of the samples."""
        known = {key for _, key in self._examples}
        asked = {key for sample in samples if (key := content(sample)) in known}
        return sum(key in asked for _, key in self._examples)

    def draw(self, sample: Sample, count: int, mode: str, seed: int, task: str) -> Shots:
        """``count`` solved examples for ``sample``, none of which has its content.

        ``fixed`` gives every sample the same draw, but for an example with the sample's own
        content, which the next one drawn replaces. ``per_sample`` gives each a draw of
        its own that also leaves out whatever shares its cluster.

        Raises:
            UsageError: The pool is too small.
        """
        if count == 0:
            return ()
        own = content(sample)
        if mode == PER_SAMPLE:
            candidates = [
                (each, key)
                for each, key in self._examples
                if key != own
                and not (self._same_data and each.id == sample.id)
                and (each.cluster is None or each.cluster != sample.cluster)
            ]
            rng = seeded("fewshot", task, seed, sample.id)
        else:
            candidates = self._examples
            rng = seeded("fewshot", task, seed)
        usable = sum(key != own for _, key in candidates)
        if usable < count:
            raise UsageError(
                f"{task}: {count} few-shot examples asked for, {usable} to draw from for sample "
                f"{sample.id!r}: an example is never the scored sample itself",
                "Lower --num-fewshot or give more examples.",
            )
        drawn = rng.sample(candidates, count)
        if any(key == own for _, key in drawn):
            kept = [each for each in drawn if each[1] != own]
            taken = {id(each) for each, _ in drawn}
            rest = [pair for pair in candidates if id(pair[0]) not in taken and pair[1] != own]
            drawn = kept + rng.sample(rest, count - len(kept))
        return tuple(each for each, _ in drawn)


class ShotDrawer:
    """Draws a task's few-shot examples; reads the pool once, and only when there is a need.

    Args:
        spec: The run.
        task_spec: The task's spec.
        task: The task, which reads the examples.
        source: The task's data.
        chosen: What the user set for it.
        samples: Those that are scored.

    Attributes:
        settings: How many there are, and how they are drawn, in words.
        notes: What a reader of the results must know of them.

    Raises:
        UsageError: Fixed examples would be scored samples.
        DataError: There are no examples.
    """

    settings: dict[str, str]
    notes: tuple[str, ...]

    def __init__(
        self,
        spec: RunSpec,
        task_spec: TaskSpec,
        task: Task,
        source: DataSource,
        chosen: SetForTask,
        samples: Sequence[Sample],
    ) -> None:
        self._count, self.settings, self.notes = 0, {}, ()
        if chosen.draws_shots:
            return
        common = chosen.common
        self._count = spec.num_fewshot if common.num_fewshot is None else common.num_fewshot
        self._mode, self._seed, self._task = common.fewshot, spec.seed, task.name
        self.settings = {"num_fewshot": str(self._count)}
        if self._count == 0:
            return
        pool_source = datasets.shots_source(task_spec, source, common.shots)
        same = datasets.same_data(pool_source, source)
        if self._mode == FIXED and same:
            raise UsageError(
                f"{task_spec.name}: fixed few-shot examples would come from the scored samples",
                f"Give other examples with --set {task_spec.name}.shots=PATH, or choose "
                f"--set {task_spec.name}.fewshot=per_sample, which leaves the sample itself out.",
            )
        self._pool = Pool(list(task.samples(pool_source)), same)
        self.settings |= {"fewshot": self._mode, "shots": pool_source.label}
        if not same and (found := self._pool.shared_with(samples)):
            self.notes = (
                f"{found:,} of the few-shot examples in {pool_source.label} equal scored samples; "
                "no sample is shown itself",
            )

    def draw(self, sample: Sample) -> tuple[Sample, ...]:
        """The examples before a sample; none where none is wanted, or the task draws its own."""
        if not self._count:
            return ()
        return self._pool.draw(sample, self._count, self._mode, self._seed, self._task)
