"""What a comparison of two runs found, as reporters get it; all values are frozen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from harness.types.estimate import Estimate
from harness.types.evaluation import Spent
from harness.types.gate import BaselineRun

ALPHA = 0.05
"""The level at which a difference counts as shown."""


@dataclass(frozen=True, slots=True)
class FlippedSample:
    """A sample whose score changed; texts are None where the runs did not keep them.

    ``change`` is candidate − baseline; ``worse`` is None where neither direction is better;
    ``expected`` holds the accepted answers.
    """

    id: str
    metric: str
    baseline: float
    candidate: float
    worse: bool | None
    prompt: str | None = None
    baseline_response: str | None = None
    candidate_response: str | None = None
    input: str | None = None
    expected: tuple[str, ...] = ()

    @property
    def change(self) -> float:
        """Candidate − baseline."""
        return self.candidate - self.baseline


@dataclass(frozen=True, slots=True)
class GroupChange:
    """A metric's paired difference within one group (``category`` = ``Age``)."""

    attribute: str
    group: str
    metric: str
    difference: Estimate
    p_value: float


@dataclass(frozen=True, slots=True)
class MetricComparison:
    """One metric of one task in both runs, on the samples that both scored.

    Attributes:
        metric: The metric's name.
        higher_is_better: None where neither direction is better.
        baseline: Its estimate on the shared samples.
        candidate: The same.
        difference: Candidate − baseline, paired.
        p_value: Of no difference; ``test`` names the test.
        test: How both the interval and the p-value are made.
        randomization_p_value: Of approximate randomization, for corpus metrics.
        minimum_detectable: The smallest difference this n detects with 80 % power at 5 %.
        baseline_unscored: Samples that only the candidate could score.
        candidate_unscored: Samples that only the baseline could score.
        improved: Samples whose score got better; for per-sample metrics.
        worsened: Samples whose score got worse.
        changed: Samples whose score changed; the two above where one direction is better.
        flips: Every changed sample, worst first.
        scores: (baseline, candidate) of every sample, for metrics of which each has a number.
        ideal: The best value, where neither direction is better and one is known.
        adjusted_p_value: ``p_value`` corrected for all metrics on the page (Holm); words rest
            on it.
        false_discovery_p_value: The same by Benjamini and Hochberg.
        calibration: As in ``MetricResult``; ``uncalibrated`` where it is so in either run.
    """

    metric: str
    higher_is_better: bool | None
    baseline: Estimate
    candidate: Estimate
    difference: Estimate
    p_value: float
    test: str
    minimum_detectable: float
    randomization_p_value: float | None = None
    baseline_unscored: int = 0
    candidate_unscored: int = 0
    improved: int = 0
    worsened: int = 0
    changed: int = 0
    flips: Sequence[FlippedSample] = ()
    ideal: float | None = None
    adjusted_p_value: float | None = None
    false_discovery_p_value: float | None = None
    calibration: str | None = None
    scores: Sequence[tuple[float, float]] = field(default=(), repr=False)

    @property
    def _up_is_better(self) -> bool | None:
        """Towards the ideal, while both runs are on one side of it."""
        if self.ideal is None:
            return self.higher_is_better
        below = {self.baseline.value < self.ideal, self.candidate.value < self.ideal}
        return below.pop() if len(below) == 1 else None

    @property
    def verdict(self) -> Literal["better", "worse", "changed", "no difference shown"]:
        """What is shown at 5 %, over all metrics of the page together."""
        p_value = self.p_value if self.adjusted_p_value is None else self.adjusted_p_value
        if not p_value <= ALPHA or self.difference.value == 0:
            return "no difference shown"
        if self._up_is_better is None:
            return "changed"
        return "better" if (self.difference.value > 0) == self._up_is_better else "worse"


@dataclass(frozen=True, slots=True)
class TaskComparison:
    """One task in both runs.

    ``forced`` says why the runs are not comparable, where the user forced it; ``skipped`` maps
    a metric that could not be compared to the reason.
    """

    task: str
    shared: int
    only_baseline: int
    only_candidate: int
    baseline_errors: int
    candidate_errors: int
    metrics: tuple[MetricComparison, ...]
    groups: tuple[GroupChange, ...] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)
    forced: str | None = None


@dataclass(frozen=True, slots=True)
class RunComparison:
    """A candidate against the baseline; ``notes`` names tasks that only one of them has.

    ``baseline`` and ``candidate`` say when, of which commit and from which path they are, as far
    as that is known; of the candidate ``age_days`` is None. ``spent`` is what the machine took for
    the baseline and the candidate, where both measured it and computed all of their answers.
    """

    baseline_id: str
    candidate_id: str
    baseline_model: Mapping[str, object]
    candidate_model: Mapping[str, object]
    tasks: tuple[TaskComparison, ...]
    notes: tuple[str, ...] = ()
    baseline: BaselineRun | None = None
    candidate: BaselineRun | None = None
    spent: tuple[Spent, Spent] | None = None
