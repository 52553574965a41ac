"""Few-shot draws that depend on the task's seed and the item's id alone.

Not on the order of items, the batch size, the number of machines or ``--limit``.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence

from harness.errors import UsageError
from harness.types import Sample

FIXED, PER_SAMPLE = "fixed", "per_sample"


def seeded(*parts: object) -> random.Random:
    """A random generator that depends on ``parts`` alone, the same on every machine."""
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
    return random.Random(int.from_bytes(digest, "big"))


def draw(
    pool: Sequence[Sample], sample: Sample, count: int, mode: str, seed: int, task: str
) -> tuple[Sample, ...]:
    """``count`` solved examples for ``sample``.

    ``fixed`` gives every sample the same draw; ``per_sample`` a draw of its own that leaves out
    the sample itself and whatever shares its cluster.

    Raises:
        UsageError: The pool is too small.
    """
    if count == 0:
        return ()
    if mode == PER_SAMPLE:
        candidates = [
            each
            for each in pool
            if each.id != sample.id and (each.cluster is None or each.cluster != sample.cluster)
        ]
        rng = seeded("fewshot", task, seed, sample.id)
    else:
        candidates = list(pool)
        rng = seeded("fewshot", task, seed)
    if len(candidates) < count:
        raise UsageError(
            f"{task}: {count} few-shot examples asked for, {len(candidates)} to draw from",
            "Lower --num-fewshot or give more examples.",
        )
    return tuple(rng.sample(candidates, count))
