"""Every Eval Ever, schema 0.3.0: a record of a run's metrics, and its samples as JSON Lines."""

from __future__ import annotations

import hashlib
import json
import math
import re
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.authoring import option_models
from harness.authoring.io.files import read_bytes, replacing, write_json
from harness.authoring.measures.predictions import prompt_text, response_text
from harness.protocols import ExportedRun, ExportOptions
from harness.types import Completion, MetricResult, RunResult, SampleRecord, TaskResult
from harness_tracking.numbers import Number, metrics
from harness_tracking.settings import EveryEvalEverSettings

SCHEMA = "0.3.0"
_BOUND = {math.inf: "Infinity", -math.inf: "-Infinity"}


def open_exporter(options: ExportOptions) -> EveryEvalEver:
    """The exporter.

    Raises:
        UnknownNameError: An option has a value that is not one of those known.
    """
    assert options.out is not None
    settings = option_models.read(EveryEvalEverSettings, options.values, "eee")
    return EveryEvalEver(options.out, settings)


class EveryEvalEver:
    """See ``harness.protocols.Exporter``."""

    def __init__(self, out: Path, settings: EveryEvalEverSettings) -> None:
        self._out, self._settings = out, settings

    def export(self, run: ExportedRun) -> str:
        """A record, and its instances where the run holds samples, at their places in ``data/``.

        The folder is laid out as the collection's repository; the same run has the same names.
        """
        stamp = f"{datetime.now(UTC).timestamp():.0f}"
        record = self._record(run, stamp)
        place = _place(run.result, record["model_info"]["id"])
        path = self._out / f"{place}.json"
        instances = self._out / f"{place}_samples.jsonl"
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        rows = 0
        if self._settings.samples == "yes":
            with replacing(instances) as file:
                for row in _instances(run, record):
                    file.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")
                    rows += 1
        if rows:
            record["detailed_evaluation_results"] = {
                "format": "jsonl",
                "file_path": f"{place}_samples.jsonl",
                "hash_algorithm": "sha256",
                "checksum": hashlib.sha256(read_bytes(instances)).hexdigest(),
                "total_rows": rows,
            }
        else:
            instances.unlink(missing_ok=True)
        write_json(path, record)
        found = len(record["evaluation_results"])
        return f"{path}, {found} results and {rows:,} instances"

    def _record(self, run: ExportedRun, stamp: str) -> dict[str, Any]:
        import harness

        result = run.result
        given = self._settings.model_id or str(
            result.model.get("spec", result.model.get("name", "unknown"))
        )
        started = result.timing.get("started")
        return {
            "schema_version": SCHEMA,
            "evaluation_id": f"{_plain(result.run_id)}/{_plain(given)}/{stamp}",
            **({"evaluation_timestamp": str(started)} if started else {}),
            "retrieved_timestamp": stamp,
            "source_metadata": {
                "source_name": result.run_id,
                "source_type": "evaluation_run",
                "source_organization_name": self._settings.organization,
                "evaluator_relationship": self._settings.relationship,
            },
            "eval_library": _library(result, harness.__version__),
            "model_info": {
                "name": str(result.model.get("name", given)),
                "id": given,
                "additional_details": {
                    "deployment_type": "unknown",
                    "model_availability": "unknown",
                    "fingerprint": str(result.model.get("fingerprint", "")),
                },
            },
            "evaluation_results": [_result(each) for each in metrics(result)],
        }


def _plain(text: str) -> str:
    return re.sub(r"[^\w.:-]+", "_", text).strip("_.") or "run"


def _place(result: RunResult, model_id: str) -> str:
    """``data/BENCHMARK/DEVELOPER/MODEL/UUID``: where the collection keeps a record."""
    benchmark = next(iter(result.tasks)) if len(result.tasks) == 1 else "evalign"
    developer, _, model = model_id.rpartition("/")
    known = json.dumps([result.run_id, model_id, sorted(result.tasks), dict(result.timing)])
    name = uuid.UUID(bytes=hashlib.sha256(known.encode()).digest()[:16], version=4)
    parts = (benchmark, developer or "unknown", model)
    return "/".join(["data", *map(_plain, parts), str(name)])


def _library(result: RunResult, version: str) -> dict[str, str]:
    """The program that measured: another's, where the run was imported."""
    program = result.model.get("imported_from")
    if not isinstance(program, str):
        return {"name": "evalign", "version": version}
    name, _, found = program.removesuffix(" (Every Eval Ever)").rpartition(" ")
    return {"name": name or found, "version": found if name else "unknown"}


# --------------------------------------------------------------------------- aggregates


def _key(task: TaskResult, metric: str) -> str:
    return f"{task.name}/{metric}"


def _result(number: Number) -> dict[str, Any]:
    task, found, metric = number.task, number.estimate, number.result
    assert metric is not None
    if math.isfinite(found.value):
        score, undefined = found.value, {}
    else:  # the schema wants a number
        score, undefined = 0.0, {"undefined": "true"}
    return {
        "evaluation_result_id": _key(task, number.metric),
        "evaluation_name": task.name,
        "source_data": _source(task),
        "metric_config": _config(number.metric, metric),
        "score_details": {
            "score": score,
            "details": {"method": found.method, **undefined},
            "uncertainty": _uncertainty(number),
        },
        "generation_config": {
            "additional_details": {name: str(value) for name, value in task.settings.items()}
        },
    }


def _uncertainty(number: Number) -> dict[str, Any]:
    found = number.estimate
    uncertainty: dict[str, Any] = {"num_samples": found.n}
    if math.isfinite(found.stderr):
        uncertainty["standard_error"] = {"value": found.stderr, "method": found.method}
    if math.isfinite(found.low) and math.isfinite(found.high):
        uncertainty["confidence_interval"] = {
            "lower": found.low,
            "upper": found.high,
            "confidence_level": 0.95,
            "method": found.method,
        }
    return uncertainty


def _config(name: str, metric: MetricResult) -> dict[str, Any]:
    better = metric.higher_is_better
    details = {"kind": str(metric.kind)}
    if better is None:
        details["direction"] = "neither"
    if metric.ideal is not None:
        details["ideal"] = repr(metric.ideal)
    if metric.signature is not None:
        details["signature"] = metric.signature
    least, most = metric.bounds or (None, None)
    return {
        "metric_id": name,
        "metric_name": name,
        "lower_is_better": better is False,
        "score_type": "continuous",
        "min_score": _bound(least),
        "max_score": _bound(most),
        "additional_details": details,
    }


def _bound(end: float | None) -> float | str | None:
    return None if end is None else _BOUND.get(end, end)


def _source(task: TaskResult) -> dict[str, Any]:
    details = {"sha256": task.data_sha256, "task_version": str(task.version)}
    hub = task.data.hub
    if hub is not None:
        return {
            "dataset_name": hub.path if hub.name is None else f"{hub.path}/{hub.name}",
            "source_type": "hf_dataset",
            "hf_repo": hub.path,
            "hf_split": hub.split,
            "samples_number": task.n,
            "additional_details": details,
        }
    return {
        "dataset_name": task.data.label,
        "source_type": "other",
        "additional_details": {**details, "samples_number": str(task.n)},
    }


# --------------------------------------------------------------------------- instances


def _instances(run: ExportedRun, record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A row a sample and metric that is the mean of the samples' scores."""
    for task in run.result.tasks.values():
        named = [name for name, metric in task.metrics.items() if metric.kind in ("mean", None)]
        for sample in run.records(task.name):
            for name in named:
                score = sample.scores.get(name)
                if isinstance(score, float) and math.isfinite(score):
                    yield _row(record, task, name, sample, score, None)
                elif sample.error is not None:
                    yield _row(record, task, name, sample, 0.0, sample.error)


def _row(
    record: Mapping[str, Any],
    task: TaskResult,
    metric: str,
    sample: SampleRecord,
    score: float,
    error: str | None,
) -> dict[str, Any]:
    answers = [each.text for each in sample.responses if isinstance(each, Completion)]
    said = response_text(sample)
    raw, reference = sample.sample.input, list(sample.sample.targets)
    content = json.dumps([raw, reference], ensure_ascii=False)
    kept = {"cluster": sample.sample.cluster or ""}
    kept |= {f"group.{name}": value for name, value in sample.sample.groups.items()}
    metadata = {name: value for name, value in kept.items() if value}
    return {
        "schema_version": SCHEMA,
        "evaluation_id": record["evaluation_id"],
        "model_id": record["model_info"]["id"],
        "evaluation_name": task.name,
        "evaluation_result_id": _key(task, metric),
        "sample_id": sample.sample.id,
        "sample_hash": hashlib.sha256(content.encode("utf-8", "replace")).hexdigest(),
        "interaction_type": "single_turn",
        "input": {
            "raw": raw,
            "formatted": prompt_text(sample),
            "reference": reference,
            "choices": list(sample.sample.choices) or None,
        },
        "output": {"raw": answers or [said]},
        "messages": None,
        "answer_attribution": [
            {
                "turn_idx": 0,
                "source": "output.raw",
                "extracted_value": said,
                "extraction_method": str(task.settings.get("scoring", "custom")),
                "is_terminal": True,
            }
        ],
        "evaluation": {"score": score, "is_correct": error is None and score >= 1.0},
        **({"error": error} if error is not None else {}),
        **({"metadata": metadata} if metadata else {}),
    }
