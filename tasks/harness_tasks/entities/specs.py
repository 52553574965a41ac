"""The task ``entities`` as it is registered; what it needs is imported when it is opened."""

from __future__ import annotations

from harness.protocols import Task, TaskOptions
from harness_tasks.entities.templates import TEMPLATES
from harness_tasks.specs import spec


def _open(chosen: TaskOptions) -> Task:
    from harness_tasks.entities.task import open_entities

    return open_entities(chosen)


SPECS = (
    spec(
        "entities/entities",
        "named entities of your own texts, by CoNLL's or your own types",
        _open,
        options="Entities",
        templates=TEMPLATES,
    ),
)
