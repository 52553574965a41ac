"""What ``evaluate`` takes and returns."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import Any

import pytest

from harness import evaluate
from harness.api.evaluation import Evaluation
from harness.authoring.reporting import tables
from harness.errors import UnknownNameError, UsageError
from harness.plugins import Registry
from harness.testing import FakeBackend
from harness.types import Completion, DataSource, Estimate, MetricResult, RunResult, TaskResult
from support.echo import say


@pytest.fixture
def found(registry: Registry, echo_rows: Path, tmp_path: Path) -> Evaluation:
    return evaluate("fake:", "echo", str(echo_rows), registry=registry, out=str(tmp_path / "out"))


def test_a_text_names_the_folder(found: Evaluation, tmp_path: Path) -> None:
    assert found.folder == tmp_path / "out"
    assert (tmp_path / "out/results.json").is_file()
    assert found.tasks["echo"].metrics["match"].estimate.value == 1.0


def test_its_metrics_are_a_data_frame(found: Evaluation) -> None:
    frame = found.to_frame()
    (row,) = frame[frame.metric == "match"].to_dict("records")
    assert (row["task"], row["value"], row["n"], row["run"]) == ("echo", 1.0, 12, found.run_id)
    assert list(frame.columns) == list(tables.COLUMNS)


def test_its_samples_are_rows_with_a_column_a_score(found: Evaluation) -> None:
    frame = found.samples("echo")
    assert len(frame) == 12
    assert list(frame.input) == [f"text {index}" for index in range(12)]
    assert set(frame.match) == {1.0}
    assert frame.response[3] == "text 3"
    assert len(found.samples()) == 12
    assert [record.sample.id for record in found.records()] == list(frame.id)
    with pytest.raises(UnknownNameError, match="Did you mean echo"):
        found.samples("ehco")


def test_it_compares_with_another_and_with_a_folder(
    found: Evaluation, registry: Registry, echo_rows: Path, tmp_path: Path
) -> None:
    worse = FakeBackend(lambda request: Completion("something else"))
    out = tmp_path / "worse"
    other = evaluate(worse, "echo", echo_rows, registry=registry, out=out, cache=False)
    for baseline in (found, found.folder, str(found.folder)):
        (task,) = other.compare(baseline, registry=registry).tasks
        assert task.metrics[0].verdict == "worse"
        assert task.metrics[0].flips[0].input == "text 0"
    with pytest.raises(UsageError, match="no samples"):
        other.compare(RunResult("x", "complete", {}, {}), registry=registry)


def test_a_backend_is_evaluated_and_stays_open(
    registry: Registry, echo_rows: Path, tmp_path: Path
) -> None:
    class Mine(FakeBackend):
        closed = False

        def close(self) -> None:
            self.closed = True

    mine = Mine(say)
    found = evaluate(mine, ["echo"], echo_rows, registry=registry, out=tmp_path / "mine")
    assert found.model["spec"] == "python:Mine"
    assert found.tasks["echo"].n == 12
    assert not mine.closed


def test_what_is_no_model_and_what_is_no_keyword_is_named(
    registry: Registry, echo_rows: Path
) -> None:
    with pytest.raises(UsageError, match="type int cannot be evaluated"):
        evaluate(7, "echo", echo_rows, registry=registry)  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError, match="Did you mean limit"):
        evaluate("fake:", "echo", echo_rows, registry=registry, limits=3)


HOSTILE = "</td><script>alert(1)</script> \\input{x} 50% & _a^b~ \u202e"


def odd() -> Evaluation:
    estimate = Estimate(0.5, math.nan, math.nan, math.nan, 3, "=cmd()")
    task = TaskResult(
        HOSTILE, "1", 3, 0, DataSource("path", "p"), "00", {HOSTILE: MetricResult(estimate)}
    )
    return Evaluation.of(RunResult(HOSTILE, "complete", {"name": "m"}, {HOSTILE: task}), Path())


def test_hostile_names_are_text_in_every_form() -> None:
    shown = odd()._repr_html_()
    assert "<script" not in shown and "&lt;script&gt;" in shown and "\u202e" not in shown
    body = odd().to_latex().split("midrule", 1)[1]
    assert r"\textbackslash{}input\{x\}" in body
    assert r"50\% \& \_a\textasciicircum{}b\textasciitilde{}" in body
    assert body.count("&") - body.count(r"\&") == 4, "five cells"
    text = tables.csv_text([row.cells for row in tables.score_rows(odd())])
    (row,) = csv.DictReader(io.StringIO(text))
    assert row["method"] == "'=cmd()"
    assert (row["value"], row["stderr"]) == ("0.5", "")
    assert odd().to_frame().iloc[0].task == HOSTILE


def test_a_result_without_a_folder_says_so() -> None:
    bare: Any = Evaluation("run", "complete", {}, {})
    with pytest.raises(UsageError, match="no run folder"):
        bare.compare("x")


# --------------------------------------------------------------------------- figures


def drawn(figure: Any) -> list[tuple[list[float], list[float]]]:
    (axes,) = figure.axes
    return [(list(line.get_xdata()), list(line.get_ydata())) for line in axes.lines]


def test_the_forest_plot_draws_each_share_with_its_interval(found: Evaluation) -> None:
    estimate = found.tasks["echo"].metrics["match"].estimate
    figure = found.plot()
    assert ([estimate.low, estimate.high], [0, 0]) in drawn(figure)
    assert ([estimate.value], [0]) in drawn(figure)
    assert figure.axes[0].get_yticklabels()[0].get_text() == "echo.match ↑"
    file = io.BytesIO()
    figure.savefig(file, format="png")
    assert file.getvalue().startswith(b"\x89PNG")


def test_the_history_follows_the_time_of_the_runs(found: Evaluation) -> None:
    import dataclasses

    earlier = dataclasses.replace(found, run_id="$old$", timing={"started": "2020-01-01T00:00:00"})
    figure = found.plot("history", metric="echo.match", others=[earlier])
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert labels[0].startswith(r"\$old\$") and labels[1].startswith(found.run_id)
    assert ([0, 1], [1.0, 1.0]) in drawn(figure)
    with pytest.raises(UsageError, match="none of the runs has nowhere"):
        found.plot("history", metric="nowhere")


def test_what_cannot_be_drawn_is_said(found: Evaluation) -> None:
    with pytest.raises(UsageError, match="no answer of echo has a probability"):
        found.plot("calibration")
    with pytest.raises(UnknownNameError, match="Did you mean forest"):
        found.plot("forrest")  # type: ignore[arg-type]


def test_calibration_is_that_of_the_page(tmp_path: Path) -> None:
    from harness.results import runfolder
    from support.report_runs import build

    build(tmp_path, 120)
    result = Evaluation.of(runfolder.read_result(tmp_path), tmp_path)
    figure = result.plot("calibration")
    assert figure.axes[0].get_title().startswith("bbq, n = ")
    assert len(drawn(figure)) > 3
