"""In which order pairs are shown (Xu et al. 2023, arXiv 2310.02263, section 3.3)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from statistics import median

from harness_align.dataset.training_rows import Row
from harness_align.spec import Curriculum

DIFFICULTY = "difficulty"
"""The column that says ``easy`` or ``hard``, or holds the gap between the answers' scores."""


def is_easy(rows: Sequence[Row]) -> list[bool]:
    """Which rows are easy: marked so, or with a gap of scores above the median.

    A wide gap is easy: the strong model's answer is plainly better. Rows that say nothing of
    their difficulty are all easy.
    """
    values = [row.facts.get(DIFFICULTY) for row in rows]
    gaps = [float(value) for value in values if isinstance(value, int | float)]
    middle = median(gaps) if gaps else 0.0
    return [
        value > middle if isinstance(value, int | float) else value != "hard" for value in values
    ]


def order(easy: Sequence[bool], draws: int, curriculum: Curriculum, seed: int) -> list[int]:
    """Row numbers in the order of training, shape (draws,).

    At draw t of T an easy row is drawn with probability 1 − t/T (``hard_to_easy``: t/T), a hard
    one otherwise. Each side is gone through in a seeded shuffled order, again and again.
    ``shuffled`` is the ablation: the same draws, in random order.
    """
    rng = random.Random(seed)
    sides = {
        side: _Endless([index for index, value in enumerate(easy) if value == side], rng)
        for side in (True, False)
    }
    if not len(sides[True]) or not len(sides[False]):
        return [(sides[True] if len(sides[True]) else sides[False]).draw() for _ in range(draws)]
    drawn = []
    for step in range(draws):
        share = step / max(1, draws - 1)
        chance = share if curriculum == "hard_to_easy" else 1 - share
        drawn.append(sides[rng.random() < chance].draw())
    if curriculum == "shuffled":
        rng.shuffle(drawn)
    return drawn


class _Endless:
    """Goes through its items in shuffled order, each once a round."""

    def __init__(self, items: list[int], rng: random.Random) -> None:
        self._items, self._rng = items, rng
        self._left: list[int] = []

    def __len__(self) -> int:
        return len(self._items)

    def draw(self) -> int:
        if not self._left:
            self._left = self._rng.sample(self._items, len(self._items))
        return self._left.pop()
