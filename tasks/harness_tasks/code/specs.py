"""The task ``humaneval`` as it is registered; what it needs is imported when it is opened."""

from __future__ import annotations

from harness.protocols import Task, TaskOptions
from harness.types import HubDataset
from harness_tasks.code.templates import TEMPLATES
from harness_tasks.specs import spec


def _open(chosen: TaskOptions) -> Task:
    from harness_tasks.code.task import open_humaneval

    return open_humaneval(chosen)


SPECS = (
    spec(
        "code/humaneval",
        "HumanEval: Python functions from their docstrings, graded by tests in a sandbox",
        _open,
        options="Programs",
        templates=TEMPLATES,
        hub=HubDataset("openai/openai_humaneval", split="test", shots=None),
    ),
)
