"""Verdicts: what a gate decided, with the evidence in a sentence a tired reader understands."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from harness.authoring.io.serialization import number
from harness.gating.config import GateConfig, Rule
from harness.gating.context import Context
from harness.types import RunResult

Decision: TypeAlias = Literal["pass", "block", "inconclusive"]
SAID: Mapping[Decision, str] = {
    "pass": "passed",
    "block": "blocked",
    "inconclusive": "inconclusive",
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a rule was judged by.

    Attributes:
        value: The metric; for ``max_drop`` the drop, positive where it got worse.
        low: Lower bound of its interval.
        high: Upper bound.
        confidence: Coverage of the interval.
        n: Samples it rests on.
        method: How the interval was made.
        baseline: The baseline's value on the same samples, for ``max_drop``.
        candidate: The candidate's.
        higher_is_better: The metric's direction.
        points: Whether differences are shown in percentage points.
        missing: Samples that one of the runs could not score or does not have.
        ideal: For a drop that is a move away from this value.
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


_EVIDENCE = (
    *("value", "low", "high", "confidence", "n", "method", "baseline", "candidate", "missing"),
)
"""What an entry of ``gate.rules`` in results.json says of it."""


@dataclass(frozen=True, slots=True)
class RuleVerdict:
    """One rule's verdict; ``evidence`` is None where there was nothing to judge by."""

    rule: Rule
    verdict: Decision
    sentence: str
    evidence: Evidence | None = None
    samples_used: int | None = None
    samples_planned: int | None = None

    def to_json(self) -> dict[str, Any]:
        """An entry of ``gate.rules`` in results.json."""
        data: dict[str, Any] = {
            "metric": self.rule.name,
            "rule": str(self.rule),
            "tier": self.rule.tier,
            "verdict": self.verdict,
            "sentence": self.sentence,
        }
        for name in _EVIDENCE:
            value = getattr(self.evidence, name, None)
            data[name] = number(value) if isinstance(value, float) else value
        return data | {"samples_used": self.samples_used, "samples_planned": self.samples_planned}


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """The whole gate's verdict: block if any rule blocks, pass if every rule passes.

    Attributes:
        verdict: Over all rules.
        rules: In the order of the configuration.
        config: What was judged by.
        seed: Of the committed order of samples.
        samples_used: Task → samples the verdict rests on.
        samples_planned: Task → samples there are.
        notes: What a reader must know, such as margins that differ from the baseline's.
        context: The baseline, and all that changed; None without a baseline.
    """

    verdict: Decision
    rules: tuple[RuleVerdict, ...]
    config: GateConfig
    seed: int = 0
    samples_used: Mapping[str, int] = field(default_factory=dict)
    samples_planned: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    context: Context | None = None

    @property
    def sentence(self) -> str:
        """The reason, in one sentence: the first rule that decided it, and how many others."""
        blocking = [each for each in self.rules if each.rule.tier == "blocking"]
        deciding = [each for each in blocking if each.verdict == self.verdict]
        others = len(deciding) - 1
        refs = [each.rule.ref(self.samples_planned) for each in blocking]
        tasks = len({ref.task for ref in refs if ref is not None})
        over = f" on {tasks} tasks" if tasks > 1 else ""
        if self.verdict == "pass":
            if not others:
                return deciding[0].sentence + self._beside
            return f"all {len(blocking)} rules{over} passed; {deciding[0].sentence}{self._beside}"
        if tasks > 1:
            said = SAID[self.verdict]
            are = "is" if len(deciding) == 1 else "are"
            verb = f"{are} {said}" if self.verdict == "inconclusive" else said
            head = f"{len(deciding)} of {len(blocking)} rules{over} {verb}; "
            return head + deciding[0].sentence + self._beside
        more = f" (and {others} more {'rule' if others == 1 else 'rules'})" if others else ""
        return deciding[0].sentence + more + self._beside

    @property
    def _beside(self) -> str:
        """How the rules that decide nothing came out, where they did not pass."""
        counts = []
        for tier in ("supporting", "advisory"):
            rules = [each for each in self.rules if each.rule.tier == tier]
            for verdict, verb in (("block", "broken"), ("inconclusive", "inconclusive")):
                n = sum(each.verdict == verdict for each in rules)
                if n:
                    counts.append(f"{n} of {len(rules)} {tier} rules {verb}")
        return f" [{', '.join(counts)}]" if counts else ""

    @property
    def exit_code(self) -> int:
        """0 pass, 1 block, 4 inconclusive unless ``inconclusive`` maps it to 0 or 1.

        2 where a blocking rule asks for what these samples cannot show at any margin: that is a
        mistake in the gate, and no mapping hides it.
        """
        if self.verdict == "inconclusive" and any(map(_refused, self.rules)):
            return 2
        mapped = {None: 4, "fail": 1, "warn": 0, "pass": 0}[self.config.inconclusive]
        return {"pass": 0, "block": 1, "inconclusive": mapped}[self.verdict]

    @property
    def annotation(self) -> str | None:
        """The warning for a build that goes on; None where there is nothing to warn of."""
        if self.verdict == "inconclusive" and self.config.inconclusive == "warn":
            return f"The gate is inconclusive: {self.sentence}"
        return None

    def to_json(self) -> dict[str, Any]:
        """The ``gate`` block of results.json."""
        return {
            "verdict": self.verdict,
            "sentence": self.sentence,
            "exit_code": self.exit_code,
            "mode": self.config.mode,
            "alpha": self.config.alpha,
            "alpha_to_block": self.config.alpha_to_block,
            "series": self.config.series,
            "population": self.config.population,
            "inconclusive": self.config.inconclusive,
            "baseline": self.config.baseline,
            "seed": self.seed,
            "config_sha256": self.config.sha256(self.samples_planned),
            "samples_used": dict(self.samples_used),
            "samples_planned": dict(self.samples_planned),
            "rules": [each.to_json() for each in self.rules],
            "notes": list(self.notes),
            **({} if self.context is None else self.context.to_json()),
        }


def overall(rules: Sequence[RuleVerdict]) -> Decision:
    """By the blocking rules: block if any blocks, else inconclusive if any is, else pass."""
    verdicts = {each.verdict for each in rules if each.rule.tier == "blocking"}
    return (
        "block" if "block" in verdicts else "inconclusive" if "inconclusive" in verdicts else "pass"
    )


def _refused(rule: RuleVerdict) -> bool:
    """Whether the rule decides, and there is no interval that could be trusted."""
    return (
        rule.rule.tier == "blocking" and rule.evidence is not None and math.isnan(rule.evidence.low)
    )


def blocked(rule: Rule, reason: str) -> RuleVerdict:
    """A block because there is nothing to judge by: never a silent pass."""
    return RuleVerdict(rule, "block", f"{rule.name}: {reason}: blocked")


def differences(baseline: RunResult, ours: GateVerdict) -> tuple[str, ...]:
    """How α, margins and N differ from those that the baseline itself was gated with."""
    recorded: Mapping[str, Any] = baseline.gate or {}
    if not recorded:
        return ()
    notes = []
    if recorded.get("alpha") != ours.config.alpha:
        alpha = recorded.get("alpha")
        notes.append(f"alpha is {ours.config.alpha}, the baseline was gated with {alpha}")
    before = {f"{each.get('metric')} {each.get('rule')}" for each in recorded.get("rules", ())}
    after = {f"{each.rule.name} {each.rule}" for each in ours.rules}
    notes += [f"rule not in the baseline's gate: {each}" for each in sorted(after - before)]
    notes += [f"rule of the baseline's gate left out: {each}" for each in sorted(before - after)]
    planned = recorded.get("samples_planned", {})
    for task, n in ours.samples_planned.items():
        if planned.get(task, n) != n:
            notes.append(f"{task}: {n} samples planned, {planned[task]} for the baseline's gate")
        held = baseline.tasks[task].n if task in baseline.tasks else n
        if held < planned.get(task, held):
            notes.append(
                f"{task}: the baseline was ended early by its own gate, after {held} of "
                f"{planned[task]} samples"
            )
    return tuple(notes)
