"""A rule's verdict in a sentence that a tired reader understands."""

from __future__ import annotations

import math

from harness.gating.config import CHANGES, DROPS, Rule
from harness.gating.verdict import SAID
from harness.types import Decision, Evidence, RuleVerdict

UNPAIRED = "unpaired"
"""How the method begins where a comparison rests on published errors (``comparison.unpaired``)."""
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
        _change(rule, verdict, evidence)
        if rule.kind in CHANGES
        else _level(rule, verdict, evidence)
    )
    where = "not scored in both runs" if rule.kind in CHANGES else "unscored"
    missing = f", {evidence.missing} more {where}" if evidence.missing else ""
    if evidence.method.startswith(UNPAIRED):
        missing += ", unpaired"
    said = SAID[verdict]
    if corrected:
        beside = f"within the series {series}" if series else "beside the other rules"
        said += f" (alone it would block; not {beside})"
    sentence = found.replace("SAMPLES", f"{evidence.n} samples{missing}") + f": {said}{after}"
    return RuleVerdict(rule.name, str(rule), rule.tier, verdict, sentence, evidence)


def _change(rule: Rule, verdict: Decision, evidence: Evidence) -> str:
    size, low, high = evidence.value, evidence.low, evidence.high
    worse = size > 0 if rule.kind in DROPS else size < 0
    fell = worse == (evidence.higher_is_better is not False)
    if size < 0:
        size, low, high = -size, -high, -low
    relative = rule.kind == "max_relative_drop"
    scale = 100 if evidence.points or relative else 1
    unit = " %" if relative else " points" if evidence.points else ""
    shown = [_text(each * scale, scale == 100) for each in (size, low, high)]
    moved = f"{'fell' if fell else 'rose'} by {shown[0]}{unit}"
    if evidence.ideal is not None:
        away = "further from" if worse else "nearer to"
        moved = f"is {shown[0]}{unit} {away} {evidence.ideal:g}"
    elif rule.against:
        moved = f"is {shown[0]}{unit} {'lower' if fell else 'higher'} than that of {rule.against}"
    if abs(evidence.value) < _ROUNDING:
        moved = f"equals that of {rule.against}" if rule.against else "did not change"
    interval = _interval(evidence, shown[1], shown[2])
    ending = _gain_ending if rule.kind == "min_gain" else _drop_ending
    said = ending(rule, verdict, evidence, scale, " %" if relative else "")
    return f"{rule.name} {moved} {interval}, {said}"


def _drop_ending(rule: Rule, verdict: Decision, evidence: Evidence, scale: float, unit: str) -> str:
    allowed = _text(rule.value * scale, False) + unit
    direction = "drop" if evidence.higher_is_better is not False else "rise"
    if evidence.ideal is not None:
        direction = "move"
    if verdict == "block":
        return f"more than the {allowed} allowed"
    if verdict == "inconclusive":
        return f"too close to the {direction} of {allowed} allowed to tell"
    if rule.pass_unless_broken and not evidence.high < rule.value:
        detectable = _text(evidence.detectable * scale, False) + unit
        would = "" if math.isnan(evidence.low) else f" (one of {detectable} would be)"
        return f"no loss{f' beyond the {allowed} allowed' if rule.value else ''} is shown{would}"
    if evidence.value > 0:
        return f"less than the {direction} of {allowed} allowed"
    return f"and a {direction} of {allowed} is allowed"


def _gain_ending(rule: Rule, verdict: Decision, evidence: Evidence, scale: float, unit: str) -> str:
    if not rule.value:
        shown = {"pass": "a gain is shown", "block": "a loss is shown"}
        unclear = rule.pass_unless_broken and verdict == "pass" and not evidence.low > 0
        return "no loss is shown" if unclear else shown.get(verdict, "no gain is shown")
    asked = f"the gain of {_text(rule.value * scale, False)}{unit} asked for"
    how = {"pass": "more than", "block": "less than", "inconclusive": "too close to"}[verdict]
    if rule.pass_unless_broken and verdict == "pass" and not evidence.low > rule.value:
        how = "not shown to be less than"
    return f"{how} {asked}{' to tell' if verdict == 'inconclusive' else ''}"


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
    where = side[verdict] if _shown(rule, verdict, evidence) else "not shown to break"
    interval = _interval(evidence, low, high)
    return f"{rule.name} is {value} {interval}, {where} {name}{ending}"


def _shown(rule: Rule, verdict: Decision, evidence: Evidence) -> bool:
    """Whether the interval shows what the verdict says: a pass may be for want of evidence."""
    if verdict != "pass" or not rule.pass_unless_broken:
        return True
    low, high = evidence.low, evidence.high
    if rule.kind == "target":
        return rule.value - rule.tolerance <= low and high <= rule.value + rule.tolerance
    return low >= rule.value if rule.kind == "min" else high <= rule.value


def _interval(evidence: Evidence, low: str, high: str) -> str:
    if math.isnan(evidence.low):
        return "(too little data for an interval, SAMPLES)"
    return f"({100 * evidence.confidence:.4g} % interval {low} to {high}, SAMPLES)"


def _text(value: float, points: bool) -> str:
    """Enough digits to compare with the bound: one decimal of a point, else three digits."""
    text = f"{value:.1f}" if points else f"{value:.3g}" if abs(value) < 100 else f"{value:.1f}"
    return "0" + text[2:] if text in ("-0.0", "-0") else text
