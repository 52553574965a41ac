"""What a model answers outside a run: texts, and log-probabilities of texts."""

from __future__ import annotations

from collections.abc import Sequence

from harness import ModelConfig, Registry, ask
from harness.errors import ModelError
from harness.types import Completion, Failed, Generate, Logprob, Request

TASK = "alignment"
"""The task name under which models are asked."""


def texts(
    model: ModelConfig, registry: Registry, requests: Sequence[Generate]
) -> list[Completion | None]:
    """The completions; None where the model failed.

    Raises:
        ModelError: It failed everywhere; says why it did the first time.
    """
    answers = ask(model, requests, task=TASK, registry=registry)
    failed = [each.reason for each in answers if isinstance(each, Failed)]
    if failed and len(failed) == len(answers):
        raise ModelError(f"{model.model} answered none of {len(failed):,} prompts: {failed[0]}")
    return [each if isinstance(each, Completion) else None for each in answers]


def logprobs(
    model: ModelConfig, registry: Registry, requests: Sequence[Request]
) -> list[Logprob | None]:
    """The log-probabilities; None where the model failed."""
    answers = ask(model, requests, task=TASK, registry=registry)
    return [each if isinstance(each, Logprob) else None for each in answers]
