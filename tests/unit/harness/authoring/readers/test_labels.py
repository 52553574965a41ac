"""What a row's label means: names, numerals, places, and the user's map."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.authoring.readers.labels import Labels
from harness.authoring.readers.rows import Place
from harness.errors import DataError, UsageError
from harness.protocols import TaskOptions

PLACE = Place(Path("rows.jsonl"), 3)


@pytest.mark.parametrize(
    ("names", "value", "expected"),
    [
        ("negative,positive", "positive", "positive"),
        ("negative,positive", "Positive ", "positive"),
        ("negative,positive", 1, "positive"),
        ("negative,positive", "1", "positive"),
        ("negative,positive", 1.0, "positive"),
        ("negative,positive", "0.0", "negative"),
        ("negative,positive", True, "positive"),
        ("1,0", 1, "1"),
        ("1,0", "1", "1"),
        ("1,0", 0.0, "0"),
        ("1,2,3,4,5", 5, "5"),
        ("-1,1", -1, "-1"),
        ("true,false", True, "true"),
        ("a,A", "A", "A"),
    ],
)
def test_a_value_means_one_label_whatever_its_type(
    names: str, value: object, expected: str
) -> None:
    assert Labels(tuple(names.split(","))).name(value, PLACE) == expected


@pytest.mark.parametrize(
    ("names", "value"),
    [
        ("negative,positive", 2),
        ("negative,positive", -1),
        ("negative,positive", 0.5),
        ("negative,positive", "neutral"),
        ("negative,positive", float("inf")),
        ("1,2,3", 0),
        ("b,B", "bb"),
    ],
)
def test_a_value_that_means_none_is_refused(names: str, value: object) -> None:
    with pytest.raises(DataError, match=r"(?s)rows.jsonl, line 3: label .*label_map"):
        Labels(tuple(names.split(","))).name(value, PLACE)


def test_a_map_says_what_values_mean_and_nothing_else_is_guessed() -> None:
    options = TaskOptions({"label_map": "1:negative, 2:positive,a:b:negative"})
    labels = Labels.of(("negative", "positive"), options)
    values = (1, "2", 2.0, "a:b", "positive")
    assert [labels.index(each, PLACE) for each in values] == [0, 1, 1, 0, 1]
    with pytest.raises(DataError, match="label 0"):
        labels.name(0, PLACE)


@pytest.mark.parametrize("text", ["1", "1:neutral", "1:negative,1:positive", ""])
def test_a_malformed_map(text: str) -> None:
    with pytest.raises(UsageError, match=r"(?s)label_map=.*VALUE:LABEL"):
        Labels.of(("negative", "positive"), TaskOptions({"label_map": text}))
