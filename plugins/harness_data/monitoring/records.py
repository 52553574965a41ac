"""Prompts and answers: logs of production, or the samples of a run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import harness
from harness.authoring.measures.predictions import prompt_text
from harness.authoring.readers import rows
from harness.authoring.readers.rows import Place
from harness.authoring.readers.text_files import Row
from harness.errors import DataError
from harness.types import Completion, Sample

_PROMPTS = ("prompt", "input", "question", "messages")
_ANSWERS = ("response", "answer", "output", "completion")


@dataclass(frozen=True, slots=True)
class Record:
    """One exchange.

    Attributes:
        prompt: What was asked.
        answer: What was answered.
        time: When, as the log writes it; empty where it does not.
        numbers: ``latency``, ``cost`` and other numbers of the row, true as 1; of a run, the
            scores of the sample.
        sample: The exchange as metrics of groundedness read it.
    """

    prompt: str
    answer: str
    time: str
    numbers: Mapping[str, float]
    sample: Sample = field(repr=False)


def read(path: Path) -> list[Record]:
    """The records of a log (rows with a prompt and an answer) or of a run folder.

    Raises:
        DataError: It cannot be read, or has no exchange.
    """
    if path.is_dir() and (path / "results.json").exists():
        found = list(_of_run(path))
    else:
        found = [_of_row(row, place) for row, place in rows.read_rows(path)]
    if not found:
        raise DataError("no prompts and answers", path=path, expected="rows with prompt, response")
    return found


def _of_run(path: Path) -> Iterator[Record]:
    result = harness.read_result(path)
    for task in result.tasks:
        for record in harness.read_samples(path, task):
            first = record.responses[0] if record.responses else None
            if record.probe is None and isinstance(first, Completion):
                numbers = _numbers(record.scores)
                yield Record(prompt_text(record), first.text, "", numbers, record.sample)


def _of_row(row: Row, place: Place) -> Record:
    prompt = next((_text(row[name]) for name in _PROMPTS if row.get(name)), None)
    answer = next((_text(row[name]) for name in _ANSWERS if row.get(name) is not None), None)
    if prompt is None or answer is None:
        raise place.error(
            f"a row with {', '.join(map(str, row))[:100]}",
            f"one of {', '.join(_PROMPTS)}, and one of {', '.join(_ANSWERS)}",
        )
    time = row.get("time") or row.get("timestamp") or ""
    metadata = {name: value for name, value in row.items() if isinstance(value, str | list)}
    sample = Sample(str(place.ordinal), prompt, metadata=metadata)
    return Record(prompt, answer, str(time), _numbers(row), sample)


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    return {
        name: float(value)
        for name, value in values.items()
        if isinstance(value, int | float) and math.isfinite(value)
    }


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(_text(each) for each in value)
    if isinstance(value, dict):
        return str(value.get("content", ""))
    return str(value)
