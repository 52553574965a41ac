"""Scored runs, from a run folder or from a baseline file: what comparisons and gates read.

A baseline file is one gzipped JSON document, small enough for git or a CI artifact:

    {"format": "evalign-baseline", "schema": 1, "sha256": …, "content": {result, spec, samples}}

``sha256`` is the hash of ``content``, so that an edited score is noticed. The same run always
gives the same bytes.
"""

from __future__ import annotations

import gzip
import json
import zlib
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from harness import regular_files
from harness.authoring.io import files, serialization
from harness.authoring.measures.predictions import prompt_text, response_text
from harness.authoring.measures.repeats import mean_of
from harness.errors import DataError
from harness.results import manifest, result_json, runfolder
from harness.results.score_columns import ScoreColumns
from harness.results.score_table import ScoredSample, ScoreTable
from harness.types import BaselineRun, RunResult, SampleRecord, ScoreValue

FORMAT = "evalign-baseline"
SCHEMA = 1
_GZIP_MAGIC = b"\x1f\x8b"
_LARGEST = 2 << 30  # bytes after decompression; a small file could otherwise fill the memory


@dataclass(frozen=True, slots=True)
class ScoredRun:
    """A run's result with its samples' scores.

    Attributes:
        result: What results.json holds.
        samples: Task → sample id → scores of the original samples (no probe's variants). A task
            whose samples were not kept has no entry.
        spec: The settings of the run, from run.json; empty where unknown.
        git_commit: Of the folder in which the run was made, where that is known.
    """

    result: RunResult
    samples: Mapping[str, Mapping[str, ScoredSample]]
    spec: Mapping[str, Any] = field(default_factory=dict)
    git_commit: str | None = None


def described(
    run: ScoredRun, path: str | None = None, later: ScoredRun | None = None
) -> BaselineRun:
    """When and of which commit a run is; its age where ``later`` is the run compared with it."""
    started = run.result.timing.get("started")
    return BaselineRun(
        run.result.run_id,
        path,
        started if isinstance(started, str) else None,
        run.git_commit,
        None if later is None else _days(started, later.result.timing.get("started")),
    )


def _days(earlier: object, later: object) -> int | None:
    """Whole days between two ISO 8601 times."""
    try:
        return (datetime.fromisoformat(str(later)) - datetime.fromisoformat(str(earlier))).days
    except (TypeError, ValueError):
        return None


# --------------------------------------------------------------------------- reading


def load_run(path: Path, texts: bool = False) -> ScoredRun:
    """Reads a run folder, its results.json, or a baseline file.

    Args:
        path: Any of the three.
        texts: Keep prompts and responses, where they are there.

    Raises:
        DataError: It cannot be read, or a baseline's content does not match its hash.
    """
    try:
        if not path.is_dir():
            with regular_files.open_binary(path) as file:
                if file.read(2) == _GZIP_MAGIC:
                    return _read_baseline(path, texts)
    except OSError as error:
        raise DataError(
            error.strerror or str(error), path=path, expected="a run folder or a baseline file"
        ) from error
    return _read_folder(path, texts)


def _read_folder(path: Path, texts: bool) -> ScoredRun:
    result = runfolder.read_result(path)
    folder = path if path.is_dir() else path.parent
    samples = {
        task: _scored(folder, task, texts)
        for task in result.tasks
        if (folder / "samples" / f"{task}.jsonl").is_file()
    }
    if not runfolder.is_checked(folder):
        for task, read in samples.items():
            _check_count(folder, task, len(read), result.tasks[task].n)
    run = folder / "run.json"
    made = manifest.read_run(run) if run.is_file() else {"spec": {}, "git_commit": None}
    return ScoredRun(result, samples, made["spec"], made["git_commit"])


def _check_count(folder: Path, task: str, found: int, n: int) -> None:
    """What is known of a folder that was written before there were manifests."""
    if found != n:
        raise DataError(
            f"{found:,} samples, and results.json counts {n:,}",
            path=folder / "samples" / f"{task}.jsonl",
            expected="the folder as the run wrote it; run it again",
        )


def _scored(folder: Path, task: str, texts: bool) -> Mapping[str, ScoredSample]:
    """The original samples; texts are read when a sample is asked for."""
    columns, spans = ScoreColumns(), array("Q")
    for span, row in runfolder.read_scores(folder, task):
        if row["probe"] is not None:
            continue
        scores = {
            name: serialization.score_from_json(value) for name, value in row["scores"].items()
        }
        if row.get("repeat", 0) or not columns.add(
            row["id"], scores, row["cluster"], row["groups"], row.get("error")
        ):
            return _with_repeats(folder, task, texts)
        if texts:
            spans.extend(span)
    reader = _TextsOf(folder.absolute(), task, columns.ids, spans) if texts else None
    return ScoreTable(columns, reader)


def _with_repeats(folder: Path, task: str, texts: bool) -> dict[str, ScoredSample]:
    """The original samples of which some were asked several times."""
    if texts:
        return scored_samples(runfolder.read_samples(folder, task), texts=True)
    return _by_sample(
        (row.get("repeat", 0), _sample_back(row))
        for _, row in runfolder.read_scores(folder, task)
        if row["probe"] is None
    )


@dataclass(frozen=True, slots=True)
class _TextsOf:
    """Reads samples with their texts; ``spans`` hold the ends of each one's line in the file.

    Raises:
        DataError: A line cannot be read, or the file has changed since it was opened first.
    """

    folder: Path
    task: str
    ids: Sequence[str]
    spans: array[int]

    def __call__(self, place: int) -> ScoredSample:
        span = (self.spans[2 * place], self.spans[2 * place + 1])
        records = runfolder.read_samples(self.folder, self.task, [span])
        found = scored_samples(records, texts=True)
        if list(found) != [self.ids[place]]:
            path = runfolder.samples_file(self.folder, self.task)
            raise DataError("it has changed while it was read", path=path)
        return found[self.ids[place]]


def scored_samples(records: Iterable[SampleRecord], texts: bool = False) -> dict[str, ScoredSample]:
    """Sample id → scores of the original samples among the records, as their file keeps them."""
    return _by_sample(
        (
            record.repeat,
            ScoredSample(
                record.sample.id,
                {name: serialization.kept_score(value) for name, value in record.scores.items()},
                record.sample.cluster,
                record.sample.groups,
                record.error,
                prompt_text(record) if texts else None,
                response_text(record) if texts else None,
                record.sample.input if texts else None,
                record.sample.targets if texts else (),
            ),
        )
        for record in records
        if record.probe is None
    )


def _by_sample(originals: Iterable[tuple[int, ScoredSample]]) -> dict[str, ScoredSample]:
    """Puts the repeats of each sample together."""
    asked: dict[str, list[ScoredSample]] = {}
    for _, sample in sorted(originals, key=lambda each: each[0]):
        asked.setdefault(sample.id, []).append(sample)
    found = {name: first for name, (first, *_) in asked.items()}
    for first, *repeats in asked.values():
        if repeats:
            found |= _together(first, repeats)
    return found


def _together(first: ScoredSample, repeats: Sequence[ScoredSample]) -> dict[str, ScoredSample]:
    """A sample that was asked several times, as one: the mean of each score that is a number.

    Statistics of corpus metrics cannot be averaged: those of further repeats stand under ids of
    their own, in one cluster with the first.
    """
    every = (first, *repeats)
    names = dict.fromkeys(name for each in every for name in each.scores)
    scores: dict[str, ScoreValue] = {}
    for name in names:
        values = [each.scores[name] for each in every if name in each.scores]
        scores[name] = mean_of(values)
    error = next((each.error for each in every if each.error is not None), None)
    found = {first.id: replace(first, scores=scores, error=error)}
    cluster = first.cluster or first.id
    for number, each in enumerate(repeats, start=1):
        statistics = {key: value for key, value in each.scores.items() if isinstance(value, tuple)}
        if statistics:
            name = f"{first.id}#{number}"
            found[name] = replace(each, id=name, scores=statistics, cluster=cluster, error=None)
            found[first.id] = replace(found[first.id], cluster=cluster)
    return found


def _read_baseline(path: Path, texts: bool) -> ScoredRun:
    from pydantic import ValidationError

    from harness.results import schemas

    expected = "a file that `harness baseline save` wrote"
    try:
        with gzip.open(path) as file:
            raw = file.read(_LARGEST + 1)
        if len(raw) > _LARGEST:
            raise DataError("more than 2 GiB of content", path=path, expected=expected)
        schemas.Baseline.model_validate_json(raw)
        document = json.loads(raw)
        content = document["content"]
        if serialization.canonical_hash(content) != document["sha256"]:
            raise DataError(
                "the content does not match its hash: the file was edited or damaged",
                path=path,
                expected="an unchanged baseline; save it again from its run",
            )
        samples = {
            task: {row["id"]: _sample_back(row, texts) for row in rows}
            for task, rows in content["samples"].items()
        }
        result = result_json.result_from_json(content["result"])
        return ScoredRun(result, samples, content["spec"], content.get("git_commit"))
    except ValidationError as error:
        raise DataError(
            f"not a baseline: {schemas.explain(error)}", path=path, expected=expected
        ) from error
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise DataError(f"not a baseline: {error!r}", path=path, expected=expected) from error


# --------------------------------------------------------------------------- writing


def save_baseline(run: Path, file: Path, with_prompts: bool = False) -> ScoredRun:
    """Writes the run as a baseline file and returns what it holds.

    Args:
        run: A run folder.
        file: The file to write; overwritten whole or not at all.
        with_prompts: Also keep prompts and responses, so that changed samples can be read.

    Raises:
        DataError: The run cannot be read, is incomplete, or a task's samples are missing.
    """
    scored = load_run(run, texts=with_prompts)
    if scored.result.status != "complete":
        raise DataError("the run is incomplete", path=run, expected="a run that reached its end")
    absent = [task for task in scored.result.tasks if task not in scored.samples]
    if absent:
        raise DataError(
            f"no samples of {', '.join(absent)}",
            path=run,
            expected=f"samples/{absent[0]}.jsonl, which the run folder holds as it was written",
        )
    files.write_atomically(file, baseline_bytes(scored), files.SHARED)
    return scored


def baseline_bytes(run: ScoredRun) -> bytes:
    """The baseline file's content; equal for equal runs."""
    content = {
        "result": result_json.result_to_json(run.result),
        "spec": dict(run.spec),
        **({} if run.git_commit is None else {"git_commit": run.git_commit}),
        "samples": {
            task: [_sample_to_json(sample) for sample in samples.values()]
            for task, samples in run.samples.items()
        },
    }
    document = {
        "format": FORMAT,
        "schema": SCHEMA,
        "sha256": serialization.canonical_hash(content),
        "content": content,
    }
    text = json.dumps(document, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return gzip.compress(text.encode(), compresslevel=9, mtime=0)


def _sample_to_json(sample: ScoredSample) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": sample.id,
        "scores": {
            name: serialization.score_to_json(value) for name, value in sample.scores.items()
        },
    }
    optional = {
        "cluster": sample.cluster,
        "groups": dict(sample.groups) or None,
        "error": sample.error,
        "prompt": sample.prompt,
        "response": sample.response,
        "input": sample.input,
        "targets": list(sample.targets) or None,
    }
    return row | {key: value for key, value in optional.items() if value is not None}


def _sample_back(row: Mapping[str, Any], texts: bool = False) -> ScoredSample:
    return ScoredSample(
        row["id"],
        {name: serialization.score_from_json(value) for name, value in row["scores"].items()},
        row.get("cluster"),
        row.get("groups", {}),
        row.get("error"),
        row.get("prompt") if texts else None,
        row.get("response") if texts else None,
        row.get("input") if texts else None,
        tuple(row.get("targets", ())) if texts else (),
    )
