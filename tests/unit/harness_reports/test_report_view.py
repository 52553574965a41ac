from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest

from harness.authoring.io.gate_json import gate_from_json
from harness.types import DataSource, Estimate, MetricResult, RunResult, TaskResult
from harness_reports.groups import worst_first
from harness_reports.view import GateView, RunView, gate_view, metric_row, view

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


def test_groups_without_an_interval_and_small_ones_are_marked() -> None:
    values = {
        "a": estimate(0.4, 0.03),
        "b": dataclasses.replace(estimate(0.3, 0.04), n=9),
        "tiny": Estimate(0.0, NAN, NAN, NAN, 1, "mean"),
    }
    groups = {name: {"acc": MetricResult(value)} for name, value in values.items()}
    (table,) = view_of(task(groups={"kind": groups})).tasks[0].groups
    assert [row.group for row in table.rows] == ["b", "a", "tiny"]
    assert [row.small for row in table.rows] == [True, False, True]
    assert [row.too_small for row in table.rows] == [False, False, True]
    assert table.rows[2].mark is None


def test_fairness_is_listed_by_attribute_with_what_it_measures() -> None:
    fairness = {
        "kind": {
            "f1_macro": {"gap": estimate(0.3), "ratio": estimate(0.5)},
            "equalized_odds": {"difference@yes": estimate(0.1)},
        },
        "empty": {"f1_macro": {}},
    }
    shown = task(fairness=fairness, metrics={"f1_macro": MetricResult(estimate(0.4))})
    (table,) = view_of(shown).tasks[0].fairness
    assert [(row.metric, row.measure) for row in table.rows] == [
        ("f1_macro", "gap"),
        ("f1_macro", "ratio"),
        ("equalized odds", "difference, yes"),
    ]
    assert table.rows[0].number.interval == "[0.260, 0.340]"
    assert (table.rows[0].scale.low, table.rows[0].scale.high) == ("0", "1")


def test_a_gate_is_read_tolerantly_but_never_passes_by_mistake() -> None:
    assert gate_view(None) is None
    gate = gate_view(gate_from_json({"verdict": "PASS", "rules": [{"verdict": None}, {}]}))
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


def test_the_furthest_from_the_ideal_stands_first() -> None:
    values = {"near": 0.55, "above": 0.7, "below": 0.2}
    groups = {
        name: Estimate(value, 0.1, value - 0.1, value + 0.1, 9, "")
        for name, value in values.items()
    }
    assert worst_first(groups, None, 0.5) == ["below", "above", "near"]
    assert worst_first(groups, None) == ["above", "near", "below"]
    row = metric_row("share", MetricResult(groups["above"], None, ideal=0.5))
    assert (row.label, row.direction) == ("share → 0.5", "0.5 is ideal")
    assert row.mark is not None
    assert row.mark.reference == 50
