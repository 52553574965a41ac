"""CSV, LaTeX and Parquet of a run, through the registered formats."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest
from pyarrow import parquet

from harness.authoring.reporting.tables import COLUMNS
from harness.plugins import load
from harness.types import RunResult


def written(name: str, run_folder: tuple[RunResult, Path]) -> Path:
    path = load().reporter(name).open().render(*run_folder)
    assert path is not None
    return path


def test_each_metric_is_a_row_in_every_table(run_folder: tuple[RunResult, Path]) -> None:
    result, _ = run_folder
    expected = {
        (task.name, name): metric.estimate
        for task in result.tasks.values()
        for name, metric in task.metrics.items()
    }
    with open(written("csv", run_folder), newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(COLUMNS)
    assert {(row["task"], row["metric"]): float(row["value"]) for row in rows} == {
        key: pytest.approx(estimate.value) for key, estimate in expected.items()
    }
    table = parquet.read_table(written("parquet", run_folder)).to_pylist()
    found = {(row["task"], row["metric"]): row for row in table}
    assert found.keys() == expected.keys()
    for key, estimate in expected.items():
        assert found[key]["low"] == pytest.approx(estimate.low)
        assert found[key]["n"] == estimate.n
    tex = written("latex", run_folder).read_text(encoding="utf-8")
    assert tex.count("\\\\\n") == len(expected) + 1
    assert r"27.43 $\pm$ 0.61" in tex
    assert r"wmt22\_en\_de & bleu $\uparrow$" in tex


def test_what_is_undefined_is_empty_not_a_number(run_folder: tuple[RunResult, Path]) -> None:
    table = parquet.read_table(written("parquet", run_folder)).to_pylist()
    cells = [cell for row in table for cell in row.values()]
    assert not any(isinstance(cell, float) and math.isnan(cell) for cell in cells)
