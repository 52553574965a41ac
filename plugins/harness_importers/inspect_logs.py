"""Inspect's logs: ``.json``, and ``.eval``, a zip file with an entry a sample."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
from harness_importers.archives import Archive
from harness_importers.reading import mapping, need, number, sequence, text

_GRADES = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}
_WORDS = {"yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
_MEANS = ("accuracy", "mean")
"""Metrics that are the mean of the samples' values."""
_ERRORS = ("stderr", "bootstrap_stderr")


class Inspect:
    """See ``harness.protocols.Importer``."""

    def recognises(self, source: Path) -> bool:
        """A log by its content; a folder by a log in it."""
        if source.is_dir():
            return any(map(_is_log, _logs(source)))
        return _is_log(source)

    def read(self, source: Path) -> Sequence[ImportedRun]:
        """One run a model, with a task a log; of several logs of a task the last by name."""
        runs: dict[str, ImportedRun] = {}
        for path in [source] if source.is_file() else filter(_is_log, _logs(source)):
            run = _run(path)
            before = runs.get(run.model)
            tasks = {task.name: task for task in (*(before.tasks if before else ()), *run.tasks)}
            whole = run.complete and (before is None or before.complete)
            runs[run.model] = ImportedRun(
                run.model, [*tasks.values()], run.program, run.facts, run.started, whole
            )
        return list(runs.values())


def _logs(folder: Path) -> Iterator[Path]:
    yield from reading.files_below(folder, "*.eval", 1)
    yield from reading.files_below(folder, "*.json", 1)


def _is_log(path: Path) -> bool:
    if not path.is_file():
        return False
    if zipfile.is_zipfile(path):
        with Archive(path) as archive:
            return not {"header.json", "_journal/start.json"}.isdisjoint(archive.names)
    found = reading.object_of(path)
    return isinstance(found.get("eval"), dict) and "status" in found


@dataclass(frozen=True, slots=True)
class _Log:
    """A log, however it was stored."""

    header: Mapping[str, Any]
    samples: Sequence[Mapping[str, Any]]
    reductions: Sequence[Any]


def _load(path: Path) -> _Log:
    if not zipfile.is_zipfile(path):
        found = reading.object_of(path)
        return _Log(found, _checked(found.get("samples"), path), sequence(found.get("reductions")))
    with Archive(path) as archive:
        names = [each for each in archive.names if each.startswith("samples/")]
        samples = _checked([archive.json(each) for each in sorted(names)], path)
        if "header.json" not in archive.names:  # it was stopped before its end
            return _Log(mapping(archive.json("_journal/start.json")), samples, ())
        has = "reductions.json" in archive.names
        reductions = sequence(archive.json("reductions.json")) if has else ()
        return _Log(mapping(archive.json("header.json")), samples, reductions)


def _checked(samples: Any, path: Path) -> Sequence[Mapping[str, Any]]:
    for number_, each in enumerate(sequence(samples), 1):
        need(each, dict, f"sample {number_}", path)
        if "id" not in each:
            raise DataError(f"sample {number_} has no id", path=path, expected="a log of Inspect")
    return sequence(samples)


# --------------------------------------------------------------------------- a log


def _run(path: Path) -> ImportedRun:
    log = _load(path)
    asked = need(log.header.get("eval"), dict, "eval", path)
    version = text(mapping(asked.get("packages")).get("inspect_ai")) or "unknown"
    model = text(asked.get("model")) or "unknown"
    return ImportedRun(
        model,
        [_task(log, asked)],
        f"Inspect {version}",
        {},
        text(asked.get("created")) or None,
        log.header.get("status") == "success",
    )


def _task(log: _Log, asked: Mapping[str, Any]) -> ImportedTask:
    dataset = mapping(asked.get("dataset"))
    results = mapping(log.header.get("results"))
    found = [mapping(each) for each in sequence(results.get("scores"))]
    columns = {name: column for score in found for name, column in _columns(score, len(found) > 1)}
    epochs = number(mapping(asked.get("config")).get("epochs")) or 1.0
    total = number(results.get("total_samples"))
    scorers = [text(mapping(each).get("name")) for each in sequence(asked.get("scorers"))]
    settings = {
        "scoring": ", ".join(scorers),
        "task_args": text(asked.get("task_args") or ""),
        "epochs": f"{epochs:g}",
    }
    notes = []
    if epochs > 1:
        notes.append(f"{epochs:g} answers a sample, reduced to one score as Inspect does")
    name = text(asked.get("task_display_name")) or text(asked.get("task")).rpartition("/")[2]
    return ImportedTask(
        name or "task",
        {key: column.metric for key, column in columns.items()},
        text(asked.get("task_version")) or "unknown",
        text(dataset.get("location")) or text(dataset.get("name")) or "unknown",
        _records(log, columns),
        round(total / epochs) if total is not None and total >= 0 else None,
        {key: value for key, value in settings.items() if value},
        notes,
    )


# --------------------------------------------------------------------------- metrics


@dataclass(frozen=True, slots=True)
class _Column:
    """One metric of one scorer.

    Attributes:
        metric: What is published.
        scorer: Under which the samples keep their values; None where it is no mean of them.
        key: Of a value that is an object.
        reducer: How several answers become one.
    """

    metric: ImportedMetric
    scorer: str | None
    key: str
    reducer: str


def _columns(score: Mapping[str, Any], several: bool) -> Iterator[tuple[str, _Column]]:
    metrics = {name: mapping(each) for name, each in mapping(score.get("metrics")).items()}
    name, scorer = text(score.get("name")), text(score.get("scorer"))
    reducer = text(score.get("reducer"))
    errors = [number(mapping(metrics.get(each)).get("value")) for each in _ERRORS]
    error = next((each for each in errors if each is not None), None)
    for metric, published in metrics.items():
        value = number(published.get("value"))
        if metric in _ERRORS or value is None:
            continue
        is_mean = metric in _MEANS
        label = f"{name}_{metric}" if several else metric
        label += f"_{reducer}" if reducer and reducer != "mean" else ""
        found = ImportedMetric(
            value,
            error if is_mean else None,
            higher_is_better=reading.direction(metric),
            bounds=reading.bounds(metric),
        )
        yield label, _Column(found, (scorer or name) if is_mean else None, name, reducer or "mean")


def _value(value: Any, key: str) -> float | None:
    """A score's value as Inspect turns it into a number."""
    if isinstance(value, dict):
        value = value.get(key)
    if isinstance(value, str):
        if value in _GRADES:
            return _GRADES[value]
        if value.lower() in _WORDS:
            return _WORDS[value.lower()]
        try:
            value = float(value)
        except ValueError:
            return None
    return number(value)


def _reduced(log: _Log, column: _Column) -> dict[str, float]:
    """Sample id → the value that several answers were reduced to, where the log keeps it."""
    found: dict[str, float] = {}
    for each in map(mapping, log.reductions):
        if text(each.get("scorer")) not in (column.scorer, column.key):
            continue
        if (text(each.get("reducer")) or "mean") != column.reducer:
            continue
        for sample in map(mapping, sequence(each.get("samples"))):
            value = _value(sample.get("value"), column.key)
            if value is not None and "sample_id" in sample:
                found[text(sample["sample_id"])] = value
    return found


# --------------------------------------------------------------------------- samples


def _records(log: _Log, columns: Mapping[str, _Column]) -> list[SampleRecord]:
    epochs: dict[str, list[Mapping[str, Any]]] = {}
    for sample in log.samples:
        epochs.setdefault(text(sample["id"]), []).append(sample)
    reduced = {name: _reduced(log, column) for name, column in columns.items()}
    found = []
    for key, answers in epochs.items():
        scores = {
            name: _score(answers, column, reduced[name].get(key))
            for name, column in columns.items()
        }
        known = {name: score for name, score in scores.items() if score is not None}
        found.append(_record(answers, known))
    return found


def _score(
    answers: Sequence[Mapping[str, Any]], column: _Column, reduced: float | None
) -> ScoreValue | None:
    """The sample's score: the reduced one, else the mean over its answers."""
    if column.scorer is None:
        return None
    values = []
    for answer in answers:
        scores = mapping(answer.get("scores"))
        kept = mapping(scores.get(column.scorer, scores.get(column.key)))
        value = _value(kept.get("value"), column.key) if kept else None
        if value is not None:
            values.append(value)
    if not values:
        return Unscored("no answer has a score")
    return reduced if reduced is not None else sum(values) / len(values)


def _record(answers: Sequence[Mapping[str, Any]], scores: Mapping[str, ScoreValue]) -> SampleRecord:
    first = answers[0]
    messages = _messages(first.get("input"))
    shown = "\n".join(each.content for each in messages)
    target = first.get("target")
    targets = tuple(map(text, target if isinstance(target, list) else [target or ""]))
    sample = Sample(
        reading.content_id(first["id"], shown, *targets),
        shown,
        targets,
        tuple(map(text, sequence(first.get("choices")))),
    )
    asked = _prompt(first) or messages
    requests, responses = [], []
    for answer in answers:
        requests.append(Generate(asked))
        responses.append(_response(answer))
    failed = all(isinstance(each, Failed) for each in responses)
    kept = [each for each in responses if not isinstance(each, Failed)] if not failed else responses
    return SampleRecord(sample, tuple(requests[: len(kept)]), tuple(kept), scores)


def _response(answer: Mapping[str, Any]) -> Completion | Failed:
    error = answer.get("error")
    if isinstance(error, dict):
        return Failed(text(error.get("message")) or "the sample failed")
    output = mapping(answer.get("output"))
    said = output.get("completion")
    if not isinstance(said, str):
        first = mapping((sequence(output.get("choices")) or [None])[0])
        said = _content(mapping(first.get("message")).get("content"))
    return Completion(said)


def _prompt(answer: Mapping[str, Any]) -> tuple[Message, ...]:
    """What was asked: the conversation up to the first answer."""
    found = []
    for each in map(mapping, sequence(answer.get("messages"))):
        if each.get("role") == "assistant":
            break
        found.append(Message(text(each.get("role")) or "user", _content(each.get("content"))))
    return tuple(found)


def _messages(given: Any) -> tuple[Message, ...]:
    if isinstance(given, list):
        found = [mapping(each) for each in given]
        return tuple(
            Message(text(each.get("role")) or "user", _content(each.get("content")))
            for each in found
        )
    return (Message("user", text(given)),)


def _content(content: Any) -> str:
    """A message's text; parts that are no text are left out."""
    if isinstance(content, list):
        parts = [mapping(each) for each in content]
        return "\n".join(text(each.get("text")) for each in parts if each.get("type") == "text")
    return text(content)


IMPORTER = Inspect()
