"""Run folders as a run writes them, with scores that a test chooses."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.authoring.metrics import Corpus, Mean
from harness.protocols import Metric
from harness.results import runfolder
from harness.scoring import aggregation
from harness.types import (
    Completion,
    DataSource,
    Estimate,
    GateVerdict,
    Generate,
    MetricResults,
    RunResult,
    Sample,
    SampleRecord,
    ScoreValue,
    TaskResult,
    Unscored,
)

Scores = Mapping[str, Mapping[str, ScoreValue]]
MakeRun = Callable[..., Path]


def balanced(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean recall of two classes, from (right of a, of a, right of b, of b)."""
    with np.errstate(invalid="ignore"):
        return (sums[:, 0] / sums[:, 1] + sums[:, 2] / sums[:, 3]) / 2


METRICS: tuple[Metric, ...] = (
    Mean("accuracy"),
    Mean("f1"),
    Mean("brier", higher_is_better=False),
    Mean("share", higher_is_better=None),
    Mean("length"),
    Mean("share_right", bounds=(0.0, 1.0)),
    Corpus("recall_macro", balanced),
)
"""What the task ``quiz`` reports, where a sample has it."""


def record(
    name: str, scores: Mapping[str, ScoreValue], cluster: str | None, group: str | None
) -> SampleRecord:
    answer = "yes" if scores.get("accuracy") == 1.0 else f"no <b>{name}</b>"
    sample = Sample(
        name,
        f"question {name}",
        ("yes",),
        cluster=cluster,
        groups={"topic": group} if group else {},
    )
    return SampleRecord(
        sample, (Generate(f"Q: question {name}\nA:"),), (Completion(answer),), scores
    )


def by_topic(
    metrics: Sequence[Metric], records: Sequence[SampleRecord]
) -> dict[str, MetricResults]:
    members: dict[str, list[SampleRecord]] = {}
    for each in records:
        if "topic" in each.sample.groups:
            members.setdefault(each.sample.groups["topic"], []).append(each)
    return {topic: aggregation.estimate(metrics, found) for topic, found in members.items()}


def run_maker(root: Path) -> MakeRun:
    """Returns ``make(name, scores, …)``, which writes a run folder below ``root``."""

    def make(
        name: str,
        scores: Scores,
        *,
        task: str = "quiz",
        clusters: Mapping[str, str] | None = None,
        groups: Mapping[str, str] | None = None,
        status: Any = "complete",
        version: str = "1",
        data_sha256: str = "d" * 64,
        settings: Mapping[str, str] | None = None,
        scored_by: tuple[str, ...] = (),
        probes: Mapping[str, Mapping[str, Mapping[str, Estimate]]] | None = None,
        gate: GateVerdict | None = None,
        samples: bool = True,
        known: Sequence[Metric] | None = None,
    ) -> Path:
        folder = root / name
        records = [
            record(each, values, (clusters or {}).get(each), (groups or {}).get(each))
            for each, values in scores.items()
        ]
        present = {metric for values in scores.values() for metric in values}
        metrics = [metric for metric in known or METRICS if metric.name in present]
        result = TaskResult(
            task,
            version,
            len(records),
            sum(each.error is not None for each in records),
            DataSource("path", "quiz.jsonl", ("quiz.jsonl",)),
            data_sha256,
            aggregation.estimate(metrics, records),
            groups={"topic": by_topic(metrics, records)} if groups else {},
            settings=settings or {"num_fewshot": "0", "template": "default"},
            scored_by=scored_by,
            probes=probes or {},
        )
        if samples:
            runfolder.write_samples(folder, task, records)
        run = RunResult(name, status, {"name": f"model of {name}"}, {task: result}, gate=gate)
        runfolder.write_result(folder, run)
        (folder / "run.json").write_text(json.dumps({"spec": {"seed": 3, "model": "m"}}))
        return folder

    return make


def binary(n: int, right: Sequence[int] | range, metric: str = "accuracy") -> dict[str, Any]:
    """0/1 scores of n samples; those in ``right`` score 1."""
    chosen = set(right)
    return {f"s{index:04}": {metric: float(index in chosen)} for index in range(n)}


def numbers(values: Sequence[float] | NDArray[np.float64], metric: str = "f1") -> dict[str, Any]:
    """Scores that are numbers."""
    return {f"s{index:04}": {metric: float(value)} for index, value in enumerate(values)}


def unscored(scores: Scores, names: Sequence[str]) -> dict[str, Any]:
    """The scores, with those samples' answers impossible to parse."""
    return {
        name: dict.fromkeys(values, Unscored("no answer found")) if name in names else values
        for name, values in scores.items()
    }
