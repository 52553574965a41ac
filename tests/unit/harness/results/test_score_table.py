from __future__ import annotations

import math
import random

import numpy as np
import pytest

from harness.results.score_columns import ScoreColumns, ScoreValues
from harness.results.score_table import ScoredSample, ScoreTable
from harness.types import ScoreValue, Unscored

RNG = random.Random(0)
VALUES: dict[str, list[ScoreValue | None]] = {
    "few": [0.0, -0.0, 1.0, None, Unscored("late"), math.nan] * 3,
    "numbers": [RNG.random() for _ in range(600)],
    "pairs": [(0.0, 1.0, 2.0), (-0.0, 1.0, 2.0)] * 4,
    "statistics": [(RNG.random(), 1.0) for _ in range(600)],
    "whole numbers": [(number, 1) for number in range(300)],
    "mixed": [*(RNG.random() for _ in range(300)), None, Unscored("late"), (1.0,), ("a",), 2.0],
}


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_values_come_back_to_the_last_bit(values: list[ScoreValue | None]) -> None:
    column = ScoreValues(values)
    assert repr(list(column)) == repr(values)
    assert repr([column[place] for place in range(len(values))]) == repr(values)
    places = np.array([3, 1, len(values) - 1])
    assert repr(list(column.take(places))) == repr([values[place] for place in places])


@pytest.mark.parametrize("name", ["numbers", "pairs", "statistics", "few"])
def test_scored_values_become_an_array(name: str) -> None:
    values, column = VALUES[name], ScoreValues(VALUES[name])
    scored = [value is not None and not isinstance(value, Unscored) for value in values]
    assert column.scored.tolist() == scored
    assert column.present.tolist() == [value is not None for value in values]
    found = np.array(column.take(np.flatnonzero(scored)), dtype=np.float64)
    wanted = np.array([each for each, there in zip(values, scored, strict=True) if there])
    assert found.tobytes() == wanted.tobytes()


def test_a_metric_may_begin_and_end_anywhere() -> None:
    columns = ScoreColumns()
    assert columns.add("a", {"m": 1.0}, None, {}, None)
    assert columns.add("b", {"n": 0.5, "m": 0.0}, "cluster", {"side": "left"}, "failed")
    assert columns.add("c", {}, None, {}, None)
    assert list(columns.values("m")) == [1.0, 0.0, None]
    assert list(columns.values("n")) == [None, 0.5, None]
    assert list(columns.values("absent")) == [None] * 3
    table = ScoreTable(columns)
    assert table["b"] == ScoredSample(
        "b", {"m": 0.0, "n": 0.5}, "cluster", {"side": "left"}, "failed"
    )
    assert table["c"] == ScoredSample("c", {})
    assert ("d" in table, list(table), len(table)) == (False, ["a", "b", "c"], 3)


def test_a_sample_has_one_row_unless_more_are_wanted() -> None:
    columns = ScoreColumns()
    assert columns.add("a", {"m": 1.0}, None, {}, None)
    assert not columns.add("a", {"m": 2.0}, None, {}, None)
    assert columns.count == 1
    assert columns.add("b", {"m": 3.0}, None, {}, None)
    assert columns.add("a", {"m": 4.0}, None, {}, None, again=True)
    assert list(columns.row_ids) == ["a", "b", "a"]
    assert list(columns.values("m")) == [1.0, 3.0, 4.0]
