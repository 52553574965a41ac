"""Is a metric nearer to its ideal than before, or further away: claims about a folded quantity.

The distance |x − ideal| has a fold at the ideal. A bootstrap of the distance itself is biased
there (the resampled distance of a model at its ideal is never 0), and calls an unchanged model
worse. Here every claim rests on quantities without a fold: the difference and the sum of the two
values.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.stats.inference import Inference


@dataclass(frozen=True, slots=True)
class DistanceChange:
    """|after − ideal| − |before − ideal|: positive where it moved away from the ideal.

    For s ∈ {−1, 1}, |before − ideal| ≥ s·(before − ideal), and |after − ideal| is the greater of
    ±(after − ideal). So "nearer by more than b" follows from

        s·(before − after) > b   and   s·(before + after − 2·ideal) > b

    for either s: an intersection–union test of two one-sided tests at α (Berger 1982,
    Technometrics 24:295). As either s will do, each gets α/2. And as the distance changes by at
    most |after − before|, "nearer by more than −b" follows from −b < after − before < b too; that
    claim errs only where one of the others' two tests does, so it costs no further α. "Further by
    more than b" is the same with the two runs exchanged.

    Attributes:
        difference: What is known of after − before.
        total: What is known of after + before.
        before: The value before.
        after: The value after.
        ideal: The best value.
    """

    difference: Inference
    total: Inference
    before: float
    after: float
    ideal: float

    @property
    def value(self) -> float:
        """How much further from the ideal it is."""
        return abs(self.after - self.ideal) - abs(self.before - self.ideal)

    @property
    def stderr(self) -> float:
        """Of the difference; the distance's own, away from the ideal."""
        return self.difference.stderr

    @property
    def method(self) -> str:
        """How the difference's interval is made."""
        return f"distance to {self.ideal:g}, from the difference and the sum; " + (
            self.difference.method
        )

    def interval(self, confidence: float) -> tuple[float, float]:
        """What neither claim excludes, each at (1 − confidence)/2."""
        inner = 1 - (1 - confidence) / 2
        low, high = self.difference.interval(inner)
        least, greatest = (end - 2 * self.ideal for end in self.total.interval(inner))
        changed = min(low, -high)
        further = max(min(low, least), min(-high, -greatest), changed)
        nearer = max(min(-high, least), min(low, -greatest), changed)
        return further, -nearer

    def above(self, bound: float) -> float:
        """p-value of "further by at most ``bound``"."""
        ideal = 2 * self.ideal
        up = max(self.difference.above(bound), self.total.above(ideal + bound))
        down = max(self.difference.below(-bound), self.total.below(ideal - bound))
        alike = max(self.difference.above(bound), self.difference.below(-bound))
        return min(1.0, 2 * min(up, down, alike))

    def below(self, bound: float) -> float:
        """p-value of "further by at least ``bound``"."""
        ideal = 2 * self.ideal
        up = max(self.difference.below(bound), self.total.above(ideal - bound))
        down = max(self.difference.above(-bound), self.total.below(ideal + bound))
        alike = max(self.difference.below(bound), self.difference.above(-bound))
        return min(1.0, 2 * min(up, down, alike))
