"""Tables of scores: a row a sample, a column ``id``, and a column of numbers a metric.

Further columns are known by name: ``model``, ``task``, ``cluster``, ``input``, ``output``,
``target``, and ``group.ATTRIBUTE``. ``NAME:max`` and ``NAME:min`` say which side is better.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from harness.authoring.readers import rows
from harness.errors import DataError
from harness.protocols import ImportedMetric, ImportedRun, ImportedTask
from harness.types import Completion, Generate, Sample, SampleRecord, ScoreValue, Unscored
from harness_importers import reading
from harness_importers.reading import text

_IDS = ("id", "sample_id", "example_id", "question_id", "doc_id")
_TEXTS = {
    "input": ("input", "prompt", "question"),
    "output": ("output", "response", "prediction", "completion"),
    "target": ("target", "reference", "answer", "expected"),
}
_NAMED = ("model", "task", "cluster", "index", "line", "seed")
_GROUP = "group."
_LOOK = 50


class ScoreTable:
    """See ``harness.protocols.Importer``."""

    def recognises(self, source: Path) -> bool:
        """A file of rows that has an id and numbers."""
        if not source.is_file() or not rows.is_known(source):
            return False
        first = [row for row, _ in islice(rows.read_rows(source), _LOOK)]
        return bool(first) and _id_of(first[0]) is not None and bool(_metrics(first))

    def read(self, source: Path) -> Sequence[ImportedRun]:
        """One run a model that the column ``model`` names; else one, called as the file."""
        found = list(rows.read_rows(source))
        names = _metrics([row for row, _ in found])
        by_model: dict[str, dict[str, list[SampleRecord]]] = defaultdict(lambda: defaultdict(list))
        for row, place in found:
            model = text(row.get("model")) or source.name.partition(".")[0]
            task = text(row.get("task")) or "results"
            by_model[model][task].append(_record(row, names, source, place.line))
        return [
            ImportedRun(
                model,
                [_task(task, records, names) for task, records in tasks.items()],
                "a table of scores",
            )
            for model, tasks in by_model.items()
        ]


@dataclass(frozen=True, slots=True)
class _Metric:
    """A column of numbers: the metric's name and its better side."""

    name: str
    higher_is_better: bool | None


def _id_of(row: Mapping[str, Any]) -> str | None:
    return next((name for name in _IDS if name in row), None)


def _metrics(found: Sequence[Mapping[str, Any]]) -> dict[str, _Metric]:
    """Column → metric, of the columns that hold numbers and nothing else."""
    known = {*_IDS, *_NAMED, *(each for names in _TEXTS.values() for each in names)}
    columns: dict[str, _Metric] = {}
    for column in dict.fromkeys(name for row in found for name in row):
        if not isinstance(column, str) or column in known or column.startswith(_GROUP):
            continue
        values = [_number(row.get(column)) for row in found]
        if any(isinstance(each, float) for each in values) and "no number" not in values:
            name, _, side = column.rpartition(":") if ":" in column else (column, "", "")
            if side not in ("max", "min"):
                name, side = column, ""
            better = side == "max" if side else reading.direction(name)
            columns[column] = _Metric(name.strip() or column, better)
    return columns


def _number(value: Any) -> float | str | None:
    """The number; None for an empty cell; ``no number`` for anything else."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, str):
        bare = value.strip().lower()
        if bare in ("true", "false"):
            return float(bare == "true")
        try:
            value = float(bare)
        except ValueError:
            return "no number"
    found = reading.number(value)
    if found is None:
        return None if isinstance(value, float) and math.isnan(value) else "no number"
    return found


def _text(row: Mapping[str, Any], kind: str) -> str | None:
    found = next((row[name] for name in _TEXTS[kind] if row.get(name) is not None), None)
    return None if found is None else text(found)


def _record(
    row: Mapping[str, Any], metrics: Mapping[str, _Metric], source: Path, line: int | None
) -> SampleRecord:
    column = _id_of(row)
    if column is None or row[column] in (None, ""):
        raise DataError("no id", path=source, line=line, expected="a value in the column id")
    scores: dict[str, ScoreValue] = {}
    for key, metric in metrics.items():
        value = _number(row.get(key))
        scores[metric.name] = value if isinstance(value, float) else Unscored("no value")
    groups = {
        name.removeprefix(_GROUP): text(value)
        for name, value in row.items()
        if name.startswith(_GROUP) and value not in (None, "")
    }
    asked, said, target = (_text(row, kind) for kind in ("input", "output", "target"))
    sample = Sample(
        text(row[column]),
        asked or "",
        () if target is None else (target,),
        cluster=text(row.get("cluster")) or None,
        groups=groups,
    )
    if said is None:
        return SampleRecord(sample, (), (), scores)
    return SampleRecord(sample, (Generate(asked or ""),), (Completion(said),), scores)


def _task(
    name: str, records: Sequence[SampleRecord], metrics: Mapping[str, _Metric]
) -> ImportedTask:
    found = {
        each.name: ImportedMetric(higher_is_better=each.higher_is_better)
        for each in metrics.values()
        if any(isinstance(record.scores.get(each.name), float) for record in records)
    }
    return ImportedTask(name, found, "unknown", name, records)


IMPORTER = ScoreTable()
