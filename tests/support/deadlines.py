"""A deadline that passes by count, so that tests need no clock."""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.protocols import Deadline


@dataclass(frozen=True, slots=True)
class AfterLooks(Deadline):
    """Has passed when it is looked at for the ``most``-th time."""

    most: int = 12
    looks: list[None] = field(default_factory=list)

    @property
    def left(self) -> float:
        """See ``Deadline``."""
        self.looks.append(None)
        return float(self.most - len(self.looks))
