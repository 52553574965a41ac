"""The JSON form of a comparison."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from harness.authoring.io.serialization import estimate_to_json, number
from harness.types import Estimate, RunComparison

SCHEMA = 1
FLIPS_KEPT = 50
"""Changed samples of one metric that the document lists, the worst; ``changed`` counts all."""


def comparison_to_json(comparison: RunComparison) -> dict[str, Any]:
    """What ``harness compare --format json`` prints for one candidate."""
    document = {"schema": SCHEMA, **_jsonable(_shortened(comparison))}
    for task, each in zip(comparison.tasks, document["tasks"], strict=True):
        for metric, data in zip(task.metrics, each["metrics"], strict=True):
            data["verdict"] = metric.verdict
            del data["scores"]
    return document


def _shortened(comparison: RunComparison) -> RunComparison:
    """Without what would make the document as long as the runs themselves."""
    tasks = (
        replace(
            task,
            metrics=tuple(
                replace(metric, flips=metric.flips[:FLIPS_KEPT], scores=())
                for metric in task.metrics
            ),
        )
        for task in comparison.tasks
    )
    return replace(comparison, tasks=tuple(tasks))


def _jsonable(value: Any) -> Any:
    if isinstance(value, Estimate):
        return estimate_to_json(value)
    if is_dataclass(value):
        return {each.name: _jsonable(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {key: _jsonable(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [_jsonable(each) for each in value]
    return number(value) if isinstance(value, float) else value
