"""Results to JSON and back: the content of results.json."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

from harness.authoring.io.gate_json import gate_from_json, gate_to_json
from harness.authoring.io.serialization import (
    JSON,
    estimate_from_json,
    estimate_to_json,
    number,
    spent_to_json,
)
from harness.types import (
    Comparisons,
    DataSource,
    HubDataset,
    MetricResult,
    RoleResult,
    RunResult,
    Spent,
    TaskResult,
    Usage,
)

SCHEMA = 2
"""The version of results.json; 2: its folder ends with a manifest. All earlier ones are read."""


def _metric(result: MetricResult) -> JSON:
    optional = {
        "signature": result.signature,
        "ideal": result.ideal,
        "kind": result.kind,
        "bounds": None if result.bounds is None else list(map(number, result.bounds)),
        "calibration": result.calibration,
    }
    return (
        estimate_to_json(result.estimate)
        | {"higher_is_better": result.higher_is_better}
        | {name: value for name, value in optional.items() if value is not None}
    )


def _metric_back(data: JSON) -> MetricResult:
    bounds = data.get("bounds")
    return MetricResult(
        estimate_from_json(data),
        data["higher_is_better"],
        data.get("signature"),
        data.get("ideal"),
        data.get("kind"),
        None if bounds is None else _bounds(*bounds),
        data.get("calibration"),
    )


def _bounds(low: float | None, high: float | None) -> tuple[float, float]:
    """Bounds as they were; JSON has no infinity."""
    return (-math.inf if low is None else float(low), math.inf if high is None else float(high))


def _source(source: DataSource, sha256: str) -> JSON:
    data: JSON = {"source": source.label, "sha256": sha256, "kind": source.kind}
    if source.paths:
        data["paths"] = list(source.paths)
    if source.hub is not None:
        data["hub"] = dataclasses.asdict(source.hub)
    if source.columns:
        data["columns"] = dict(source.columns)
    return data


def _source_back(data: JSON) -> DataSource:
    hub = HubDataset(**data["hub"]) if "hub" in data else None
    columns = tuple(data.get("columns", {}).items())
    return DataSource(data["kind"], data["source"], tuple(data.get("paths", ())), hub, columns)


def _comparisons(compared: Comparisons) -> JSON:
    return {
        name: {
            metric: {measure: estimate_to_json(value) for measure, value in measures.items()}
            for metric, measures in metrics.items()
        }
        for name, metrics in compared.items()
    }


def _comparisons_back(data: JSON) -> Comparisons:
    return {
        name: {
            metric: {measure: estimate_from_json(value) for measure, value in measures.items()}
            for metric, measures in metrics.items()
        }
        for name, metrics in data.items()
    }


def _task(task: TaskResult) -> JSON:
    return {
        "version": task.version,
        "n": task.n,
        "errors": task.errors,
        "failure": task.failure,
        "data": _source(task.data, task.data_sha256),
        "settings": dict(task.settings),
        "scored_by": list(task.scored_by),
        "notes": list(task.notes),
        "metrics": {name: _metric(result) for name, result in task.metrics.items()},
        "groups": {
            attribute: {
                group: {name: _metric(result) for name, result in metrics.items()}
                for group, metrics in groups.items()
            }
            for attribute, groups in task.groups.items()
        },
        "fairness": _comparisons(task.fairness),
        "probes": _comparisons(task.probes),
        "skipped_variants": {name: dict(counts) for name, counts in task.skipped_variants.items()},
        **(_repeats(task) if task.repeats > 1 else {}),
    }


def _repeats(task: TaskResult) -> JSON:
    reduced = {
        metric: {name: estimate_to_json(value) for name, value in measures.items()}
        for metric, measures in task.reduced.items()
    }
    return {"repeats": task.repeats, "reduced": reduced}


def _task_back(name: str, data: JSON) -> TaskResult:
    return TaskResult(
        name=name,
        version=data["version"],
        n=data["n"],
        errors=data["errors"],
        failure=data.get("failure"),
        data=_source_back(data["data"]),
        data_sha256=data["data"]["sha256"],
        metrics={key: _metric_back(value) for key, value in data["metrics"].items()},
        groups={
            attribute: {
                group: {key: _metric_back(value) for key, value in metrics.items()}
                for group, metrics in groups.items()
            }
            for attribute, groups in data["groups"].items()
        },
        fairness=_comparisons_back(data.get("fairness", {})),
        probes=_comparisons_back(data["probes"]),
        skipped_variants=data.get("skipped_variants", {}),
        settings=data["settings"],
        scored_by=tuple(data.get("scored_by", ())),
        notes=tuple(data["notes"]),
        repeats=data.get("repeats", 1),
        reduced={
            metric: {key: estimate_from_json(value) for key, value in measures.items()}
            for metric, measures in data.get("reduced", {}).items()
        },
    )


def result_to_json(result: RunResult) -> JSON:
    """The content of results.json."""
    return {
        "schema": SCHEMA,
        "run_id": result.run_id,
        "status": result.status,
        "model": dict(result.model),
        "tasks": {name: _task(task) for name, task in result.tasks.items()},
        "gate": None if result.gate is None else gate_to_json(result.gate),
        "timing": dict(result.timing),
        "usage": dataclasses.asdict(result.usage),
        **({"roles": _roles(result.roles)} if result.roles else {}),
        **({} if result.spent is None else {"spent": spent_to_json(result.spent)}),
    }


def _roles(roles: Mapping[str, RoleResult]) -> JSON:
    return {
        role: {"model": dict(each.model), "usage": dataclasses.asdict(each.usage)}
        for role, each in roles.items()
    }


def result_from_json(data: JSON) -> RunResult:
    """The inverse of ``result_to_json``.

    Raises:
        ValueError: The file has a newer schema.
    """
    if not data["schema"] <= SCHEMA:
        raise ValueError(f"schema {data['schema']!r}, expected at most {SCHEMA}")
    return RunResult(
        run_id=data["run_id"],
        status=data["status"],
        model=data["model"],
        tasks={name: _task_back(name, task) for name, task in data["tasks"].items()},
        timing=data["timing"],
        usage=Usage(**data["usage"]),
        gate=None if data["gate"] is None else gate_from_json(data["gate"]),
        roles={
            role: RoleResult(each["model"], Usage(**each["usage"]))
            for role, each in data.get("roles", {}).items()
        },
        spent=Spent(**data["spent"]) if data.get("spent") else None,
    )
