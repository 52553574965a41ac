"""What stands beside a verdict: the baseline, and what fell without a rule."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from harness import gating
from harness.authoring.io.gate_json import gate_from_json, gate_to_json
from harness.gating.config import GateConfig, Rule
from harness.results.baseline import ScoredRun, load_run, save_baseline
from harness.types import GateVerdict, RunResult
from harness.types.gate import STALE_DAYS
from support.scored_runs import MakeRun


def both(accuracy: int, f1: int) -> dict[str, dict[str, float]]:
    return {
        f"s{index:03d}": {"accuracy": float(index < accuracy), "f1": float(index < f1)}
        for index in range(200)
    }


@pytest.fixture
def main(make_run: MakeRun) -> ScoredRun:
    return load_run(make_run("main", both(160, 160)))


@pytest.fixture
def fallen(make_run: MakeRun) -> ScoredRun:
    """As accurate as before, and its F1 has fallen."""
    return load_run(make_run("fallen", both(161, 60)))


RULE = Rule("quiz.accuracy", "max_drop", 0.2)


def judged(
    rules: list[Rule], candidate: ScoredRun, baseline: ScoredRun, path: str | None = None
) -> GateVerdict:
    bare = gating.evaluate(GateConfig(tuple(rules), baseline=path), candidate, baseline)
    return gating.in_context(bare, candidate, baseline, {})


def started(run: ScoredRun, moment: str) -> ScoredRun:
    result: RunResult = dataclasses.replace(run.result, timing={"started": moment})
    return dataclasses.replace(run, result=result)


def test_a_metric_that_fell_without_a_rule_is_named(main: ScoredRun, fallen: ScoredRun) -> None:
    found = judged([RULE], fallen, main)
    assert [each.metric for each in found.unruled_falls] == ["quiz.f1"]
    ruled = judged([RULE, Rule("quiz.f1", "min", 0.1)], fallen, main)
    assert ruled.unruled_falls == ()
    assert [each.ruled for each in ruled.changes] == [True, True]
    better = judged([RULE], main, fallen)
    assert better.unruled_falls == (), "what got better is no fall"


def test_a_task_that_ended_early_is_left_out_and_said_so(
    main: ScoredRun, fallen: ScoredRun
) -> None:
    bare = judged([RULE], fallen, main)
    early = dataclasses.replace(
        bare, samples_used={"quiz": 50}, samples_planned={"quiz": 200}, notes=()
    )
    found = gating.in_context(early, fallen, main, {})
    assert found.changes == ()
    assert found.notes[0] == "quiz ended early, so its other metrics are not compared"


def test_runs_that_are_not_comparable_give_a_note_and_no_changes(
    main: ScoredRun, make_run: MakeRun
) -> None:
    other = load_run(make_run("other", both(10, 10), data_sha256="e" * 64))
    absolute = gating.evaluate(GateConfig((Rule("quiz.accuracy", "min", 0.2),)), other, main)
    found = gating.in_context(absolute, other, main, {})
    assert found.changes == ()
    assert "not compared as a whole: the runs cannot be compared" in found.notes[0]


@pytest.mark.parametrize(("days", "old"), [(0, False), (STALE_DAYS, False), (STALE_DAYS + 1, True)])
def test_an_old_baseline_says_how_to_renew_it(
    main: ScoredRun, fallen: ScoredRun, days: int, old: bool
) -> None:
    from datetime import UTC, datetime, timedelta

    first = datetime(2026, 1, 2, tzinfo=UTC)
    candidate = started(fallen, (first + timedelta(days=days, hours=3)).isoformat())
    facts = judged([RULE], candidate, started(main, first.isoformat()), "m.baseline").baseline_run
    assert facts.age_days == days
    assert (facts.renewal is not None) == old
    if facts.renewal:
        assert f"The baseline is {days} days older" in facts.renewal
        assert "harness baseline save runs/main m.baseline" in facts.renewal


@pytest.mark.parametrize("moment", ["", "yesterday", "2026-01-02T00:00:00"])
def test_odd_times_have_no_age(main: ScoredRun, fallen: ScoredRun, moment: str) -> None:
    later = started(fallen, "2026-05-02T00:00:00+00:00")
    assert judged([RULE], later, started(main, moment)).baseline_run.age_days is None


def test_the_verdict_does_not_depend_on_it_and_results_json_holds_it(
    main: ScoredRun, fallen: ScoredRun
) -> None:
    bare = gating.evaluate(GateConfig((RULE,)), fallen, main)
    found = gating.in_context(bare, fallen, main, {})
    assert (found.verdict, found.exit_code, found.rules) == (
        bare.verdict,
        bare.exit_code,
        bare.rules,
    )
    data = json.loads(json.dumps(gate_to_json(found), allow_nan=False))
    back = gate_from_json(data)
    assert (back.baseline_run, back.changes) == (found.baseline_run, found.changes)
    assert data["baseline_run"]["run_id"] == main.result.run_id
    changes = {each["metric"]: each for each in data["changes"]}
    assert changes["quiz.f1"]["verdict"] == "worse"
    assert changes["quiz.f1"]["ruled"] is False
    assert changes["quiz.f1"]["difference"]["value"] == pytest.approx(-0.5)


def test_a_baseline_file_keeps_the_commit(make_run: MakeRun, tmp_path: Path) -> None:
    folder = make_run("main", both(160, 160))
    (folder / "run.json").write_text(json.dumps({"spec": {}, "git_commit": "0123456789abcdef"}))
    assert load_run(folder).git_commit == "0123456789abcdef"
    for name in ("a", "b"):
        save_baseline(folder, tmp_path / name)
    assert load_run(tmp_path / "a").git_commit == "0123456789abcdef"
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
