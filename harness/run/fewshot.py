"""Few-shot draws that depend on the task's seed and the item's id only.

Not on the order of items, the batch size, the number of machines or ``--limit``. No sample is
shown itself with its answer, wherever the examples come from.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from harness.errors import UsageError
from harness.stats.seeding import seeded
from harness.types import Sample

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
        asked = {content(sample) for sample in samples}
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
