"""Every Eval Ever: a record of aggregates (JSON), and its instances (JSONL) beside it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from harness.authoring.readers import text_files
from harness.errors import DataError
from harness.protocols import ImportedMetric, ImportedRun, ImportedTask
from harness.types import (
    Completion,
    Failed,
    Generate,
    Message,
    Sample,
    SampleRecord,
    ScoreValue,
    Unscored,
)
from harness_importers import reading
from harness_importers.reading import mapping, need, number, sequence, text

_DEPTH = 4
_GROUP = "group."


class EveryEvalEver:
    """See ``harness.protocols.Importer``."""

    def recognises(self, source: Path) -> bool:
        """A record by its keys; a folder by a record in it."""
        if source.is_dir():
            return any(map(_is_record, reading.files_below(source, "*.json", _DEPTH)))
        return _is_record(source)

    def read(self, source: Path) -> Sequence[ImportedRun]:
        """One run a model, with the tasks of all its records."""
        paths = [source]
        if source.is_dir():
            paths = [*filter(_is_record, reading.files_below(source, "*.json", _DEPTH))]
        runs: dict[str, ImportedRun] = {}
        for path in paths:
            run = _run(path)
            earlier = runs[run.model].tasks if run.model in runs else ()
            runs[run.model] = ImportedRun(
                run.model, (*earlier, *run.tasks), run.program, run.facts, run.started
            )
        return list(runs.values())


def _is_record(path: Path) -> bool:
    keys = {"schema_version", "evaluation_id", "model_info", "evaluation_results"}
    return keys <= reading.object_of(path).keys()


def _run(path: Path) -> ImportedRun:
    found = reading.object_of(path)
    model = need(found["model_info"], dict, "model_info", path)
    library = mapping(found.get("eval_library"))
    results = [
        need(each, dict, f"evaluation_results[{place}]", path)
        for place, each in enumerate(need(found["evaluation_results"], list, "results", path))
    ]
    by_task: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for each in results:
        by_task[text(each.get("evaluation_name")) or "task"].append(each)
    instances = _instances(path, found)
    program = f"{text(library.get('name'))} {text(library.get('version'))}".strip()
    return ImportedRun(
        text(model.get("id")) or text(model.get("name")) or "unknown",
        [_task(name, entries, instances) for name, entries in by_task.items()],
        f"{program or 'unknown'} (Every Eval Ever)",
        {},
        text(found.get("evaluation_timestamp")) or None,
    )


# --------------------------------------------------------------------------- aggregates


def _task(
    name: str, results: Sequence[Mapping[str, Any]], instances: Sequence[Mapping[str, Any]]
) -> ImportedTask:
    metrics: dict[str, ImportedMetric] = {}
    keys: dict[str, str] = {}
    counts = []
    for each in results:
        metric = _metric_name(each, metrics)
        metrics[metric] = _metric(each)
        keys[text(each.get("evaluation_result_id"))] = metric
        uncertainty = mapping(mapping(each.get("score_details")).get("uncertainty"))
        counts.append(number(uncertainty.get("num_samples")))
        counts.append(number(mapping(each.get("source_data")).get("samples_number")))
    source = mapping(results[0].get("source_data"))
    where = [source.get("hf_repo") or source.get("dataset_name"), source.get("hf_split")]
    data = "/".join(each for each in where if isinstance(each, str) and each)
    records = _records(name, instances, keys, next(iter(metrics)) if len(metrics) == 1 else None)
    known = [int(each) for each in counts if each is not None and each > 0]
    n = max([*known, len(records)]) or None  # samples that failed are in no metric's count
    return ImportedTask(name, metrics, "unknown", data or name, records, n)


def _metric_name(result: Mapping[str, Any], taken: Mapping[str, object]) -> str:
    config = mapping(result.get("metric_config"))
    named = (text(config.get(each)) for each in ("metric_name", "metric_id", "metric_kind"))
    name = next(filter(None, named), "score")
    return name if name not in taken else f"{name}_{len(taken) + 1}"


def _metric(result: Mapping[str, Any]) -> ImportedMetric:
    config, details = mapping(result.get("metric_config")), mapping(result.get("score_details"))
    uncertainty = mapping(details.get("uncertainty"))
    interval = mapping(uncertainty.get("confidence_interval"))
    error = mapping(uncertainty.get("standard_error"))
    least, most = number(config.get("min_score")), number(config.get("max_score"))
    lower = config.get("lower_is_better")
    if mapping(config.get("additional_details")).get("direction") == "neither":
        lower = None  # the schema has no third direction; our own exporter says it so
    confidence = number(interval.get("confidence_level"))
    return ImportedMetric(
        number(details.get("score")),
        number(error.get("value")),
        number(interval.get("lower")),
        number(interval.get("upper")),
        0.95 if confidence is None else confidence,
        (not lower) if isinstance(lower, bool) else None,
        None if least is None or most is None else (least, most),
        text(interval.get("method")) or text(error.get("method")),
    )


# --------------------------------------------------------------------------- instances


def _instances(path: Path, found: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The rows of the instances' file; only one beside the record is read, wherever it points."""
    named = mapping(found.get("detailed_evaluation_results")).get("file_path")
    names = [f"{path.stem}_samples.jsonl", f"{path.stem}.jsonl"]
    if isinstance(named, str):
        names.insert(0, PurePosixPath(named.replace("\\", "/")).name)
    for name in names:
        beside = path.parent / name
        if name and beside.is_file() and not beside.is_symlink():
            return [
                _row(row, beside, line)
                for line, row in text_files.read_jsonl(beside)
                if row.get("evaluation_id") in (None, found["evaluation_id"])
            ]
    return []


def _row(row: Mapping[str, Any], path: Path, line: int) -> Mapping[str, Any]:
    for name, kind in (("sample_id", str), ("evaluation", dict), ("input", dict)):
        need(row.get(name), kind, name, path, line)
    if number(row["evaluation"].get("score")) is None:
        raise DataError("evaluation.score is no number", path=path, line=line, expected="a number")
    return row


def _records(
    task: str,
    instances: Sequence[Mapping[str, Any]],
    keys: Mapping[str, str],
    only: str | None,
) -> list[SampleRecord]:
    """The task's samples, with the scores of every metric that the rows belong to."""
    found: dict[str, SampleRecord] = {}
    for row in instances:
        key = text(row.get("evaluation_result_id"))
        metric = keys.get(key) if key else None
        if metric is None and text(row.get("evaluation_name")) == task:
            metric = only
        if metric is None:
            continue
        record = _record(row)
        error = text(row.get("error"))
        scores: dict[str, ScoreValue] = {
            metric: Unscored(error) if error else float(row["evaluation"]["score"])
        }
        earlier = found.get(record.sample.id)
        if earlier is not None and metric in earlier.scores:
            raise DataError(
                f"the sample {row['sample_id']!r} of {task} has two scores of {metric}",
                expected="every sample once a metric",
            )
        before = {} if earlier is None else earlier.scores
        found[record.sample.id] = SampleRecord(
            record.sample, record.requests, record.responses, {**before, **scores}
        )
    return list(found.values())


def _record(row: Mapping[str, Any]) -> SampleRecord:
    given = row["input"]
    asked, references = text(given.get("raw")), tuple(map(text, sequence(given.get("reference"))))
    content = row.get("sample_hash") or [asked, *references]
    kept = mapping(row.get("metadata"))
    sample = Sample(
        reading.content_id(row["sample_id"], content),
        asked,
        references,
        tuple(map(text, sequence(given.get("choices")))),
        text(kept.get("cluster")) or None,
        {
            name.removeprefix(_GROUP): text(value)
            for name, value in kept.items()
            if name.startswith(_GROUP)
        },
    )
    prompt = Generate(text(given.get("formatted")) or asked)
    if row.get("error"):
        return SampleRecord(sample, (prompt,), (Failed(text(row["error"])),), {})
    said = [*_said(row)]
    return SampleRecord(sample, (prompt,) * len(said), tuple(map(Completion, said)), {})


def _said(row: Mapping[str, Any]) -> Iterator[str]:
    output = mapping(row.get("output"))
    if output:
        yield from map(text, sequence(output.get("raw")))
        return
    turns = [mapping(each) for each in sequence(row.get("messages"))]
    answers = [Message("assistant", text(each.get("content"))) for each in turns
               if each.get("role") == "assistant"]  # fmt: skip
    if answers:
        yield answers[-1].content


IMPORTER = EveryEvalEver()
