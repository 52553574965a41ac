"""The answers that a run gave, as people and judges see them: one a sample."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from harness import read_samples
from harness.types import MODEL, Completion, Generate, Prompt, SampleRecord

USER, ASSISTANT = "User:", "Assistant:"


def first_answers(run: Path, task: str) -> Iterator[SampleRecord]:
    """The task's samples in a run folder without probes' variants, each with its first answer.

    Raises:
        DataError: The samples cannot be read.
    """
    for record in read_samples(run if run.is_dir() else run.parent, task):
        if record.probe is None and not record.repeat:
            yield record


def text_of(record: SampleRecord) -> str | None:
    """What the model said; None where it failed or generated nothing.

    Of a conversation it is all from the first answer on, with what the user said in between.
    """
    said = [each.text for each in record.responses if isinstance(each, Completion)]
    if not said or record.error is not None:
        return None
    turns = [
        (_last_turn(ask.request.prompt), response.text)
        for asked in record.later_rounds
        for ask, response in zip(asked.asks, asked.responses, strict=True)
        if ask.role == MODEL
        and isinstance(ask.request, Generate)
        and isinstance(response, Completion)
    ]
    return conversation(said[-1], turns)


def conversation(first: str, turns: Iterable[tuple[str, str]]) -> str:
    """The first answer, then each further turn of the user with its answer."""
    return "\n\n".join(
        [first, *(f"{USER} {said}\n\n{ASSISTANT} {answer}" for said, answer in turns)]
    )


def is_conversation(text: str) -> bool:
    """Whether ``text_of`` made it of several turns; then no model should learn to write it all."""
    return f"\n\n{USER} " in text and f"\n\n{ASSISTANT} " in text


def _last_turn(prompt: Prompt) -> str:
    """What the user says last."""
    if isinstance(prompt, str):
        return prompt.rpartition(USER)[2].removesuffix(ASSISTANT).strip()
    return next((each.content for each in reversed(prompt) if each.role == "user"), "")
