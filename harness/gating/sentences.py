"""A rule's verdict in a sentence that a tired reader understands."""

from __future__ import annotations

import math
from dataclasses import replace

from harness.gating.config import DROPS, Rule
from harness.gating.verdict import SAID, Decision, Evidence, RuleVerdict

_ROUNDING = 1e-12
"""A change below it is none: sums of equal scores in another order."""


def explain(
    rule: Rule,
    verdict: Decision,
    evidence: Evidence,
    after: str = "",
    corrected: bool = False,
    series: str | None = None,
) -> RuleVerdict:
    """The rule's verdict with its sentence.

    Args:
        rule: The rule.
        verdict: What was decided.
        evidence: What it was decided by.
        after: Said behind the verdict, such as "after 164 of 1000 samples".
        corrected: It would block as the only rule, but not together with the others.
        series: The series whose error budget is too small for the block, where that is why.
    """
    found = (
        _drop(rule, verdict, evidence) if rule.kind in DROPS else _level(rule, verdict, evidence)
    )
    where = "not scored in both runs" if rule.kind in DROPS else "unscored"
    missing = f", {evidence.missing} more {where}" if evidence.missing else ""
    said = SAID[verdict]
    if corrected:
        beside = f"within the series {series}" if series else "beside the other rules"
        said += f" (alone it would block; not {beside})"
    sentence = found.replace("SAMPLES", f"{evidence.n} samples{missing}") + f": {said}{after}"
    return replace(RuleVerdict(rule, verdict, sentence), evidence=evidence)


def _drop(rule: Rule, verdict: Decision, evidence: Evidence) -> str:
    worse = evidence.value > 0
    fell = worse == (evidence.higher_is_better is not False)
    size, low, high = evidence.value, evidence.low, evidence.high
    if not worse:
        size, low, high = -size, -high, -low
    relative = rule.kind == "max_relative_drop"
    scale = 100 if evidence.points or relative else 1
    unit = " %" if relative else " points" if evidence.points else ""
    shown = [_text(each * scale, scale == 100) for each in (size, low, high)]
    allowed = _text(rule.value * scale, False) + (" %" if relative else "")
    moved = f"{'fell' if fell else 'rose'} by {shown[0]}{unit}"
    direction = "drop" if evidence.higher_is_better is not False else "rise"
    if evidence.ideal is not None:
        away = "further from" if worse else "nearer to"
        moved = f"is {shown[0]}{unit} {away} {evidence.ideal:g}"
        direction = "move"
    if abs(evidence.value) < _ROUNDING:
        moved = "did not change"
    interval = _interval(evidence, shown[1], shown[2])
    ending = {
        "block": f"more than the {allowed} allowed",
        "pass": f"less than the {direction} of {allowed} allowed"
        if worse
        else f"and a {direction} of {allowed} is allowed",
        "inconclusive": f"too close to the {direction} of {allowed} allowed to tell",
    }[verdict]
    return f"{rule.name} {moved} {interval}, {ending}"


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
    return f"{rule.name} is {value} {interval}, {side[verdict]} {name}{ending}"


def _interval(evidence: Evidence, low: str, high: str) -> str:
    if math.isnan(evidence.low):
        return "(too little data for an interval, SAMPLES)"
    return f"({100 * evidence.confidence:.4g} % interval {low} to {high}, SAMPLES)"


def _text(value: float, points: bool) -> str:
    """Enough digits to compare with the bound: one decimal of a point, else three digits."""
    text = f"{value:.1f}" if points else f"{value:.3g}" if abs(value) < 100 else f"{value:.1f}"
    return "0" + text[2:] if text in ("-0.0", "-0") else text
