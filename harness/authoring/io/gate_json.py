"""A gate's verdict to JSON and back, as results.json and align.json hold it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from harness.authoring.io.serialization import (
    JSON,
    estimate_from_json,
    estimate_to_json,
    number,
    number_from_json,
)
from harness.types import (
    BaselineRun,
    Decision,
    Evidence,
    GateVerdict,
    MetricChange,
    RuleVerdict,
)

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_EVIDENCE = (
    *("value", "low", "high", "confidence", "n", "method", "baseline", "candidate", "missing"),
)


def gate_to_json(verdict: GateVerdict) -> JSON:
    """The ``gate`` block of results.json."""
    return _fields(verdict) | {
        "samples_used": dict(verdict.samples_used),
        "samples_planned": dict(verdict.samples_planned),
        "rules": [_rule(each) for each in verdict.rules],
        "notes": list(verdict.notes),
        "baseline_run": None if verdict.baseline_run is None else _fields(verdict.baseline_run),
        "changes": [_change(each) for each in verdict.changes],
    }


def _change(change: MetricChange) -> JSON:
    return _fields(change) | {
        "baseline": number(change.baseline),
        "candidate": number(change.candidate),
        "difference": estimate_to_json(change.difference),
    }


def _rule(rule: RuleVerdict) -> JSON:
    data = _fields(rule)
    used = {name: data.pop(name) for name in ("samples_used", "samples_planned")}
    found = data.pop("evidence")
    for name in _EVIDENCE:
        value = getattr(found, name, None)
        data[name] = number(value) if isinstance(value, float) else value
    return data | used


def _fields(value: DataclassInstance) -> JSON:
    return {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}


def gate_from_json(data: JSON) -> GateVerdict:
    """The inverse of ``gate_to_json``.

    What earlier versions did not write is as usual, and an unknown verdict is inconclusive.
    """
    known = {each.name for each in dataclasses.fields(GateVerdict)}
    given = {name: value for name, value in data.items() if name in known and value is not None}
    verdict = _decision(data)
    made = {
        "verdict": verdict,
        "rules": tuple(map(_rule_back, data.get("rules", ()))),
        "notes": tuple(data.get("notes", ())),
        "changes": tuple(map(_change_back, data.get("changes", ()))),
    }
    if isinstance(run := data.get("baseline_run"), dict):
        given["baseline_run"] = BaselineRun(**run)
    exit_code = {"pass": 0, "block": 1}.get(verdict, 4)
    return GateVerdict(**{"sentence": "", "exit_code": exit_code, **given, **made})


def _change_back(data: JSON) -> MetricChange:
    return MetricChange(
        data["metric"],
        number_from_json(data["baseline"]),
        number_from_json(data["candidate"]),
        estimate_from_json(data["difference"]),
        data["verdict"],
        data["ruled"],
        data.get("higher_is_better"),
        data.get("ideal"),
        data.get("calibration"),
    )


def _rule_back(data: JSON) -> RuleVerdict:
    found = {name: data.get(name) for name in _EVIDENCE}
    undefined = {name: number_from_json(found[name]) for name in ("value", "low", "high")}
    return RuleVerdict(
        data.get("metric") or "",
        data.get("rule") or "",
        data.get("tier") or "blocking",
        _decision(data),
        data.get("sentence") or "",
        None if found["method"] is None else Evidence(**(found | undefined)),
        data.get("samples_used"),
        data.get("samples_planned"),
    )


def _decision(data: JSON) -> Decision:
    found: Decision = data.get("verdict")
    return found if found in ("pass", "block") else "inconclusive"
