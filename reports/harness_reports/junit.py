"""JUnit XML for CI systems, valid against the schema of Jenkins' xUnit plug-in (junit-10.xsd).

With a gate each rule is a test case. Blocked is a failure. Inconclusive is skipped, and a failure
where the whole gate is inconclusive and ends with another exit code than 0. A rule that does not
decide the verdict is skipped where it is not kept. So there are failures or errors exactly where
the command fails. Without a gate each task is a suite of one case, its metrics the suite's
properties; a task without a single score is an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

from harness.authoring.io.files import write_atomically
from harness.authoring.literal import visible
from harness.types import RunResult
from harness_reports.gate import GateView, RuleView
from harness_reports.view import TaskView, view

FILE_NAME = "junit.xml"
Outcome = Literal["failure", "error", "skipped"]


@dataclass(frozen=True, slots=True)
class _Case:
    """A test case; ``outcome`` None is a pass."""

    name: str
    classname: str
    outcome: Outcome | None = None
    message: str = ""
    output: str = ""


@dataclass(frozen=True, slots=True)
class _Suite:
    name: str
    cases: Sequence[_Case]
    properties: Sequence[tuple[str, str]] = ()

    def count(self, outcome: Outcome) -> int:
        return sum(case.outcome == outcome for case in self.cases)


class JUnitReporter:
    """Writes ``junit.xml``."""

    def render(self, result: RunResult, out: Path) -> Path:
        """Writes the file into the run folder ``out``."""
        path = out / FILE_NAME
        write_atomically(path, text(result))
        return path


def text(result: RunResult) -> str:
    """The XML document."""
    run = view(result)
    suites = [_gate_suite(run.gate)] if run.gate else [_task_suite(task) for task in run.tasks]
    failures = (() if run.complete else ("The run stopped before its end",)) + run.failures
    if failures:
        suites.append(_Suite("run", [_Case("complete", "run", "error", "; ".join(failures))]))
    duration = result.timing.get("seconds")
    seconds = f"{duration if isinstance(duration, float | int) else 0.0:.3f}"
    started = str(result.timing.get("started", ""))
    root = ElementTree.Element("testsuites", name=visible(f"evalign {run.model}"), time=seconds)
    for key, number in _totals(suites).items():
        root.set(key, str(number))
    for index, suite in enumerate(suites):
        # The whole run's time stands on one suite: tasks share batches, so there is no other.
        _add_suite(root, suite, started, seconds if index == 0 else "0.000")
    ElementTree.indent(root)
    body = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _totals(suites: Sequence[_Suite]) -> dict[str, int]:
    return {
        "tests": sum(len(suite.cases) for suite in suites),
        "failures": sum(suite.count("failure") for suite in suites),
        "errors": sum(suite.count("error") for suite in suites),
    }


def _gate_suite(gate: GateView) -> _Suite:
    rules = gate.rules or (RuleView("gate", "", gate.verdict, gate.headline, gate.sentence),)
    properties = [("verdict", gate.verdict), ("exit_code", str(gate.exit_code))]
    if gate.baseline is not None:
        properties.append(("baseline", gate.baseline.told))
    return _Suite("gate", [_rule_case(rule, gate) for rule in rules], properties)


def _rule_case(rule: RuleView, gate: GateView) -> _Case:
    unclear: Outcome = "skipped"
    if gate.verdict == "inconclusive" and gate.exit_code:
        # A gate that asks for what its samples cannot show is a mistake in the gate, no finding.
        unclear = "error" if gate.exit_code == 2 else "failure"
    outcomes: dict[str, Outcome] = {"block": "failure", "inconclusive": unclear}
    outcome = outcomes.get(rule.verdict)
    if outcome is not None and not rule.decides:
        outcome = "skipped"
    return _Case(
        name=f"{rule.metric} {rule.rule}".strip() or "rule",
        classname="gate",
        outcome=outcome,
        message=f"{rule.headline}: {rule.sentence}" if outcome else "",
        output="" if outcome else rule.sentence,
    )


def _task_suite(task: TaskView) -> _Suite:
    properties = [
        ("version", task.version),
        ("n", task.n),
        ("errors", task.errors),
        ("data", task.source),
        ("data_sha256", task.sha256),
        *((row.metric, str(row.number)) for row in task.metrics),
    ]
    scored = any(row.mark is not None for row in task.metrics)
    lines = [f"{row.label} {row.number}, n = {row.number.n}" for row in task.metrics]
    case = _Case(
        name=task.name,
        classname="tasks",
        outcome=None if scored else "error",
        message="" if scored else f"no score: {task.errors} of {task.n} samples are errors",
        output="\n".join([*lines, *task.notes]),
    )
    return _Suite(task.name, [case], properties)


def _add_suite(root: ElementTree.Element, suite: _Suite, started: str, seconds: str) -> None:
    node = ElementTree.SubElement(
        root,
        "testsuite",
        name=visible(suite.name),
        tests=str(len(suite.cases)),
        failures=str(suite.count("failure")),
        errors=str(suite.count("error")),
        skipped=str(suite.count("skipped")),
        time=seconds,
    )
    if started:
        node.set("timestamp", visible(started))
    if suite.properties:
        properties = ElementTree.SubElement(node, "properties")
        for name, value in suite.properties:
            ElementTree.SubElement(properties, "property", name=visible(name), value=visible(value))
    for case in suite.cases:
        _add_case(node, case, seconds if len(suite.cases) == 1 else "0.000")


def _add_case(suite: ElementTree.Element, case: _Case, seconds: str) -> None:
    node = ElementTree.SubElement(
        suite,
        "testcase",
        name=visible(case.name),
        classname=visible(case.classname),
        time=seconds,
    )
    if case.outcome is not None:
        outcome = ElementTree.SubElement(
            node, case.outcome, type=case.outcome, message=visible(case.message)
        )
        outcome.text = visible(case.message)
    if case.output:
        ElementTree.SubElement(node, "system-out").text = visible(case.output)
