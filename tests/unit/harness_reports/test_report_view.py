from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest

from harness.types import DataSource, Estimate, MetricResult, RunResult, TaskResult
from harness_reports.groups import worst_first
from harness_reports.view import GateView, RunView, gate_view, view

NAN = math.nan


def estimate(value: float, stderr: float = 0.02) -> Estimate:
    return Estimate(value, stderr, value - 2 * stderr, value + 2 * stderr, 100, "mean")


def task(**changes: object) -> TaskResult:
    plain = TaskResult("t", "1", 10, 0, DataSource("path", "t.jsonl"), "00", {})
    return dataclasses.replace(plain, **changes)


def view_of(one: TaskResult) -> RunView:
    return view(RunResult("run", "complete", {"name": "m"}, {one.name: one}))


def test_metrics_keep_their_order_and_show_their_direction(
    run_folder: tuple[RunResult, Path],
) -> None:
    shown = view(run_folder[0])
    assert [one.name for one in shown.tasks] == ["squad", "bbq", "wmt22_en_de", "perplexity"]
    labels = [row.label for row in shown.tasks[1].metrics]
    assert labels == ["accuracy ↑", "ambiguous_bias", "disambiguated_accuracy ↑", "ece ↓"]
    assert shown.tasks[1].metrics[3].direction == "lower is better"


def test_the_signature_of_sacrebleu_puts_scores_on_a_hundred(
    run_folder: tuple[RunResult, Path],
) -> None:
    bleu, ter = view(run_folder[0]).tasks[2].metrics
    assert (bleu.scale.low, bleu.scale.high) == ("0", "100")
    assert ter.mark is not None
    assert ter.mark.value == pytest.approx(61.2)


@pytest.mark.parametrize(
    ("higher_is_better", "order"),
    [
        (True, ["low", "middle", "high", "tiny", "none"]),
        (False, ["high", "middle", "low", "tiny", "none"]),
        (None, ["high", "low", "middle", "tiny", "none"]),
    ],
)
def test_groups_stand_worst_first_and_small_ones_last(
    higher_is_better: bool | None, order: list[str]
) -> None:
    groups = {
        "tiny": Estimate(-9.0, NAN, NAN, NAN, 1, "mean"),
        "middle": estimate(0.1),
        "none": Estimate(NAN, NAN, NAN, NAN, 0, "mean"),
        "high": estimate(0.6),
        "low": estimate(-0.5),
    }
    assert worst_first(groups, higher_is_better) == order


def test_the_gap_leaves_out_groups_without_an_interval() -> None:
    values = {
        "a": estimate(0.4, 0.03),
        "b": estimate(0.7, 0.04),
        "tiny": Estimate(0.0, NAN, NAN, NAN, 1, "mean"),
    }
    groups = {name: {"acc": MetricResult(value)} for name, value in values.items()}
    (table,) = view_of(task(groups={"kind": groups})).tasks[0].groups
    assert [row.too_small for row in table.rows] == [False, False, True]
    assert table.rows[2].mark is None
    assert table.gap is not None
    assert (table.gap.worst, table.gap.best) == ("a", "b")
    assert table.gap.number.short == "0.300 ± 0.050"  # sqrt(0.03² + 0.04²)


def test_one_group_has_no_gap() -> None:
    groups = {"kind": {"a": {"acc": MetricResult(estimate(0.4))}}}
    assert view_of(task(groups=groups)).tasks[0].groups[0].gap is None


def test_where_lower_is_better_the_worst_of_the_gap_is_the_highest() -> None:
    groups = {
        name: {"error_rate": MetricResult(estimate(value), False)}
        for name, value in {"a": 0.1, "b": 0.3}.items()
    }
    table = view_of(task(groups={"kind": groups})).tasks[0].groups[0]
    assert table.gap is not None
    assert (table.gap.worst, table.gap.best) == ("b", "a")
    assert table.rows[0].group == "b"


def test_changes_share_an_axis_that_holds_no_change() -> None:
    probes = {
        "typos": {"acc": {"mean_change": estimate(-0.2), "flip_rate": estimate(0.3)}},
        "case": {"acc": {"mean_change": estimate(-0.1)}},
    }
    typos, flips, case = view_of(task(probes=probes)).tasks[0].probes
    assert typos.scale == case.scale
    assert typos.mark is not None
    assert typos.mark.reference is not None
    assert typos.mark.value < typos.mark.reference
    assert (flips.scale.low, flips.scale.high) == ("0", "1")
    assert typos.number.value == "−0.200"


def test_a_gate_is_read_tolerantly_but_never_passes_by_mistake() -> None:
    assert gate_view(None) is None
    gate = gate_view({"verdict": "PASS", "rules": [{"verdict": None}, "odd"]})
    assert isinstance(gate, GateView)
    assert gate.verdict == "inconclusive"
    assert [rule.verdict for rule in gate.rules] == ["inconclusive", "inconclusive"]


def test_an_empty_run_can_be_shown() -> None:
    shown = view(RunResult("run", "incomplete", {}, {}))
    assert (shown.model, shown.samples, shown.tasks) == ("model", "0", ())
    assert not shown.complete


def test_times_are_written_for_people(run_folder: tuple[RunResult, Path]) -> None:
    shown = view(run_folder[0])
    assert shown.started == "2026-01-02 03:04 UTC"
    assert dict(shown.timing.rows)["duration"] == "2 min 04 s"
