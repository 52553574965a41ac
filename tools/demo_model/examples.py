"""What the generators make, and the split that keeps the sample data out of the training text."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

HELD_BACK_SHARE = 6
"""One combination in this many is kept for the sample data."""


@dataclass(frozen=True, slots=True)
class Example:
    """One thing to learn: the answer to a prompt, or a plain text where ``prompt`` is empty."""

    family: str
    prompt: str
    answer: str


def is_held_back(*parts: str) -> bool:
    """Whether a combination (of a name, a relation and a value, say) belongs to the sample data.

    The parts' hash decides, so the split needs no list and never moves when lists grow.
    """
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    return digest[0] % HELD_BACK_SHARE == 0


class Source:
    """Seeded choices from one side of the split.

    Args:
        seed: Same seed, same choices.
        held_back: True draws combinations for the sample data, False those for training.
    """

    def __init__(self, seed: int | str, *, held_back: bool) -> None:
        self.rng = random.Random(seed)
        self.held_back = held_back

    def allows(self, *parts: str) -> bool:
        """Whether a combination lies on this side."""
        return is_held_back(*parts) == self.held_back

    def draw(self, make: Callable[[], T], parts: Callable[[T], Sequence[str]]) -> T:
        """Makes things until the combination ``parts`` of one lies on this side."""
        while True:
            made = make()
            if self.allows(*parts(made)):
                return made

    def pick(self, options: Sequence[T]) -> T:
        """One of the options."""
        return self.rng.choice(options)

    def chance(self, probability: float) -> bool:
        """True with that probability."""
        return self.rng.random() < probability


def sentence(text: str) -> str:
    """The text with a capital first letter."""
    return text[:1].upper() + text[1:]
