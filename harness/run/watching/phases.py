"""The parts of a run before and after the asking, as whoever watches hears of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

Name: TypeAlias = Literal["opening the model", "reading", "preparing probes", "judging"]


@dataclass(frozen=True, slots=True)
class Phase:
    """How far a part of a run other than the asking is.

    Attributes:
        name: What is done.
        done: Steps that are done.
        total: How many there are; None where that is not known.
        about: What the step in hand is about: a task, a probe.
    """

    name: Name
    done: int = 0
    total: int | None = None
    about: str = ""


OnPhase: TypeAlias = Callable[[Phase], None]
