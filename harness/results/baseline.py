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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias

from harness import regular_files
from harness.authoring.io import files, serialization
from harness.authoring.measures.predictions import prompt_text, response_text
from harness.authoring.measures.repeats import mean_of
from harness.errors import DataError
from harness.results import manifest, result_json, runfolder
from harness.types import BaselineRun, RunResult, SampleRecord, ScoreValue

FORMAT = "evalign-baseline"
SCHEMA = 1
_GZIP_MAGIC = b"\x1f\x8b"
_LARGEST = 2 << 30  # bytes after decompression; a small file could otherwise fill the memory


@dataclass(frozen=True, slots=True)
class ScoredSample:
    """One sample's scores; its texts (``prompt`` and below) where they are wanted and kept."""

    id: str
    scores: Mapping[str, ScoreValue]
    cluster: str | None = None
    groups: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None
    prompt: str | None = None
    response: str | None = None
    input: str | None = None
    targets: tuple[str, ...] = ()


Texts: TypeAlias = bool | Literal["on demand"]
"""Whether a run is read with its samples' texts; ``on demand``: with those that are shown."""


@dataclass(frozen=True, slots=True)
class SampleTexts:
    """Reads the texts of some samples of a run folder, each once.

    Attributes:
        folder: The run folder.
        places: Task → sample id → first byte, and byte after the last, of the line of its first
            answer in the task's file of samples.
    """

    folder: Path
    places: Mapping[str, Mapping[str, tuple[int, int]]]
    _read: dict[tuple[str, str], ScoredSample] = field(default_factory=dict)

    def of(self, task: str, ids: Iterable[str]) -> dict[str, ScoredSample]:
        """The samples with their texts; ids that have no line of their own are left out.

        Raises:
            DataError: A line cannot be read, or the file has changed since it was opened first.
        """
        places = self.places.get(task, {})
        known = [each for each in ids if each in places]
        spans = sorted((places[each], each) for each in known if (task, each) not in self._read)
        records = runfolder.read_samples(self.folder, task, [span for span, _ in spans])
        for (_, name), record in zip(spans, records, strict=True):
            if record.sample.id != name:
                path = runfolder.samples_file(self.folder, task)
                raise DataError("it has changed while it was read", path=path)
            self._read[task, name] = _scored_sample(record, texts=True)
        return {each: self._read[task, each] for each in known}


@dataclass(frozen=True, slots=True)
class ScoredRun:
    """A run's result with its samples' scores.

    Attributes:
        result: What results.json holds.
        samples: Task → sample id → scores of the original samples (no probe's variants). A task
            whose samples were not kept has no entry.
        spec: The settings of the run, from run.json; empty where unknown.
        git_commit: Of the folder in which the run was made, where that is known.
        texts: Reads the samples' texts; None where ``samples`` hold those that there are.
    """

    result: RunResult
    samples: Mapping[str, Mapping[str, ScoredSample]]
    spec: Mapping[str, Any] = field(default_factory=dict)
    git_commit: str | None = None
    texts: SampleTexts | None = field(default=None, repr=False, compare=False)

    def with_texts(self, task: str, ids: Iterable[str]) -> Mapping[str, ScoredSample]:
        """Samples by id, among them these with their texts, where the run has them.

        Raises:
            DataError: A line of the file of samples cannot be read, or has changed.
        """
        samples = self.samples[task]
        return samples if self.texts is None else {**samples, **self.texts.of(task, ids)}


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


def load_run(path: Path, texts: Texts = False) -> ScoredRun:
    """Reads a run folder, its results.json, or a baseline file.

    Args:
        path: Any of the three.
        texts: Keep prompts and responses, where they are there; of a run folder ``on demand``
            leaves them in the file, from which ``ScoredRun.with_texts`` reads those asked for.

    Raises:
        DataError: It cannot be read, or a baseline's content does not match its hash.
    """
    try:
        if not path.is_dir():
            with regular_files.open_binary(path) as file:
                if file.read(2) == _GZIP_MAGIC:
                    return _read_baseline(path, bool(texts))
    except OSError as error:
        raise DataError(
            error.strerror or str(error), path=path, expected="a run folder or a baseline file"
        ) from error
    return _read_folder(path, texts)


def _read_folder(path: Path, texts: Texts) -> ScoredRun:
    result = runfolder.read_result(path)
    folder = path if path.is_dir() else path.parent
    samples: dict[str, dict[str, ScoredSample]] = {}
    places: dict[str, dict[str, tuple[int, int]]] = {}
    for task in result.tasks:
        if runfolder.samples_file(folder, task).is_file():
            found = places.setdefault(task, {})
            samples[task] = _scored(folder, task, texts is True, found)
    if not runfolder.is_checked(folder):
        for task, read in samples.items():
            _check_count(folder, task, len(read), result.tasks[task].n)
    run = folder / "run.json"
    made = manifest.read_run(run) if run.is_file() else {"spec": {}, "git_commit": None}
    reader = SampleTexts(folder, places) if texts == "on demand" else None
    return ScoredRun(result, samples, made["spec"], made["git_commit"], reader)


def _check_count(folder: Path, task: str, found: int, n: int) -> None:
    """What is known of a folder that was written before there were manifests."""
    if found != n:
        raise DataError(
            f"{found:,} samples, and results.json counts {n:,}",
            path=runfolder.samples_file(folder, task),
            expected="the folder as the run wrote it; run it again",
        )


def _scored(
    folder: Path, task: str, texts: bool, places: dict[str, tuple[int, int]]
) -> dict[str, ScoredSample]:
    """The original samples; a hundred thousand lines are read in seconds, so no records are made.

    Only texts need them. Otherwise it is noted in ``places`` where each sample's first line is.
    """
    if texts:
        return scored_samples(runfolder.read_samples(folder, task), texts=True)

    def originals() -> Iterator[tuple[int, ScoredSample]]:
        for start, end, row in runfolder.read_scores(folder, task):
            if row["probe"] is None:
                repeat = row.get("repeat", 0)
                if not repeat:
                    places[row["id"]] = (start, end)
                yield repeat, _sample_back(row, texts=False)

    return _by_sample(originals())


def scored_samples(records: Iterable[SampleRecord], texts: bool = False) -> dict[str, ScoredSample]:
    """Sample id → scores of the original samples among the records, as their file keeps them."""
    return _by_sample(
        (record.repeat, _scored_sample(record, texts)) for record in records if record.probe is None
    )


def _scored_sample(record: SampleRecord, texts: bool) -> ScoredSample:
    return ScoredSample(
        record.sample.id,
        {name: serialization.kept_score(value) for name, value in record.scores.items()},
        record.sample.cluster,
        record.sample.groups,
        record.error,
        prompt_text(record) if texts else None,
        response_text(record) if texts else None,
        record.sample.input if texts else None,
        record.sample.targets if texts else (),
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


def _sample_back(row: Mapping[str, Any], texts: bool) -> ScoredSample:
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
