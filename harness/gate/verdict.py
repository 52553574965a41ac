"""Verdicts: what a gate decided, with the evidence in a sentence a tired reader understands."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from harness.codec import number
from harness.gate.config import GateConfig, Rule
from harness.types import RunResult

Decision: TypeAlias = Literal["pass", "block", "inconclusive"]
_SAID: Mapping[Decision, str] = {
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
            "metric": self.rule.metric,
            "rule": str(self.rule),
            "verdict": self.verdict,
            "sentence": self.sentence,
        }
        for name in ("value", "low", "high", "confidence", "n", "method", "baseline", "missing"):
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
    """

    verdict: Decision
    rules: tuple[RuleVerdict, ...]
    config: GateConfig
    seed: int = 0
    samples_used: Mapping[str, int] = field(default_factory=dict)
    samples_planned: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The reason, in one sentence: the first rule that decided it, and how many others."""
        deciding = [each for each in self.rules if each.verdict == self.verdict]
        others = len(deciding) - 1
        if self.verdict == "pass":
            if not others:
                return deciding[0].sentence
            return f"all {len(self.rules)} rules passed; {deciding[0].sentence}"
        more = f" (and {others} more {'rule' if others == 1 else 'rules'})" if others else ""
        return deciding[0].sentence + more

    @property
    def exit_code(self) -> int:
        """0 pass, 1 block, 4 inconclusive unless ``inconclusive`` maps it to 0 or 1."""
        mapped = {None: 4, "fail": 1, "pass": 0}[self.config.inconclusive]
        return {"pass": 0, "block": 1, "inconclusive": mapped}[self.verdict]

    def to_json(self) -> dict[str, Any]:
        """The ``gate`` block of results.json."""
        return {
            "verdict": self.verdict,
            "sentence": self.sentence,
            "exit_code": self.exit_code,
            "mode": self.config.mode,
            "alpha": self.config.alpha,
            "inconclusive": self.config.inconclusive,
            "baseline": self.config.baseline,
            "seed": self.seed,
            "config_sha256": self.config.sha256(self.samples_planned),
            "samples_used": dict(self.samples_used),
            "samples_planned": dict(self.samples_planned),
            "rules": [each.to_json() for each in self.rules],
            "notes": list(self.notes),
        }


def overall(rules: Sequence[RuleVerdict]) -> Decision:
    """Block if any rule blocks, else inconclusive if any is, else pass."""
    verdicts = {each.verdict for each in rules}
    return (
        "block" if "block" in verdicts else "inconclusive" if "inconclusive" in verdicts else "pass"
    )


def blocked(rule: Rule, reason: str) -> RuleVerdict:
    """A block because there is nothing to judge by: never a silent pass."""
    return RuleVerdict(rule, "block", f"{rule.metric}: {reason}: blocked")


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
    after = {f"{each.rule.metric} {each.rule}" for each in ours.rules}
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


# --------------------------------------------------------------------------- sentences


def explain(
    rule: Rule,
    verdict: Decision,
    evidence: Evidence,
    after: str = "",
    corrected: bool = False,
) -> RuleVerdict:
    """The rule's verdict with its sentence.

    Args:
        rule: The rule.
        verdict: What was decided.
        evidence: What it was decided by.
        after: Said behind the verdict, such as "after 164 of 1000 samples".
        corrected: It would block alone, but not beside the other rules.
    """
    found = (
        _drop(rule, verdict, evidence)
        if rule.kind == "max_drop"
        else _level(rule, verdict, evidence)
    )
    where = "not scored in both runs" if rule.kind == "max_drop" else "unscored"
    missing = f", {evidence.missing} more {where}" if evidence.missing else ""
    said = _SAID[verdict]
    if corrected:
        said += " (alone it would block; not beside the other rules)"
    sentence = found.replace("SAMPLES", f"{evidence.n} samples{missing}") + f": {said}{after}"
    return replace(RuleVerdict(rule, verdict, sentence), evidence=evidence)


def _drop(rule: Rule, verdict: Decision, evidence: Evidence) -> str:
    worse = evidence.value > 0
    fell = worse == (evidence.higher_is_better is not False)
    size, low, high = evidence.value, evidence.low, evidence.high
    if not worse:
        size, low, high = -size, -high, -low
    scale = 100 if evidence.points else 1
    unit = " points" if evidence.points else ""
    shown = [_text(each * scale, evidence.points) for each in (size, low, high)]
    allowed = _text(rule.value * scale, False)
    moved = f"{'fell' if fell else 'rose'} by {shown[0]}{unit}"
    if evidence.value == 0:
        moved = "did not change"
    interval = _interval(evidence, shown[1], shown[2])
    direction = "drop" if evidence.higher_is_better is not False else "rise"
    ending = {
        "block": f"more than the {allowed} allowed",
        "pass": f"less than the {direction} of {allowed} allowed"
        if worse
        else f"and a {direction} of {allowed} is allowed",
        "inconclusive": f"too close to the {direction} of {allowed} allowed to tell",
    }[verdict]
    return f"{rule.metric} {moved} {interval}, {ending}"


def _level(rule: Rule, verdict: Decision, evidence: Evidence) -> str:
    value, low, high = (
        _text(each, False) for each in (evidence.value, evidence.low, evidence.high)
    )
    bound = f"{rule.value:g}"
    name = {"min": f"the minimum of {bound}", "max": f"the maximum of {bound}"}.get(rule.kind, "")
    if rule.kind == "target":
        name = f"{bound} ± {rule.tolerance:g}"
        side = {"pass": "within", "block": "outside", "inconclusive": "too close to the edge of"}
    else:
        above = (rule.kind == "min") == (verdict == "pass")
        side = {"pass": "", "block": "", "inconclusive": "too close to"}
        side[verdict] = side[verdict] or ("above" if above else "below")
    ending = " to tell" if verdict == "inconclusive" else ""
    interval = _interval(evidence, low, high)
    return f"{rule.metric} is {value} {interval}, {side[verdict]} {name}{ending}"


def _interval(evidence: Evidence, low: str, high: str) -> str:
    if math.isnan(evidence.low):
        return "(too little data for an interval, SAMPLES)"
    return f"({100 * evidence.confidence:.4g} % interval {low} to {high}, SAMPLES)"


def _text(value: float, points: bool) -> str:
    """Enough digits to compare with the bound: one decimal of a point, else three digits."""
    text = f"{value:.1f}" if points else f"{value:.3g}" if abs(value) < 100 else f"{value:.1f}"
    return "0" + text[2:] if text in ("-0.0", "-0") else text
