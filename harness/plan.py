"""What a run will ask: tasks, samples, variants and their requests, each with a stable key."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a run will ask, before the first answer."""
