"""The tasks that ship with the harness, opened, asked and read in tests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from harness.protocols import Task, TaskOptions, TaskSpec
from harness.types import DataSource, Generate, Loglikelihood, Sample
from harness_tasks.plugin import harness_register_tasks

SPECS = {
    spec.name: spec
    for spec in harness_register_tasks()
    if isinstance(spec, TaskSpec) and spec.name != "truthfulqa"  # test_presets.py, as the declared
}

QUESTION = Sample(
    "1", "Who?", ("Ann", "Ann B."), metadata={"context": "Ann came.", "title": "Visit"}
)
CHOICE = Sample("1", "2 + 2?", ("four",), ("three", "four"))
FILM = Sample("1", "fine film", ("positive",))


def open_task(
    name: str,
    supports: frozenset[type] = frozenset(),
    templates: Mapping[str, str] | None = None,
    **values: str,
) -> Task:
    # Where there is no sandbox, nothing is run here that a model wrote.
    options = TaskOptions(values, supports, templates or {}, allow_unsafe_code=True)
    return SPECS[name].open(options)


@cache
def plain(name: str) -> Task:
    """The task as it is without options."""
    return open_task(name)


def prompt_of(task: Task, sample: Sample, *shots: Sample) -> str:
    request = task.requests(sample, shots)[0]
    prompt = request.context if isinstance(request, Loglikelihood) else None
    if isinstance(request, Generate):
        prompt = request.prompt
    assert isinstance(prompt, str)
    return prompt


def read(task: Task, *paths: Path) -> list[Sample]:
    return list(task.samples(DataSource("path", "test", tuple(map(str, paths)))))


def write_jsonl(path: Path, rows: list[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def hellaswag_row(**fields: Any) -> dict[str, Any]:
    return {
        "ind": 24,
        "activity_label": "Roof shingle removal",
        "ctx_a": "A man is sitting on a roof.",
        "ctx_b": "he",
        "ctx": "A man is sitting on a roof. he",
        "endings": ["is using wrap.", "[header] is [step]  ripping."],
        "source_id": "activitynet~v_-1IBHYS3L-Y",
        "split": "val",
        "split_type": "indomain",
        "label": "1",
        **fields,
    }
