"""promptfoo: the JSON of ``promptfoo eval --output results.json``, version 3 of its results."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.protocols import ImportedMetric, ImportedRun, ImportedTask
from harness.types import Completion, Failed, Generate, Sample, SampleRecord, ScoreValue, Unscored
from harness_importers import reading
from harness_importers.reading import mapping, need, number, sequence, text

_ERROR = 2
"""``failureReason`` of a test that could not be run; an assertion that failed has 1."""


class Promptfoo:
    """See ``harness.protocols.Importer``."""

    def recognises(self, source: Path) -> bool:
        """By the results' rows."""
        found = reading.object_of(source) if source.is_file() else {}
        rows = sequence(mapping(found.get("results")).get("results"))
        return bool(rows) and {"testIdx", "success"} <= mapping(rows[0]).keys()

    def read(self, source: Path) -> Sequence[ImportedRun]:
        """One run a provider; with several prompts, one a provider and prompt."""
        found = reading.object_of(source)
        results = mapping(found.get("results"))
        rows = [
            need(each, dict, f"results[{place}]", source)
            for place, each in enumerate(sequence(results.get("results")))
        ]
        prompts = [mapping(each) for each in sequence(results.get("prompts"))]
        by_prompt: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
        for row in rows:
            by_prompt[int(number(row.get("promptIdx")) or 0)].append(row)
        names = [_model(of_prompt[0]) for of_prompt in by_prompt.values()]
        runs = []
        for index, of_prompt in by_prompt.items():
            prompt = prompts[index] if 0 <= index < len(prompts) else {}
            model = _model(of_prompt[0])
            if names.count(model) > 1:
                label = text(mapping(of_prompt[0].get("prompt")).get("label"))
                model = f"{model} | prompt {index}: {label[:60]}"
            config = mapping(found.get("config"))
            started = text(results.get("timestamp")) or None
            runs.append(
                ImportedRun(model, [_task(config, prompt, of_prompt)], "promptfoo", {}, started)
            )
        return runs


def _model(row: Mapping[str, Any]) -> str:
    provider = row.get("provider")
    if isinstance(provider, dict):
        return text(provider.get("label")) or text(provider.get("id")) or "unknown"
    return text(provider) or "unknown"


def _task(
    config: Mapping[str, Any], prompt: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]
) -> ImportedTask:
    published = mapping(prompt.get("metrics"))
    passed, failed = (number(published.get(f"test{each}Count")) for each in ("Pass", "Fail"))
    judged = (passed or 0.0) + (failed or 0.0)
    rate = passed / judged if passed is not None and judged else None
    metrics = {
        "passed": ImportedMetric(rate, higher_is_better=True, bounds=reading.UNIT),
        "score": ImportedMetric(higher_is_better=True),
    }
    for row in rows:
        for name in mapping(row.get("namedScores")):  # of assertions: what holds scores 1
            metrics.setdefault(text(name), ImportedMetric(higher_is_better=True))
    records = [_record(row) for row in rows]
    unique = {each.sample.id for each in records}
    if len(unique) < len(records):  # --repeat: every answer is kept, its test is their cluster
        records = [_repeated(each, place) for place, each in enumerate(records)]
    return ImportedTask(
        text(config.get("description")) or "promptfoo",
        metrics,
        "unknown",
        text(config.get("description")) or "promptfoo",
        records,
    )


def _record(row: Mapping[str, Any]) -> SampleRecord:
    case = mapping(row.get("testCase"))
    asked = row.get("vars") or mapping(case.get("vars"))
    sample = Sample(
        reading.content_id(row.get("testIdx"), asked, case.get("assert")),
        text(case.get("description")) or text(asked),
    )
    prompt = Generate(text(mapping(row.get("prompt")).get("raw")))
    said = text(mapping(row.get("response")).get("output"))
    names = ["passed", "score", *map(text, mapping(row.get("namedScores")))]
    if row.get("failureReason") == _ERROR or (row.get("error") and not row.get("response")):
        reason = text(row.get("error")) or "the test could not be run"
        unscored: dict[str, ScoreValue] = dict.fromkeys(names, Unscored(reason))
        return SampleRecord(sample, (prompt,), (Failed(reason),), unscored)
    scores: dict[str, ScoreValue] = {"passed": float(row.get("success") is True)}
    given = {"score": row.get("score"), **mapping(row.get("namedScores"))}
    scores |= {text(name): value for name, each in given.items()
               if (value := number(each)) is not None}  # fmt: skip
    return SampleRecord(sample, (prompt,), (Completion(said),), scores)


def _repeated(record: SampleRecord, place: int) -> SampleRecord:
    from dataclasses import replace

    name = record.sample.id
    sample = replace(record.sample, id=f"{name}-{place}", cluster=name)
    return replace(record, sample=sample)


IMPORTER = Promptfoo()
