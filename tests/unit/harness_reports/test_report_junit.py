from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from junitparser import Error, Failure, JUnitXml, Skipped

from harness.types import DataSource, Decision, GateVerdict, RuleVerdict, RunResult, TaskResult
from harness_reports.junit import JUnitReporter

# What the schema of Jenkins' xUnit plug-in (junit-10.xsd) allows.
ATTRIBUTES = {
    "testsuites": ({"tests", "failures", "errors"}, {"name", "time"}),
    "testsuite": (
        {"name", "tests", "failures", "errors"},
        {"time", "skipped", "timestamp", "hostname", "id", "package"},
    ),
    "properties": (set(), set()),
    "property": ({"name", "value"}, set()),
    "testcase": ({"name"}, {"time", "classname"}),
    "failure": (set(), {"type", "message"}),
    "error": (set(), {"type", "message"}),
    "skipped": (set(), {"type", "message"}),
    "system-out": (set(), set()),
}
CHILDREN = {
    "testsuites": {"testsuite"},
    "testsuite": {"properties", "testcase", "system-out"},
    "properties": {"property"},
    "testcase": {"skipped", "error", "failure", "system-out"},
}
TIME = re.compile(r"\d+\.\d{3}")


def check_schema(path: Path) -> ElementTree.Element:
    """Asserts element names, attributes, counts and times."""
    root = ElementTree.parse(path).getroot()
    assert root.tag == "testsuites"
    for node in root.iter():
        required, optional = ATTRIBUTES[node.tag]
        assert required <= set(node.attrib) <= required | optional, node.tag
        assert {child.tag for child in node} <= CHILDREN.get(node.tag, set())
        if "time" in node.attrib:
            assert TIME.fullmatch(node.attrib["time"])
    for suite in root:
        cases = suite.findall("testcase")
        assert int(suite.attrib["tests"]) == len(cases) > 0
        for attribute, tag in (
            ("failures", "failure"),
            ("errors", "error"),
            ("skipped", "skipped"),
        ):
            assert int(suite.attrib[attribute]) == len(suite.findall(f"testcase/{tag}"))
    for attribute in ("tests", "failures", "errors"):
        total = sum(int(suite.attrib[attribute]) for suite in root)
        assert int(root.attrib[attribute]) == total
    return root


def render(result: RunResult, folder: Path) -> JUnitXml:
    path = JUnitReporter().render(result, folder)
    assert path == folder / "junit.xml"
    check_schema(path)
    return JUnitXml.fromfile(str(path))


def test_each_rule_of_the_gate_is_a_test_case(run_folder: tuple[RunResult, Path]) -> None:
    parsed = render(*run_folder)
    (suite,) = parsed
    results = {case.name: [type(item) for item in case.result] for case in suite}
    assert results == {
        "squad.f1 max_drop = 0.02": [Failure],
        "bbq.ambiguous_bias max = 0.10": [],
        "bbq.accuracy max_drop = 0.01": [Skipped],
    }
    assert (parsed.tests, parsed.failures, parsed.errors) == (3, 1, 0)
    assert parsed.time == 123.5
    assert suite.timestamp == "2026-01-02T03:04:05+00:00"
    blocked = next(iter(suite))
    assert "fell by 0.041" in blocked.result[0].message


@pytest.mark.parametrize(
    ("verdict", "exit_code", "kinds"),
    [
        ("pass", 0, [[], [], [Skipped]]),
        ("block", 1, [[], [Skipped], [Skipped]]),
        ("inconclusive", 4, [[], [Failure], [Skipped]]),
        ("inconclusive", 1, [[], [Failure], [Skipped]]),
        ("inconclusive", 0, [[], [Skipped], [Skipped]]),
        ("inconclusive", 2, [[], [Error], [Skipped]]),
    ],
)
def test_it_fails_exactly_where_the_command_does(
    run_folder: tuple[RunResult, Path],
    verdict: Decision,
    exit_code: int,
    kinds: list[list[type]],
) -> None:
    """The first rule passes, the second decides, the third is advisory and broken."""
    result, folder = run_folder
    deciding: Decision = "inconclusive" if verdict == "block" else verdict
    rules = [
        RuleVerdict("squad.f1", "min = 0.2", "blocking", "pass", "fine"),
        RuleVerdict("squad.f1", "max_drop = 0.02", "blocking", deciding, "so"),
        RuleVerdict("bbq.accuracy", "max_drop = 0.01", "advisory", "block", "broken"),
    ]
    if verdict == "block":
        rules.append(RuleVerdict("bbq.ece", "max = 0.1", "blocking", "block", "too much"))
        kinds = [*kinds, [Failure]]
    gate = GateVerdict(verdict, "so", exit_code, rules=tuple(rules))
    parsed = render(dataclasses.replace(result, gate=gate), folder)
    (suite,) = parsed
    assert [[type(each) for each in case.result] for case in suite] == kinds
    assert bool(parsed.failures + parsed.errors) == bool(exit_code)


def test_without_a_gate_each_task_is_a_suite_with_its_metrics(
    run_folder: tuple[RunResult, Path],
) -> None:
    result, folder = run_folder
    parsed = render(dataclasses.replace(result, gate=None), folder)
    suites = {suite.name: suite for suite in parsed}
    assert list(suites) == ["squad", "bbq", "wmt22_en_de", "perplexity"]
    properties = {item.name: item.value for item in suites["wmt22_en_de"].properties()}
    assert properties["bleu"] == "27.43 ± 0.61 [26.20, 28.60]"
    assert parsed.failures == parsed.errors == 0


def test_a_task_without_a_score_and_an_incomplete_run_are_errors(tmp_path: Path) -> None:
    task = TaskResult("t", "1", 4, 4, DataSource("path", "p"), "00", {})
    parsed = render(RunResult("run", "incomplete", {}, {"t": task}), tmp_path)
    messages = [case.result[0].message for suite in parsed for case in suite]
    assert messages == [
        "no score: 4 of 4 samples are errors",
        "The run stopped before its end",
    ]
    assert all(isinstance(case.result[0], Error) for suite in parsed for case in suite)


@pytest.mark.parametrize(
    ("verdict", "kind"), [("pass", None), ("block", Failure), ("inconclusive", Skipped)]
)
def test_a_gate_without_rules_is_one_test_case(
    tmp_path: Path, verdict: Decision, kind: type | None
) -> None:
    gate = GateVerdict(verdict, "because", 0)
    (suite,) = render(RunResult("run", "complete", {}, {}, gate=gate), tmp_path)
    (case,) = suite
    assert [type(item) for item in case.result] == ([] if kind is None else [kind])


def test_a_rule_that_does_not_decide_is_no_failure(tmp_path: Path) -> None:
    rule = RuleVerdict("t.f1", "max_drop = 0.1", "advisory", "block", "it fell")
    gate = GateVerdict("pass", "", 0, rules=(rule,))
    parsed = render(RunResult("run", "complete", {}, {}, gate=gate), tmp_path)
    ((case,),) = parsed
    assert case.name == "t.f1 max_drop = 0.1 (advisory)"
    assert [type(item) for item in case.result] == [Skipped]
    assert parsed.failures == 0


def test_characters_that_xml_forbids_are_named(tmp_path: Path) -> None:
    hostile = "nul \x00 <b> ]]> \ud800 \u202e \x1b"
    rule = RuleVerdict(hostile, "r", "blocking", "block", hostile)
    gate = GateVerdict("block", hostile, 1, rules=(rule,))
    (suite,) = render(RunResult(hostile, "complete", {"name": hostile}, {}, gate=gate), tmp_path)
    (case,) = suite
    assert "⟨U+0000⟩ <b> ]]> ⟨U+D800⟩ ⟨U+202E⟩ ⟨U+001B⟩" in case.name
