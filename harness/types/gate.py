"""What a gate decided: the value that commands, reporters and comparisons read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from harness.types.estimate import Estimate

Decision: TypeAlias = Literal["pass", "block", "inconclusive"]
Tier: TypeAlias = Literal["blocking", "supporting", "advisory"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a rule was judged by.

    Attributes:
        value: The metric; for ``max_drop`` the drop, positive where it got worse; for
            ``min_gain`` the gain, positive where it got better.
        low: Lower bound of its interval.
        high: Upper bound.
        confidence: Coverage of the interval.
        n: Samples it rests on.
        method: How the interval was made.
        baseline: The baseline's value on the same samples, for a rule on a change.
        candidate: The candidate's.
        higher_is_better: The metric's direction.
        points: Whether differences are shown in percentage points.
        missing: Samples that one of the runs could not score or does not have.
        ideal: For a drop that is a move away from this value.
        stderr: The standard error of ``value``, for a rule on a change.
    """

    value: float
    low: float
    high: float
    confidence: float
    n: int
    method: str
    baseline: float | None = None
    candidate: float | None = None
    higher_is_better: bool | None = True
    points: bool = False
    missing: int = 0
    ideal: float | None = None
    stderr: float = math.nan

    @property
    def detectable(self) -> float:
        """The smallest true change that this much data shows with 80 % power."""
        from statistics import NormalDist  # slow to import, and of gates alone

        normal = NormalDist()
        ratio = normal.inv_cdf(0.8) / normal.inv_cdf(0.5 + self.confidence / 2)
        return (self.high - self.low) / 2 * (1 + ratio)


@dataclass(frozen=True, slots=True)
class RuleVerdict:
    """One rule's verdict.

    Attributes:
        metric: ``TASK.METRIC``, with ``@IDEAL`` where the rule has one.
        rule: The condition, such as ``max_drop = 0.02``.
        tier: Only ``blocking`` rules decide the gate's verdict.
        verdict: What was decided.
        sentence: The evidence, in words.
        evidence: None where there was nothing to judge by.
        samples_used: Where the rule was judged sample by sample, those that it took.
        samples_planned: Those that there are.
    """

    metric: str
    rule: str
    tier: Tier
    verdict: Decision
    sentence: str
    evidence: Evidence | None = None
    samples_used: int | None = None
    samples_planned: int | None = None

    @property
    def kind(self) -> str:
        """The condition's name, such as ``max_drop``."""
        return self.rule.partition(" ")[0]

    @property
    def decides(self) -> bool:
        """Whether the gate's verdict rests on it."""
        return self.tier == "blocking"


STALE_DAYS = 30
"""Days after which a baseline should be renewed: what it was compared with has moved on."""


@dataclass(frozen=True, slots=True)
class BaselineRun:
    """Which run a candidate was compared with; None where something is not known.

    Attributes:
        run_id: Its name.
        path: The run folder or baseline file that it was read from, as it was given.
        started: When it was started, an ISO 8601 time.
        git_commit: Of the folder in which it was made.
        age_days: How many whole days before the candidate it was started.
    """

    run_id: str
    path: str | None = None
    started: str | None = None
    git_commit: str | None = None
    age_days: int | None = None

    @property
    def renewal(self) -> str | None:
        """How to make a new baseline, where this one is old."""
        if self.age_days is None or self.age_days <= STALE_DAYS:
            return None
        return (
            f"The baseline is {self.age_days} days older than the candidate. Renew it: evaluate "
            "what is shipped today (harness run … --out runs/main), then "
            f"harness baseline save runs/main {self.path or 'main.baseline'}"
        )


@dataclass(frozen=True, slots=True)
class MetricChange:
    """A metric in the baseline and in the candidate.

    Attributes:
        metric: ``TASK.METRIC``.
        baseline: The baseline's value.
        candidate: The candidate's.
        difference: Candidate − baseline, paired.
        verdict: ``better``, ``worse``, ``changed`` or ``no difference shown``; it rests on p-values
            corrected for all metrics that the two runs share.
        ruled: One of the gate's rules is about it.
        higher_is_better: None where neither direction is better.
        ideal: The best value, where neither direction is better and one is known.
        calibration: Of metrics that rest on judges; see ``HasCalibration``.
    """

    metric: str
    baseline: float
    candidate: float
    difference: Estimate
    verdict: str
    ruled: bool
    higher_is_better: bool | None = None
    ideal: float | None = None
    calibration: str | None = None


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """The whole gate's verdict: block if any blocking rule blocks, pass if every one passes.

    Attributes:
        verdict: Over all rules.
        sentence: The reason: the first rule that decided it, and how many others did.
        exit_code: 0 pass, 1 block, 4 inconclusive unless the gate maps it to 0 or 1; 2 where a
            blocking rule asks for what these samples cannot show at any margin.
        mode: ``fixed`` or ``sequential``.
        alpha: Bound on the probability of blocking a change that keeps every rule.
        alpha_to_block: The same for this build, where a series of builds shares one budget.
        series: Name of the series; None where the gate is in none.
        population: What a sequential verdict is about: ``source`` or ``benchmark``.
        inconclusive: What an inconclusive verdict does: ``fail``, ``warn``, ``pass`` or None.
        baseline: The run folder or baseline file that was compared with, as it was given.
        seed: Of the committed order of samples.
        config_sha256: Hash of α, mode, rules and planned samples.
        samples_used: Task → samples the verdict rests on.
        samples_planned: Task → samples there are.
        rules: In the order of the configuration.
        notes: What a reader must know, such as margins that differ from the baseline's.
        baseline_run: Which run the candidate was compared with; None where there was none.
        changes: Every metric that both runs have. Tasks that the verdict ended early are left
            out: no interval allows for an end that was chosen by what was seen.
    """

    verdict: Decision
    sentence: str
    exit_code: int
    mode: str = "fixed"
    alpha: float = 0.05
    alpha_to_block: float = 0.05
    series: str | None = None
    population: str = "source"
    inconclusive: str | None = None
    baseline: str | None = None
    seed: int = 0
    config_sha256: str = ""
    samples_used: Mapping[str, int] = field(default_factory=dict)
    samples_planned: Mapping[str, int] = field(default_factory=dict)
    rules: tuple[RuleVerdict, ...] = ()
    notes: tuple[str, ...] = ()
    baseline_run: BaselineRun | None = None
    changes: tuple[MetricChange, ...] = ()

    @property
    def unruled_falls(self) -> tuple[MetricChange, ...]:
        """What got worse, and no rule is about it."""
        return tuple(each for each in self.changes if each.verdict == "worse" and not each.ruled)

    @property
    def annotation(self) -> str | None:
        """The warning for a build that goes on; None where there is nothing to warn of."""
        if self.verdict == "inconclusive" and self.inconclusive == "warn":
            return f"The gate is inconclusive: {self.sentence}"
        return None
