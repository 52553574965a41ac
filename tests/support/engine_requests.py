"""Opened checkpoints, and token sequences that share beginnings, for tests of engines."""

from __future__ import annotations

import random
from pathlib import Path

from harness.authoring.chat.encoding import Scored
from harness_backends.hf.loading import Checkpoint, load
from harness_backends.hf.settings import Settings


def open_checkpoint(folder: Path, **values: str) -> Checkpoint:
    return load(str(folder), "auto", "cpu", Settings.read(values))


def questions(seed: int) -> list[Scored]:
    """Shared prefixes, siblings, an extension of another item, a repeat, and a long loner."""
    draw = random.Random(seed)
    shared = [draw.randrange(2, 300) for _ in range(30)]
    items = []
    for _ in range(5):
        context = shared[: draw.choice([3, 12, 30])] + [draw.randrange(2, 300) for _ in range(8)]
        for _ in range(3):
            ending = tuple(draw.randrange(2, 6) for _ in range(draw.randint(1, 4)))
            items.append(Scored((*context, *ending), len(ending)))
    longer = (*items[0].tokens, 5, 6, 7)
    items += [Scored(longer, 2), items[1], Scored(items[0].tokens, len(items[0].tokens) - 1)]
    items.append(Scored(tuple(draw.randrange(2, 300) for _ in range(100)), 99))
    return items
