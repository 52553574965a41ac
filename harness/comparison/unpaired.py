"""Metrics of which one run has no samples' scores: compared by the errors that were published.

Nothing is known of how the runs' samples go together, so the two values count as independent.
Where both runs have the same samples this is cautious: paired scores mostly agree.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.comparison.ideal import DistanceChange
from harness.comparison.metric_kinds import CannotCompare
from harness.stats import compare as paired
from harness.stats.inference import Inference, Reported, Unknown
from harness.types import Estimate, MetricComparison, MetricResult, TaskResult

METHOD = "unpaired, from published errors"
CONFIDENCE = 0.95


def applies(tasks: Sequence[TaskResult], metric: str) -> bool:
    """Whether both runs have the metric, and one of them only as a published value."""
    found = [task.metrics[metric] for task in tasks if metric in task.metrics]
    return len(found) == len(tasks) and any(each.kind == "published" for each in found)


@dataclass(frozen=True, slots=True)
class UnpairedMetric:
    """One metric in two runs, as two independent estimates.

    Attributes:
        name: ``TASK.METRIC``.
        baseline: What the baseline published, or what its samples say.
        candidate: The same of the candidate.
    """

    name: str
    baseline: Estimate
    candidate: Estimate

    @classmethod
    def of(cls, baseline: TaskResult, candidate: TaskResult, metric: str) -> UnpairedMetric:
        """The metric of two runs.

        Raises:
            CannotCompare: A value is no number.
        """
        before, after = (task.metrics[metric].estimate for task in (baseline, candidate))
        name = f"{baseline.name}.{metric}"
        if not (math.isfinite(before.value) and math.isfinite(after.value)):
            raise CannotCompare(f"{name} has no published value in both runs")
        return cls(name, before, after)

    @property
    def n(self) -> int:
        """Samples of the smaller run."""
        return min(self.baseline.n, self.candidate.n)

    def difference(self) -> Inference:
        """Candidate − baseline."""
        return self._combined(-1.0, 1.0)

    def less_than_share(self, share: float) -> Inference:
        """Candidate − share·baseline: below 0 where less than that share is left."""
        return self._combined(-share, 1.0)

    def distance_change(self, ideal: float) -> Inference:
        """How much further from ``ideal`` the candidate is than the baseline."""
        before, after = self.values()
        return DistanceChange(self.difference(), self._combined(1.0, 1.0), before, after, ideal)

    def values(self) -> tuple[float, float]:
        """The metric before and after."""
        return self.baseline.value, self.candidate.value

    def _combined(self, before: float, after: float) -> Inference:
        """The weighted sum; its interval adds the squares of how far the two reach on each side.

        Zou & Donner 2008, Stat. Med. 27:1693: intervals that reach further on one side keep it,
        so that a published 0 % of 50 does not become certain.
        """
        value = before * self.baseline.value + after * self.candidate.value
        parts = [_reach(before, self.baseline), _reach(after, self.candidate)]
        down, up = (math.hypot(*(part[side] for part in parts)) for side in (0, 1))
        if not (math.isfinite(down) and math.isfinite(up)) or down == up == 0:
            return Unknown(value, f"{METHOD}; no interval: none is published")
        stderr = math.hypot(before * self.baseline.stderr, after * self.candidate.stderr)
        return Reported(value, stderr, value - down, value + up, CONFIDENCE, METHOD)


def _reach(weight: float, estimate: Estimate) -> tuple[float, float]:
    """How far the weighted estimate's interval reaches down and up."""
    below = abs(weight) * (estimate.value - estimate.low)
    above = abs(weight) * (estimate.high - estimate.value)
    return (below, above) if weight > 0 else (above, below)


def compare(
    metric: str, reported: MetricResult, baseline: TaskResult, candidate: TaskResult
) -> MetricComparison:
    """The metric's comparison.

    Args:
        metric: Its name.
        reported: Which direction is better.
        baseline: The task in the baseline.
        candidate: The task in the candidate.

    Raises:
        CannotCompare: A value is no number.
    """
    found = UnpairedMetric.of(baseline, candidate, metric)
    difference = found.difference()
    low, high = difference.interval(CONFIDENCE)
    return MetricComparison(
        metric=metric,
        higher_is_better=reported.higher_is_better,
        ideal=reported.ideal,
        baseline=found.baseline,
        candidate=found.candidate,
        difference=Estimate(
            difference.value, difference.stderr, low, high, found.n, difference.method
        ),
        p_value=paired.two_sided(difference),
        test=difference.method,
        minimum_detectable=paired.minimum_detectable_effect(difference),
    )
