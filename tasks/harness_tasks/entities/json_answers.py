"""Named entities written as JSON, or as Python writes it, in the shapes that models give it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from harness.authoring.readers import rows
from harness.types import Sample
from harness_tasks.entities.spans import Entity, same_type

_TEXTS = ("text", "entity", "name", "span", "word", "mention", "value")
TYPES = ("type", "entity_type", "label", "category", "class", "tag", "entity_group")
"""Keys of an entity's type."""


def read(text: str, sample: Sample, types: Collection[str]) -> list[Entity] | None:
    """The entities of the last list in a text, or of the objects after it; None without any.

    Args:
        text: An answer.
        sample: Whose text it is about.
        types: The known types; a name that is meant for one becomes it.
    """
    loose: list[Entity] = []
    listed: list[Entity] | None = None
    for block in _blocks(text):
        value = rows.structure(block)
        found = None if isinstance(value, str) else _entities(value, sample.input, types)
        if found is None:
            continue
        if isinstance(value, dict) and _entity(value, sample.input, types) is not None:
            loose += found
        else:
            listed, loose = found, []
    return loose or listed


def _blocks(text: str) -> Iterator[str]:
    """The outermost pieces in balanced brackets; of one that is cut off, its whole objects."""
    depth, start, quoted, escaped = 0, 0, False, False
    for place, character in enumerate(text):
        if quoted:
            quoted, escaped = escaped or character != '"', character == "\\" and not escaped
        elif character == '"':
            quoted = depth > 0
        elif character in "[{":
            start = start if depth else place
            depth += 1
        elif character in "]}" and depth:
            depth -= 1
            if not depth:
                yield text[start : place + 1]
    if depth:
        yield from re.findall(r"\{[^{}]*\}", text[start:])


def _entities(value: Any, text: str, types: Collection[str]) -> list[Entity] | None:
    """The entities in a JSON value; None where it holds something else."""
    if isinstance(value, dict):
        single = _entity(value, text, types)
        if single is not None:
            return [single]
        parts = [_named(str(name), each, text, types) for name, each in value.items()]
    elif isinstance(value, list):
        pair = _pair(value, types)
        if pair is not None:
            return [pair]
        parts = [_entities(each, text, types) for each in value]
    else:
        return None
    read = [part for part in parts if part is not None]
    if parts and not read:
        return None
    return [entity for part in read for entity in part]


def _named(name: str, value: Any, text: str, types: Collection[str]) -> list[Entity] | None:
    """``{"person": ["Ann"]}``, ``{"Ann": "person"}`` or ``{"entities": […]}``."""
    kind = same_type(name, types)
    if kind is not None:
        texts = [value] if isinstance(value, str) else value
        if isinstance(texts, list) and all(isinstance(each, str) for each in texts):
            return [Entity(each, kind) for each in texts if each.strip()]
        return [] if value is None else None
    if isinstance(value, str):
        kind = same_type(value, types)
        return None if kind is None else [Entity(name, kind)]
    return _entities(value, text, types)


def _entity(value: dict[Any, Any], text: str, types: Collection[str]) -> Entity | None:
    """An object with a text and a type, at its place if that is where the text stands."""
    name = next((value[key] for key in _TEXTS if isinstance(value.get(key), str)), None)
    kind = next((value[key] for key in TYPES if isinstance(value.get(key), str)), None)
    if name is None or kind is None or not name.strip():
        return None
    kind = same_type(kind, types) or kind
    start, end = value.get("start"), value.get("end")
    if type(start) is int and type(end) is int and start >= 0 and text[start:end] == name:
        return Entity(name, kind, start, end)
    return Entity(name, kind)


def _pair(value: Sequence[Any], types: Collection[str]) -> Entity | None:
    if len(value) != 2 or not all(isinstance(each, str) and each.strip() for each in value):
        return None
    for name, kind in (value, reversed(value)):
        if (found := same_type(kind, types)) is not None:
            return Entity(name, found)
    return None
