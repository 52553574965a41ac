"""What this package registers: its tasks. Their metrics are imported when a task is opened."""

from __future__ import annotations

from collections.abc import Iterable

import harness
from harness.protocols import TaskSpec
from harness_tasks import (
    entities,
    gsm8k,
    language_modeling,
    multiple_choice,
    qa,
    sentiment,
    summarization,
    translation,
)


@harness.hookimpl
def harness_register_tasks() -> Iterable[TaskSpec]:
    """Answers, summaries, translation, sentiment, choices, numbers, entities, perplexity."""
    return [
        *qa.SPECS,
        *summarization.SPECS,
        *translation.SPECS,
        *sentiment.SPECS,
        *multiple_choice.SPECS,
        *gsm8k.SPECS,
        *entities.SPECS,
        *language_modeling.SPECS,
    ]
