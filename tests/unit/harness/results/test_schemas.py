"""The types of untrusted files have the fields of the values that are made of them."""

from __future__ import annotations

from dataclasses import fields

import pytest
from pydantic import BaseModel

from harness import types
from harness.results import schemas


def names(value: type) -> set[str]:
    return {each.name for each in fields(value)}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (schemas.Estimate, names(types.Estimate)),
        (schemas.Usage, names(types.Usage)),
        (schemas.Gate, names(types.GateVerdict)),
        (schemas.BaselineRun, names(types.BaselineRun)),
        (schemas.MetricChange, names(types.MetricChange)),
    ],
    ids=lambda each: each.__name__ if isinstance(each, type) else "",
)
def test_a_schema_has_the_fields_of_its_value(schema: type[BaseModel], expected: set[str]) -> None:
    assert set(schema.model_fields) == expected


def test_a_rules_evidence_lies_flat_in_its_row() -> None:
    rule = names(types.RuleVerdict) - {"evidence"}
    not_written = {"higher_is_better", "points", "ideal", "stderr"}
    evidence = names(types.Evidence) - not_written
    assert set(schemas.Rule.model_fields) == rule | evidence
