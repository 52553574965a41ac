"""lm-evaluation-harness: ``results_DATE.json``, and ``samples_TASK_DATE.jsonl`` beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.authoring.readers import text_files
from harness.errors import DataError
from harness.protocols import ImportedMetric, ImportedRun, ImportedTask
from harness.types import (
    Completion,
    Generate,
    Loglikelihood,
    Logprob,
    Request,
    Response,
    RollingLoglikelihood,
    Sample,
    SampleRecord,
    ScoreValue,
)
from harness_importers import reading
from harness_importers.reading import mapping, need, number, sequence, text

_STDERR = "_stderr"
_DEPTH = 3
_LONGEST = 180
"""Characters of a task's name that can be part of a file's."""


class LmEval:
    """See ``harness.protocols.Importer``."""

    def recognises(self, source: Path) -> bool:
        """A results file by its keys; a folder by such a file in it."""
        if source.is_dir():
            return any(_is_results(each) for each in _result_files(source))
        return _is_results(source)

    def read(self, source: Path) -> Sequence[ImportedRun]:
        """One run a model; of several results of a task the newest."""
        files = [source] if source.is_file() else [*filter(_is_results, _result_files(source))]
        dated = sorted(files, key=lambda path: number(reading.object_of(path).get("date")) or 0.0)
        runs: dict[str, ImportedRun] = {}
        for path in dated:
            run = _run(path)
            earlier = runs[run.model].tasks if run.model in runs else ()
            tasks = {task.name: task for task in (*earlier, *run.tasks)}
            runs[run.model] = ImportedRun(
                run.model, list(tasks.values()), run.program, run.facts, run.started
            )
        return list(runs.values())


def _result_files(folder: Path) -> Iterator[Path]:
    yield from reading.files_below(folder, "results*.json", _DEPTH)


def _is_results(path: Path) -> bool:
    found = reading.object_of(path)
    return isinstance(found.get("results"), dict) and (
        "lm_eval_version" in found or {"versions", "n-shot"} <= found.keys()
    )


def _run(path: Path) -> ImportedRun:
    found = reading.object_of(path)
    config = mapping(found.get("config"))
    results = need(found["results"], dict, "results", path)
    names = [*results, *(each for each in mapping(found.get("groups")) if each not in results)]
    tasks = [_task(path, found, name) for name in names]
    facts = {"backend": text(config.get("model")), "dtype": text(config.get("model_dtype")),
             "revision": text(config.get("model_sha"))}  # fmt: skip
    return ImportedRun(
        _model(found, config),
        [task for task in tasks if task.metrics],
        f"lm-evaluation-harness {text(found.get('lm_eval_version')) or 'unknown'}",
        {name: value for name, value in facts.items() if value},
        _date(found.get("date")),
    )


def _date(value: Any) -> str | None:
    from datetime import UTC, datetime

    seconds = number(value)
    if seconds is None or not 0 <= seconds < 1e11:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _model(found: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    """The model's name, or what its arguments say."""
    named = found.get("model_name")
    if isinstance(named, str) and named:
        return named
    given = config.get("model_args")
    if isinstance(given, str):
        given = dict(each.partition("=")[::2] for each in given.split(","))
    given = mapping(given)
    return text(given.get("pretrained") or given.get("model") or config.get("model")) or "unknown"


# --------------------------------------------------------------------------- tasks


def _task(path: Path, found: Mapping[str, Any], name: str) -> ImportedTask:
    published = {
        **mapping(mapping(found.get("groups")).get(name)),
        **mapping(found["results"].get(name)),
    }
    config = mapping(mapping(found.get("configs")).get(name))
    metrics = dict(_metrics(published, mapping(mapping(found.get("higher_is_better")).get(name))))
    samples = _samples(path, name)
    records = [] if samples is None else _records(samples, metrics)
    members = _members(found, name)
    n = sum(_count(found, each) for each in members or [name]) or None
    shots = mapping(found.get("n-shot")).get(name)
    template = config.get("doc_to_text")
    settings = {
        "num_fewshot": text(shots),
        "template": template if isinstance(template, str) else "",
        "chat_template": "yes" if found.get("chat_template") else "",
        "output_type": text(config.get("output_type")),
    }
    notes = [f"a group of {', '.join(members)}"] if members else []
    return ImportedTask(
        name,
        metrics,
        text(mapping(found.get("versions")).get(name)) or "unknown",
        _data(config) if not members else f"the group {name}",
        records,
        n,
        {key: value for key, value in settings.items() if value},
        notes,
    )


def _samples(path: Path, name: str) -> Path | None:
    """The task's samples of the same date; a name that is a path leads nowhere."""
    date = path.stem.removeprefix("results_")
    if date == path.stem or {"/", "\\", "\0"} & set(name) or len(name) > _LONGEST:
        return None
    beside = path.with_name(f"samples_{name}_{date}.jsonl")
    return beside if beside.is_file() and not beside.is_symlink() else None


def _members(found: Mapping[str, Any], name: str) -> list[str]:
    """The tasks of a group, those of groups within it too; a circle ends at what was seen."""
    subtasks = mapping(found.get("group_subtasks"))
    members: dict[str, None] = {}
    seen, waiting = {name}, [name]
    while waiting:
        for each in sequence(subtasks.get(waiting.pop())):
            if isinstance(each, str) and each not in seen:
                seen.add(each)
                if sequence(subtasks.get(each)):
                    waiting.append(each)
                else:
                    members[each] = None
    return list(members)


def _count(found: Mapping[str, Any], name: str) -> int:
    count = number(mapping(mapping(found.get("n-samples")).get(name)).get("effective"))
    return int(count) if count is not None and count >= 0 else 0


def _data(config: Mapping[str, Any]) -> str:
    parts = [config.get("dataset_path"), config.get("dataset_name"),
             config.get("test_split") or config.get("validation_split")]  # fmt: skip
    return "/".join(each for each in parts if isinstance(each, str) and each) or "unknown"


def _metrics(
    published: Mapping[str, Any], higher: Mapping[str, Any]
) -> Iterator[tuple[str, ImportedMetric]]:
    """(name, what is published); ``exact_match,strict-match``, and ``acc`` without a filter."""
    for key, value in published.items():
        metric, _, chosen = key.partition(",")
        if metric.endswith(_STDERR) or number(value) is None or "," not in key:
            continue
        up = higher.get(metric)
        yield (
            _name(metric, chosen),
            ImportedMetric(
                number(value),
                number(published.get(f"{metric}{_STDERR},{chosen}")),
                higher_is_better=up if isinstance(up, bool) else reading.direction(metric),
                bounds=reading.bounds(metric),
            ),
        )


def _name(metric: str, chosen: str) -> str:
    return metric if chosen in ("", "none") else f"{metric},{chosen}"


# --------------------------------------------------------------------------- samples


@dataclass(slots=True)
class _Document:
    """One document of the data set, with the scores of all its filters."""

    row: Mapping[str, Any]
    scores: dict[str, ScoreValue] = field(default_factory=dict)


def _records(path: Path, metrics: Mapping[str, ImportedMetric]) -> list[SampleRecord]:
    documents: dict[str, _Document] = {}
    for line, row in text_files.read_jsonl(path):
        if "doc_id" not in row:
            raise DataError(
                "no doc_id", path=path, line=line, expected="a sample as lm-eval writes it"
            )
        content = row.get("doc_hash") or row.get("doc")
        name = reading.content_id(row["doc_id"], content)
        document = documents.setdefault(name, _Document(row))
        chosen = text(row.get("filter"))
        for metric in metrics:
            plain, _, filtered = metric.partition(",")
            value = number(row.get(plain))
            if filtered == ("" if chosen == "none" else chosen) and value is not None:
                if metric in document.scores:
                    raise DataError(
                        f"document {text(row['doc_id'])!r} stands there twice",
                        path=path,
                        line=line,
                        expected="every document once a filter",
                    )
                document.scores[metric] = value
    return [_record(name, each) for name, each in documents.items()]


def _record(name: str, document: _Document) -> SampleRecord:
    row = document.row
    asked = [*_asked(row)]
    prompt = _prompt(asked[0][0]) if asked else ""
    target = row.get("target")
    targets = sequence(target) or ([] if target is None else [target])
    sample = Sample(name, prompt, tuple(map(text, targets)))
    requests, responses = zip(*asked, strict=True) if asked else ((), ())
    return SampleRecord(sample, requests, responses, document.scores)


def _prompt(request: Request) -> str:
    """The text that was asked; all that this reads is plain text."""
    match request:
        case Generate(str(prompt)) | Loglikelihood(str(prompt)) | RollingLoglikelihood(prompt):
            return prompt
    return ""


def _asked(row: Mapping[str, Any]) -> Iterator[tuple[Request, Response]]:
    """The requests with their answers, as far as the two can be read."""
    given = row.get("arguments")
    arguments = [*given.values()] if isinstance(given, dict) else [*sequence(given)]
    for each, answers in zip(arguments, sequence(row.get("resps")), strict=False):
        values = [*each.values()] if isinstance(each, dict) else [*sequence(each)]
        answer = sequence(answers)[0] if sequence(answers) else None
        if not values or not isinstance(values[0], str):
            continue
        if isinstance(answer, str):
            yield Generate(values[0]), Completion(answer)
        elif isinstance(answer, list) and len(answer) == 2:
            total = _log_probability(answer[0])
            greedy = str(answer[1]) == "True"
            if total is not None and len(values) > 1 and isinstance(values[1], str):
                yield Loglikelihood(values[0], values[1]), Logprob(total, 0, greedy)
        elif (total := _log_probability(answer)) is not None:
            yield RollingLoglikelihood(values[0]), Logprob(total, 0, False)


def _log_probability(value: Any) -> float | None:
    """A log-probability, which newer versions write as a text."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    return number(value)


IMPORTER = LmEval()
