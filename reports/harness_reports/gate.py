"""The verdict of a gate in words: this module alone reads it for the reports."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from harness.authoring.reporting import numbers
from harness.authoring.reporting.numbers import Number
from harness.types import (
    BaselineRun,
    Decision,
    Estimate,
    Evidence,
    GateVerdict,
    MetricChange,
    RuleVerdict,
)

HEADLINES: Mapping[Decision, str] = {
    "pass": "Passed",
    "block": "Blocked",
    "inconclusive": "Inconclusive",
}


@dataclass(frozen=True, slots=True)
class Change:
    """A metric in both runs; ``estimate`` is candidate − baseline."""

    metric: str
    label: str
    before: str
    after: str
    number: Number
    estimate: Estimate
    verdict: str
    ruled: bool


@dataclass(frozen=True, slots=True)
class RuleView:
    """One rule of a gate; ``rule`` names its tier where that does not decide the verdict.

    ``before`` and ``change`` are empty where the rule is about the candidate alone; ``interval``
    is the change's, or else the value's, and covers it with ``confidence``.
    """

    metric: str
    rule: str
    verdict: Decision
    headline: str
    sentence: str
    decides: bool = True
    before: str = ""
    after: str = ""
    change: str = ""
    interval: str = ""
    confidence: str = ""


@dataclass(frozen=True, slots=True)
class BaselineView:
    """Which run the candidate was compared with, and how old it was.

    ``renew`` says how to make a new one, where it is old.
    """

    run_id: str
    path: str
    started: str
    commit: str
    age: str
    renew: str

    @property
    def told(self) -> str:
        """``main, 2026-01-02 03:04 UTC, commit 0123456789ab, 12 days old``."""
        parts = (self.run_id, self.started, f"commit {self.commit}" if self.commit else "")
        return ", ".join(part for part in (*parts, self.age) if part)


@dataclass(frozen=True, slots=True)
class GateView:
    """The verdict.

    ``exit_code`` is what ``harness gate`` ends with.
    """

    verdict: Decision
    headline: str
    sentence: str
    rules: tuple[RuleView, ...]
    exit_code: int = 0
    baseline: BaselineView | None = None
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def interval_header(self) -> str:
        """``90 % interval``, where all rules have the same."""
        found = {each.confidence for each in self.rules if each.confidence}
        return f"{found.pop()} interval" if len(found) == 1 else "interval"

    @property
    def unruled_falls(self) -> tuple[Change, ...]:
        """What got worse, and no rule covers it; the largest fall first."""
        falls = [each for each in self.changes if each.verdict == "worse" and not each.ruled]
        return tuple(sorted(falls, key=lambda each: -abs(each.estimate.value)))

    @property
    def unruled(self) -> str:
        """The falls that no rule covers, in a sentence; empty where there is none."""
        falls = self.unruled_falls
        if not falls:
            return ""
        told = "; ".join(
            f"{each.metric} {each.before} → {each.after} ({each.number.value} "
            f"{each.number.interval})"
            for each in falls[:3]
        )
        more = f"; and {len(falls) - 3} more" if len(falls) > 3 else ""
        return f"Fell, but no rule covers it: {told}{more}."


def gate_view(gate: GateVerdict | None) -> GateView | None:
    """The verdict in words; None without one."""
    if gate is None:
        return None
    return GateView(
        verdict=gate.verdict,
        headline=HEADLINES[gate.verdict],
        sentence=gate.sentence,
        rules=tuple(map(_rule, gate.rules)),
        exit_code=gate.exit_code,
        baseline=None if gate.baseline_run is None else baseline_view(gate.baseline_run),
        changes=tuple(map(_change, gate.changes)),
        notes=gate.notes,
    )


def _rule(rule: RuleVerdict) -> RuleView:
    before, after, change, interval = _values(rule.evidence)
    return RuleView(
        metric=rule.metric,
        rule=rule.rule if rule.decides else f"{rule.rule} ({rule.tier})".strip(),
        verdict=rule.verdict,
        headline=HEADLINES[rule.verdict],
        sentence=rule.sentence,
        decides=rule.decides,
        before=before,
        after=after,
        change=change,
        interval=interval,
        confidence=""
        if rule.evidence is None or not math.isfinite(rule.evidence.confidence)
        else f"{100 * rule.evidence.confidence:.4g} %",
    )


def _values(found: Evidence | None) -> tuple[str, str, str, str]:
    """Before, after, change and interval of a rule; the change is candidate − baseline."""
    if found is None:
        return "", "", "", ""
    before, after = found.baseline, found.candidate
    if before is None or after is None:
        number = numbers.number(_estimate(found.value, found.low, found.high))
        return "", number.value, "", number.interval
    difference = after - before
    low, high = found.low, found.high
    if math.isclose(difference, -found.value, abs_tol=1e-12):  # a rule counts what got worse
        low, high = -found.high, -found.low
    elif not math.isclose(difference, found.value, abs_tol=1e-12):
        low = high = math.nan
    number = numbers.number(_estimate(difference, low, high), signed=True)
    digits = numbers.digits_for([_estimate(each) for each in (before, after)])
    old, new = (numbers.decimal(each, digits) for each in (before, after))
    return old, new, number.value, number.interval


def _change(change: MetricChange) -> Change:
    ends = [_estimate(change.baseline), _estimate(change.candidate)]
    digits = numbers.digits_for([change.difference, *ends])
    return Change(
        metric=change.metric,
        label=numbers.label(
            change.metric, change.higher_is_better, change.ideal, change.calibration
        ),
        before=numbers.decimal(change.baseline, digits),
        after=numbers.decimal(change.candidate, digits),
        number=numbers.number(change.difference, digits, signed=True),
        estimate=change.difference,
        verdict=change.verdict,
        ruled=change.ruled,
    )


def baseline_view(run: BaselineRun) -> BaselineView:
    """A run that was compared with, in words."""
    return BaselineView(
        run_id=run.run_id,
        path=run.path or "",
        started=numbers.moment(run.started or ""),
        commit=(run.git_commit or "")[:12],
        age="" if run.age_days is None else _age(run.age_days),
        renew=run.renewal or "",
    )


def _age(days: int) -> str:
    if days < 0:
        return "newer than the candidate"
    return "less than a day old" if days == 0 else f"{days} day{'' if days == 1 else 's'} old"


def _estimate(value: float, low: float = math.nan, high: float = math.nan) -> Estimate:
    return Estimate(value, math.nan, low, high, 0, "")
