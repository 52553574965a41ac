"""What this package registers: its tasks. Their metrics are imported when a task is opened."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import harness

if TYPE_CHECKING:
    from harness.authoring.declaration import Declaration
    from harness.authoring.grading import MetricSpec
    from harness.protocols import TaskSpec


@harness.hookimpl
def harness_register_tasks() -> Iterable[TaskSpec | Declaration]:
    """Answers, summaries, translation, sentiment, choices, numbers, entities, perplexity."""
    from harness_tasks import (
        gsm8k,
        language_modeling,
        multiple_choice,
        presets,
        qa,
        sentiment,
        summarization,
        translation,
        truthfulqa,
    )
    from harness_tasks.code import specs as code
    from harness_tasks.conversations import specs as conversations
    from harness_tasks.entities import specs as entities

    return [
        *qa.SPECS,
        *summarization.SPECS,
        *translation.SPECS,
        *sentiment.SPECS,
        *multiple_choice.SPECS,
        *truthfulqa.SPECS,
        *gsm8k.SPECS,
        *entities.SPECS,
        *language_modeling.SPECS,
        *conversations.SPECS,
        *code.SPECS,
        *presets.SPECS,
    ]


@harness.hookimpl
def harness_register_metrics() -> Iterable[MetricSpec]:
    """The metrics of these tasks, and some more, for tasks that harness.toml declares."""
    from harness_tasks import declared_metrics

    return declared_metrics.SPECS
