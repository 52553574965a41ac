"""HELM: a run's folder, with run_spec.json, stats.json and, of its samples, two more files.

Every split is a task of its own, because HELM publishes a value for each.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.authoring.readers import text_files
from harness.errors import DataError
from harness.protocols import ImportedMetric, ImportedRun, ImportedTask
from harness.types import Completion, Failed, Generate, Sample, SampleRecord
from harness_importers import reading
from harness_importers.reading import mapping, need, number, sequence, text

_BOOKKEEPING = re.compile(
    r"num_|training_|inference_|finish_reason_|batch_size$|prompt_truncated$|max_prob$|logprob"
    r"|perplexity$|bits_per_byte$|predicted_index$|ece_|platt_|selective_|coef|intercept"
)
"""Statistics of the requests, not of the answers' quality; the log-probabilities of what a
generation said are among them."""
_MODEL = re.compile(r"(?:^|(?<=[:,]))model=[^,]*,?|,model=[^,]*$")
_MAIN = "test"


class Helm:
    """See ``harness.protocols.Importer``."""

    def recognises(self, source: Path) -> bool:
        """A run's folder, or a folder of such folders."""
        return source.is_dir() and next(_folders(source), None) is not None

    def read(self, source: Path) -> Sequence[ImportedRun]:
        """One run a model, with a task a folder and split."""
        runs: dict[str, list[ImportedTask]] = defaultdict(list)
        for folder in _folders(source):
            spec = reading.object_of(folder / "run_spec.json")
            adapter = mapping(spec.get("adapter_spec"))
            model = text(adapter.get("model") or adapter.get("model_deployment")) or "unknown"
            runs[model] += _tasks(folder, spec, adapter)
        return [ImportedRun(model, tasks, "HELM") for model, tasks in runs.items()]


def _folders(source: Path) -> Iterator[Path]:
    for path in reading.files_below(source, "run_spec.json", 3):
        if isinstance(reading.object_of(path).get("adapter_spec"), dict):
            yield path.parent


def _list(path: Path) -> list[Mapping[str, Any]]:
    """A list of objects; an empty one where there is no such file."""
    if not path.is_file():
        return []
    found = need(text_files.read_json(path), list, "the document", path)
    return [need(each, dict, f"entry {place}", path) for place, each in enumerate(found, 1)]


@dataclass(frozen=True, slots=True)
class _Stat:
    """One statistic: its name, split, and mean."""

    name: str
    split: str
    mean: float


def _stat(entry: Mapping[str, Any]) -> _Stat | None:
    """A statistic of the samples as they are; those of perturbed ones, and counts, are left out."""
    named = mapping(entry.get("name"))
    name, count = text(named.get("name")), number(entry.get("count"))
    total = number(entry.get("sum"))
    if not name or not count or total is None or _BOOKKEEPING.match(name):
        return None
    if named.get("perturbation") is not None:
        return None
    return _Stat(name, text(named.get("split")), total / count)


def _tasks(
    folder: Path, spec: Mapping[str, Any], adapter: Mapping[str, Any]
) -> Iterator[ImportedTask]:
    published: dict[str, dict[str, ImportedMetric]] = defaultdict(dict)
    for stat in filter(None, map(_stat, _list(folder / "stats.json"))):
        published[stat.split][stat.name] = ImportedMetric(
            stat.mean,
            higher_is_better=_better(stat.name),
            bounds=reading.UNIT if "exact_match" in stat.name else None,
        )
    if not published:
        raise DataError(
            "it holds no statistics", path=folder / "stats.json", expected="a finished run of HELM"
        )
    records = _records(folder, set().union(*published.values()))
    counts = {
        text(mapping(each.get("name")).get("split")): number(each.get("mean"))
        for each in _list(folder / "stats.json")
        if mapping(each.get("name")) == {
            "name": "num_instances", "split": mapping(each.get("name")).get("split")}
    }  # fmt: skip
    name = _MODEL.sub("", text(spec.get("name"))).strip(",:") or folder.name
    scenario = mapping(spec.get("scenario_spec"))
    settings = {
        "num_fewshot": text(adapter.get("max_train_instances")),
        "scoring": text(adapter.get("method")),
        "template": text(adapter.get("instructions")),
    }
    for split, metrics in published.items():
        count = counts.get(split)
        yield ImportedTask(
            name if split in ("", _MAIN) else f"{name}_{split}",
            metrics,
            "unknown",
            f"{text(scenario.get('class_name'))} {text(scenario.get('args'))} {split}".strip(),
            records.get(split, []),
            None if count is None else int(count),
            {key: value for key, value in settings.items() if value},
            [
                "statistics of requests (tokens, times, log-probabilities) and of perturbed "
                "samples are left out"
            ],
        )


def _better(name: str) -> bool | None:
    known = ("exact_match", "f1", "rouge", "bleu", "accuracy", "summac", "math_equiv", "pass",
             "ndcg", "rr@", "recall")  # fmt: skip
    return True if any(each in name.lower() for each in known) else reading.direction(name)


# --------------------------------------------------------------------------- samples


def _records(folder: Path, metrics: set[str]) -> dict[str, list[SampleRecord]]:
    """Split → its samples; the mean of several trials is a sample's score."""
    states: dict[str, Mapping[str, Any]] = {}
    state = reading.object_of(folder / "scenario_state.json")
    for each in map(mapping, sequence(state.get("request_states"))):
        states.setdefault(text(mapping(each.get("instance")).get("id")), each)
    values: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    path = folder / "per_instance_stats.json"
    for place, each in enumerate(_list(path), 1):
        name = text(need(each.get("instance_id"), str, f"instance_id of entry {place}", path))
        for stat in filter(None, map(_stat, map(mapping, sequence(each.get("stats"))))):
            if stat.name in metrics:
                values[name, stat.split][stat.name].append(stat.mean)
    found: dict[str, list[SampleRecord]] = defaultdict(list)
    for (name, split), of_sample in values.items():
        scores = {metric: sum(each) / len(each) for metric, each in of_sample.items()}
        found[split].append(_record(name, scores, states.get(name, {})))
    return found


def _record(name: str, scores: Mapping[str, float], state: Mapping[str, Any]) -> SampleRecord:
    instance = mapping(state.get("instance"))
    asked = text(mapping(instance.get("input")).get("text"))
    references = [mapping(each) for each in sequence(instance.get("references"))]
    texts = [text(mapping(each.get("output")).get("text")) for each in references]
    right = tuple(
        said for said, each in zip(texts, references, strict=True)
        if "correct" in sequence(each.get("tags"))
    )  # fmt: skip
    choices = tuple(texts) if len(texts) > len(right) else ()
    sample = Sample(reading.content_id(name, asked, *texts), asked, right, choices)
    result = mapping(state.get("result"))
    if not result:
        return SampleRecord(sample, (), (), scores)
    prompt = Generate(text(mapping(state.get("request")).get("prompt")))
    if result.get("success") is False:
        return SampleRecord(
            sample, (prompt,), (Failed(text(result.get("error")) or "no answer"),), scores
        )
    said = mapping((sequence(result.get("completions")) or [None])[0])
    return SampleRecord(sample, (prompt,), (Completion(text(said.get("text"))),), scores)


IMPORTER = Helm()
