"""The verdict of a gate in words: this module alone reads the gate's block of results.json."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from harness.authoring.io.serialization import estimate_from_json
from harness.authoring.reporting import numbers
from harness.authoring.reporting.numbers import Number
from harness.types import Estimate

Verdict = Literal["pass", "block", "inconclusive"]

HEADLINES: Mapping[Verdict, str] = {
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
    verdict: Verdict
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
    """The verdict; an unknown one counts as inconclusive, never as a pass.

    ``exit_code`` is what ``harness gate`` ends with.
    """

    verdict: Verdict
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


def gate_view(gate: Mapping[str, object] | None) -> GateView | None:
    """The gate's block of results.json in words; None without one."""
    if gate is None:
        return None
    verdict = _verdict(gate.get("verdict"))
    changes = tuple(_change(each) for each in _mappings(gate.get("changes")))
    rules, notes = gate.get("rules"), gate.get("notes")
    code = gate.get("exit_code")
    return GateView(
        verdict=verdict,
        headline=HEADLINES[verdict],
        sentence=str(gate.get("sentence") or ""),
        rules=tuple(_rule(each) for each in (rules if isinstance(rules, list | tuple) else ())),
        exit_code=code if isinstance(code, int) else {"pass": 0, "block": 1}.get(verdict, 4),
        baseline=_baseline(gate.get("baseline_run")),
        changes=changes,
        notes=tuple(map(str, notes)) if isinstance(notes, list | tuple) else (),
    )


def _rule(rule: object) -> RuleView:
    data = rule if isinstance(rule, Mapping) else {"sentence": str(rule)}
    verdict = _verdict(data.get("verdict"))
    tier = str(data.get("tier") or "blocking")
    rule = str(data.get("rule") or "")
    metric = str(data.get("metric") or "")
    before, after, change, interval = _values(data)
    confidence = _number(data.get("confidence"))
    return RuleView(
        metric=metric,
        rule=rule if tier == "blocking" else f"{rule} ({tier})".strip(),
        verdict=verdict,
        headline=HEADLINES[verdict],
        sentence=str(data.get("sentence") or ""),
        decides=tier == "blocking",
        before=before,
        after=after,
        change=change,
        interval=interval,
        confidence="" if confidence is None else f"{100 * confidence:.4g} %",
    )


def _values(rule: Mapping[str, object]) -> tuple[str, str, str, str]:
    """Before, after, change and interval of a rule; the change is candidate − baseline."""
    before, after = _number(rule.get("baseline")), _number(rule.get("candidate"))
    value, low, high = (_number(rule.get(name)) for name in ("value", "low", "high"))
    if before is None or after is None:
        if value is None:
            return "", "", "", ""
        number = numbers.number(_estimate(value, low, high))
        return "", number.value, "", number.interval
    difference = after - before
    turned = value is not None and math.isclose(difference, -value, abs_tol=1e-12)
    if turned:  # a rule counts what got worse
        low, high = (None if end is None else -end for end in (high, low))
    elif value is None or not math.isclose(difference, value, abs_tol=1e-12):
        low = high = None
    number = numbers.number(_estimate(difference, low, high), signed=True)
    digits = numbers.digits_for([_estimate(each, None, None) for each in (before, after)])
    old, new = (numbers.decimal(each, digits) for each in (before, after))
    return old, new, number.value, number.interval


def _change(data: Mapping[str, Any]) -> Change:
    estimate = estimate_from_json(data["difference"])
    before, after = (_or_nan(data.get(name)) for name in ("baseline", "candidate"))
    values = [_estimate(each, None, None) for each in (before, after)]
    digits = numbers.digits_for([estimate, *values])
    metric = str(data["metric"])
    return Change(
        metric=metric,
        label=numbers.label(metric, data.get("higher_is_better"), data.get("ideal")),
        before=numbers.decimal(before, digits),
        after=numbers.decimal(after, digits),
        number=numbers.number(estimate, digits, signed=True),
        estimate=estimate,
        verdict=str(data.get("verdict") or ""),
        ruled=bool(data.get("ruled")),
    )


def _baseline(data: object) -> BaselineView | None:
    if not isinstance(data, Mapping):
        return None
    days = data.get("age_days")
    return BaselineView(
        run_id=str(data.get("run_id") or "baseline"),
        path=str(data.get("path") or ""),
        started=numbers.moment(str(data.get("started") or "")),
        commit=str(data.get("git_commit") or "")[:12],
        age=_age(days) if isinstance(days, int) else "",
        renew=str(data.get("renewal") or ""),
    )


def _age(days: int) -> str:
    if days < 0:
        return "newer than the candidate"
    return "less than a day old" if days == 0 else f"{days} day{'' if days == 1 else 's'} old"


def _verdict(value: object) -> Verdict:
    if value == "pass":
        return "pass"
    return "block" if value == "block" else "inconclusive"


def _estimate(value: float, low: float | None, high: float | None) -> Estimate:
    bounds = [math.nan if each is None else each for each in (low, high)]
    return Estimate(value, math.nan, bounds[0], bounds[1], 0, "")


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, float | int) and math.isfinite(value) else None


def _or_nan(value: object) -> float:
    found = _number(value)
    return math.nan if found is None else found


def _mappings(value: object) -> Sequence[Mapping[str, Any]]:
    if not isinstance(value, list | tuple):
        return ()
    return [each for each in value if isinstance(each, Mapping) and "difference" in each]
