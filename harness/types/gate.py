"""What a gate decided: the value that commands, reporters and comparisons read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Literal, TypeAlias

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
        candidate: The candidate's; like all that follows but ``missing`` not kept in results.json.
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

    @property
    def annotation(self) -> str | None:
        """The warning for a build that goes on; None where there is nothing to warn of."""
        if self.verdict == "inconclusive" and self.inconclusive == "warn":
            return f"The gate is inconclusive: {self.sentence}"
        return None
