"""Conversations as they are written down: turns of the user with references and rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.authoring.readers.rows import Header, Place
from harness.authoring.readers.samples import read, shared
from harness.authoring.readers.text_files import Row
from harness.types import DataSource, Sample
from harness_tasks.conversations import rules

FIELDS = frozenset({"turns", "system", "messages", "reference", "question_id"})
HEADER = Header(FIELDS)


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of the user; accepted answers and rules may both be empty."""

    user: str
    references: tuple[str, ...] = ()
    rules: Mapping[str, Any] | None = None


def read_conversations(source: DataSource) -> Iterator[Sample]:
    """Streams conversations.

    Raises:
        DataError: A file or row cannot be read.
    """
    return read(source, read_row, HEADER)


def read_row(row: Row, place: Place) -> Sample:
    """A conversation in ``turns`` (texts or objects) or in ``messages`` of a chat.

    The sample's input is the first turn; its targets are the references of the last.
    """
    system = place.text(row, "system") if row.get("system") is not None else None
    if row.get("turns") is not None:
        turns = _turns(row, place)
    elif row.get("messages") is not None:
        found, turns = _messages(place.field(row, "messages", list), place)
        system = found if found is not None else system
    else:
        raise place.error("neither 'turns' nor 'messages'", "the turns of the user in 'turns'")
    if "question_id" in row and "id" not in row:
        row = {**row, "id": row["question_id"]}
    arguments = shared(row, place, turns[0].user, FIELDS)
    arguments["metadata"] |= {
        "turns": [
            {
                "user": each.user,
                "references": list(each.references),
                "rules": dict(each.rules or {}),
            }
            for each in turns
        ],
        **({} if system is None else {"system": system}),
    }
    return Sample(input=turns[0].user, targets=turns[-1].references, **arguments)


def turns_of(sample: Sample) -> list[Turn]:
    """The turns of a sample; a probe may have changed the first."""
    stored: Any = sample.metadata["turns"]
    turns = [Turn(each["user"], tuple(each["references"]), each["rules"]) for each in stored]
    return [Turn(sample.input, turns[0].references, turns[0].rules), *turns[1:]]


def _turns(row: Row, place: Place) -> list[Turn]:
    given = place.field(row, "turns", list)
    beside = _beside(row, len(given), place)
    turns = []
    for number, (each, reference) in enumerate(zip(given, beside, strict=True), start=1):
        turn = {"user": each} if isinstance(each, str) else each
        if not isinstance(turn, dict) or not isinstance(turn.get("user"), str):
            raise place.error(f"turn {number} has no text", "a text, or an object with 'user'")
        if not turn["user"].strip():
            raise place.error(f"turn {number} is empty", "what the user says")
        if unknown := sorted(turn.keys() - {"user", "reference", "rules"}):
            raise place.error(
                f"turn {number} has the key {unknown[0]!r}", "user, reference and rules"
            )
        references = _references(turn.get("reference", reference), number, place)
        turns.append(Turn(turn["user"], references, _rules(turn.get("rules"), number, place)))
    if not turns:
        raise place.error("there are no turns", "at least one turn of the user")
    return turns


def _beside(row: Row, count: int, place: Place) -> Sequence[Any]:
    """References in a list beside the turns, as MT-Bench has them."""
    given = row.get("reference")
    if given is None:
        return [None] * count
    listed = place.field(row, "reference", list)
    if len(listed) > count:
        raise place.error(f"{len(listed)} references and {count} turns", "at most one a turn")
    return [*listed, *[None] * (count - len(listed))]


def _references(value: Any, number: int, place: Place) -> tuple[str, ...]:
    texts = [] if value is None else value if isinstance(value, list) else [value]
    if not all(isinstance(each, str) and each.strip() for each in texts):
        raise place.error(
            f"the reference of turn {number} is no text", "a text, or a list of texts"
        )
    return tuple(texts)


def _rules(value: Any, number: int, place: Place) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise place.error(f"the rules of turn {number} are no object", 'such as {"max_words": 50}')
    for name, wanted in value.items():
        if found := rules.fault(str(name), wanted):
            raise place.error(f"turn {number}: {found[0]}", found[1])
    return value


def _messages(given: Sequence[Any], place: Place) -> tuple[str | None, list[Turn]]:
    """(system prompt, turns); what an assistant says in the data is the turn's reference."""
    system, turns = None, list[Turn]()
    expected = "an optional system message, then user and assistant in alternation"
    before = None
    for number, each in enumerate(given, start=1):
        role = each.get("role") if isinstance(each, dict) else None
        content = each.get("content") if isinstance(each, dict) else None
        if not isinstance(content, str) or not content.strip():
            raise place.error(f"message {number} has no text", "role and content")
        if role == "system" and number == 1:
            system = content
        elif role == "user" and before != "user":
            turns.append(Turn(content))
        elif role == "assistant" and before == "user":
            turns[-1] = Turn(turns[-1].user, (content,))
        else:
            raise place.error(f"message {number} is of the role {role!r}", expected)
        before = role
    if not turns:
        raise place.error("there are no messages of the user", expected)
    return system, turns
