"""The kit for plugin authors, applied to the tasks with judges."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.protocols import HasValue, RoleModel, TaskOptions
from harness.testing import check_metric, check_task
from harness.types import DataSource, Generate, Loglikelihood, Score
from harness_judges.judging.arena_task import open_arena
from harness_judges.judging.judge_task import open_judge
from harness_judges.judging.llmbar import open_llmbar
from harness_judges.judging.metrics import CorrectedShare, LengthControlled, WithLabels
from harness_judges.judging.rubrics import RUBRICS
from support.judged_runs import summaries


def source(path: Path, rows: list[dict[str, object]]) -> DataSource:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return DataSource("path", path.name, (str(path),))


@pytest.mark.parametrize("asked", [Generate, Loglikelihood], ids=["text", "logprobs"])
@pytest.mark.parametrize("judges", [1, 3])
@pytest.mark.parametrize("rubric", sorted(RUBRICS))
def test_judge(rubric, judges, asked, tmp_path):
    names = ["judge", *(f"judge.{place}" for place in range(2, judges + 1))]
    roles = {name: RoleModel("m", name, frozenset({asked})) for name in names}
    task = open_judge(TaskOptions({"rubric": rubric, "repeats": "2"}, roles=roles))
    rows = [{"id": f"d{n}", "document": f"Report {n}.", "policy": "none"} for n in range(5)]
    rows += [{"id": f"t{n}", "turns": ["Hello.", "And now?", "Why?"][: n + 1]} for n in range(3)]
    check_task(task, source(tmp_path / "rows.jsonl", rows))


@pytest.mark.parametrize("asked", [Generate, Loglikelihood], ids=["text", "logprobs"])
def test_arena(asked, tmp_path):
    run = summaries(tmp_path, "base", [f"answer {n}" for n in range(12)])
    roles = {name: RoleModel("m", name, frozenset({asked})) for name in ("judge", "judge.2")}
    task = open_arena(TaskOptions({"baseline": str(run)}, roles=roles))
    rows = [{"id": f"d{n}", "document": f"Report {n}."} for n in range(12)]
    check_task(task, source(tmp_path / "rows.jsonl", rows))


def test_llmbar(tmp_path):
    row = {"input": "Say yes.", "output_1": "yes", "output_2": "no", "label": 1}
    check_task(
        open_llmbar(TaskOptions()),
        source(tmp_path / "rows.jsonl", [row, {**row, "label": "2"}]),
    )


def test_metrics():
    def rows(values: list[object]) -> list[Score]:
        return [Score(str(place), "m", value) for place, value in enumerate(values)]

    corrected = CorrectedShare("m", (36, 40), (15, 20), "κ 0.6 on 60 labels")
    check_metric(corrected, rows([1.0, 0.0] * 20))
    check_metric(corrected, rows([1.0] * 30))
    with_labels = WithLabels("m", (0.0, 1.0), "labels")
    check_metric(with_labels, rows([(1.0, 1.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)] * 30))
    check_metric(with_labels, rows([(1.0, 0.0, 0.0)] * 30))
    controlled = LengthControlled("m")
    assert isinstance(controlled, HasValue), "a comparison takes 400 values: intervals are slow"
    check_metric(controlled, rows([(1.0, 0.3), (0.0, -0.2), (0.5, 0.0)] * 10))
    check_metric(controlled, rows([(1.0, 0.3), (1.0, -0.2)] * 20))
    check_metric(controlled, rows([(0.0, 0.0)] * 20))
