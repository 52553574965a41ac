"""The task ``chat`` as it is registered; what it needs is imported when it is opened."""

from __future__ import annotations

from harness.authoring.options import lazily
from harness.protocols import Task, TaskOptions, TaskSpec
from harness_tasks.specs import SAMPLES


def _open(chosen: TaskOptions) -> Task:
    from harness_tasks.conversations.task import open_chat

    return open_chat(chosen)


SPECS = (
    TaskSpec(
        "chat",
        "conversations of several turns, scored turn by turn by references and rules",
        _open,
        sample_data=SAMPLES / "conversations" / "chat.jsonl",
        options=lazily("harness_tasks.settings", "Conversations"),
    ),
)
