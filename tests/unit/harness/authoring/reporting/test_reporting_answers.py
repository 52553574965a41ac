from __future__ import annotations

import math

import pytest

from harness.authoring.reporting.answers import changes, sentence
from harness.types import Estimate, MetricComparison, RunComparison, TaskComparison


def metric(
    name: str, before: float, after: float, p: float, *, up: bool | None = True
) -> MetricComparison:
    change = after - before
    half = abs(change) / 4
    return MetricComparison(
        metric=name,
        higher_is_better=up,
        baseline=Estimate(before, 0.01, before - 0.02, before + 0.02, 200, "mean"),
        candidate=Estimate(after, 0.01, after - 0.02, after + 0.02, 200, "mean"),
        difference=Estimate(change, 0.01, change - half, change + half, 200, "paired"),
        p_value=p,
        test="paired",
        minimum_detectable=0.01,
    )


def compared(*metrics: MetricComparison, skipped: int = 0) -> RunComparison:
    left = {f"x{index}": "no scores" for index in range(skipped)}
    task = TaskComparison("xsum", 200, 0, 0, 0, 0, metrics, skipped=left)
    return RunComparison("main", "new", {}, {}, (task,))


def test_the_sentence_counts_each_verdict_and_names_the_largest_change() -> None:
    run = compared(
        metric("rouge1", 0.713, 0.043, 0.0001),
        metric("bleu", 30.0, 29.0, 0.001),
        metric("ter", 60.0, 50.0, 0.001, up=False),
        metric("rouge2", 0.2, 0.21, 0.6),
        skipped=1,
    )
    assert sentence(run) == (
        "Worse on 2 of 4 metrics, better on 1, 1 not told apart; largest: xsum.rouge1 "
        "−0.670 [−0.837, −0.502]; 1 could not be compared."
    )


def test_a_corpus_score_on_a_scale_of_its_own_does_not_win_by_its_unit() -> None:
    run = compared(metric("bleu", 30.0, 29.0, 0.001), metric("f1", 0.5, 0.3, 0.001))
    assert "largest: xsum.f1" in sentence(run)


def test_where_nothing_is_shown_the_metric_nearest_to_it_is_named() -> None:
    run = compared(metric("a", 0.5, 0.3, 0.4), metric("b", 0.5, 0.49, 0.06))
    assert sentence(run).startswith(
        "No difference shown on any of 2 metrics; nearest to one: xsum.b"
    )


def test_no_change_and_no_metric_are_said_as_they_are() -> None:
    assert sentence(compared(skipped=2)) == "No metric could be compared; 2 could not be compared."
    same = compared(metric("a", 0.5, 0.5, math.nan))
    assert sentence(same) == "No difference shown: xsum.a 0.000 [0.000, 0.000]."
    neither = compared(metric("a", 0.5, 0.3, 0.001, up=None))
    assert sentence(neither).startswith("Changed on 1 of 1 metric; largest: xsum.a −0.2")


@pytest.mark.parametrize("up", [True, False])
def test_worse_stands_before_better_and_the_larger_before_the_smaller(up: bool) -> None:
    run = compared(
        metric("same", 0.5, 0.51, 0.5, up=up),
        metric("rose", 0.2, 0.6, 0.001, up=up),
        metric("fell", 0.6, 0.5, 0.001, up=up),
        metric("fell_more", 0.6, 0.2, 0.001, up=up),
    )
    names = [each.metric.metric for each in changes(run)]
    assert names == (
        ["fell_more", "fell", "rose", "same"] if up else ["rose", "fell_more", "fell", "same"]
    )
