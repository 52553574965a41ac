"""What is measured on held-out rows, and what a verdict rests on where no task is named."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from harness.authoring.io.serialization import estimate_to_json, number
from harness.types import Estimate


@dataclass(frozen=True, slots=True)
class HeldOutChange:
    """One number with its interval; ``note`` says what it means and which way is good."""

    name: str
    estimate: Estimate
    note: str


@dataclass(frozen=True, slots=True)
class Paired:
    """One quantity on the same rows before and after; ``clusters`` are the rows' prompts.

    ``reference`` says what ``before`` is, where that is not the base.
    """

    name: str
    before: tuple[float, ...]
    after: tuple[float, ...]
    clusters: tuple[str, ...]
    reference: str = ""


@dataclass(frozen=True, slots=True)
class HeldOutEvaluation:
    """All that was measured on held-out prompts.

    Attributes:
        estimates: Numbers with intervals.
        shares: Name → (before, after), descriptive.
        examples: (prompt, base's answer, candidate's answer).
        default_targets: What the verdict rests on where no task is named.
    """

    estimates: tuple[HeldOutChange, ...] = ()
    shares: dict[str, tuple[float, float]] = field(default_factory=dict)
    examples: tuple[tuple[str, str, str], ...] = ()
    default_targets: tuple[Paired, ...] = ()

    def joined(self, other: HeldOutEvaluation, prefix: str) -> HeldOutEvaluation:
        """With the numbers and targets of ``other``, whose names get the prefix."""
        estimates = [replace(each, name=f"{prefix}{each.name}") for each in other.estimates]
        targets = [replace(each, name=f"{prefix}{each.name}") for each in other.default_targets]
        return replace(
            self,
            estimates=(*self.estimates, *estimates),
            default_targets=(*self.default_targets, *targets),
        )

    def to_json(self) -> dict[str, Any]:
        """The ``effects`` of align.json."""
        return {
            "estimates": {
                each.name: {**estimate_to_json(each.estimate), "note": each.note}
                for each in self.estimates
            },
            "shares": {name: list(map(number, values)) for name, values in self.shares.items()},
            "examples": [list(each) for each in self.examples],
        }
