"""Conversations that are judged turn by turn, with the model's own answers in between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.authoring.readers.rows import Place
from harness.authoring.readers.text_files import Row
from harness.types import Generate, Message, Sample, Sampling
from harness_judges.answers import ASSISTANT, USER

_KEYS = frozenset({"user", "reference", "rules"})
"""Of a turn of the task ``chat``; what ``rules`` ask for is told without a judge."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What the user says, and a reference answer, empty where there is none."""

    user: str
    reference: str = ""


def read(row: Row, place: Place) -> list[Turn]:
    """The turns of a row as ``chat`` has them: texts, with references beside them, or objects.

    Raises:
        DataError: They are something else.
    """
    given = place.field(row, "turns", list)
    beside = row.get("reference")
    references = beside if isinstance(beside, list) else []
    turns = []
    for number, each in enumerate(given):
        turn = {"user": each} if isinstance(each, str) else each
        if not isinstance(turn, dict) or not isinstance(turn.get("user"), str):
            raise place.error(f"turn {number + 1} has no text", "a text, or an object with 'user'")
        if not turn["user"].strip():
            raise place.error(f"turn {number + 1} is empty", "what the user says")
        if unknown := sorted(turn.keys() - _KEYS):
            raise place.error(
                f"turn {number + 1} has the key {unknown[0]!r}", " and ".join(sorted(_KEYS))
            )
        reference = turn.get("reference", references[number] if number < len(references) else None)
        texts = reference if isinstance(reference, list) else [reference or ""]
        if not all(isinstance(text, str) for text in texts):
            raise place.error(
                f"the reference of turn {number + 1} is no text", "a text, or several"
            )
        turns.append(Turn(turn["user"], "\nor: ".join(texts)))
    if not turns:
        raise place.error("there are no turns", "at least one turn of the user")
    return turns


def stored(turns: Sequence[Turn], system: str | None) -> dict[str, Any]:
    """As a sample's metadata keep them."""
    kept = [[each.user, each.reference] for each in turns]
    return {"turns": kept, "system": system or ""}


def of(sample: Sample) -> list[Turn]:
    """The turns of a sample, of which a probe may have changed the first; none of a plain one."""
    kept: Any = sample.metadata.get("turns")
    if not isinstance(kept, list):
        return []
    turns = [Turn(*each) for each in kept]
    return [Turn(sample.input, turns[0].reference), *turns[1:]]


def question(sample: Sample, said: Sequence[str], answers: Sequence[str], room: int) -> Generate:
    """What the model is asked next: all that the user and it said so far.

    Args:
        sample: Its system prompt comes first, where it has one.
        said: What the user says in each turn, one more than there are answers.
        answers: The model's so far.
        room: Tokens of its answer.
    """
    system = str(sample.metadata["system"])
    messages = [Message("system", system)] if system else []
    for place, text in enumerate(said):
        messages.append(Message("user", text))
        if place < len(answers):
            messages.append(Message("assistant", answers[place]))
    return Generate(tuple(messages), Sampling(room))


def shown(sample: Sample, said: Sequence[str], answers: Sequence[str]) -> str:
    """The conversation before an answer, as judges see it; of a first turn what the user says."""
    system = str(sample.metadata["system"])
    if not answers and not system:
        return said[0]
    parts = [f"System: {system}"] if system else []
    for place, text in enumerate(said):
        parts.append(f"{USER} {text}")
        if place < len(answers):
            parts.append(f"{ASSISTANT} {answers[place]}")
    return "\n\n".join(parts)
