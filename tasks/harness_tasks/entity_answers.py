"""Which named entities an answer lists: one reader for the forms in which models give them.

The rules, in order; the first that applies decides:

1. A token and its tag a line, as in CoNLL's files.
2. JSON, the last list in the answer: objects with a text and a type, pairs of them, or an object
   of types with lists of texts. Of a list that was cut off, the objects that are whole.
3. The text with its entities in tags: ``<person>Ann</person>`` or ``[Ann](person)``. The text
   repeated without any is one without entities.
4. Lines ``Ann: person``, ``Ann (person)`` or ``person: Ann, Bob``.
5. ``None``, ``no entities`` and the like.

An answer to which none applies is unread.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, TypeAlias

from harness import conll
from harness.authoring.readers import rows
from harness.types import Sample
from harness_tasks.entity_spans import Entity, occurrences, of_tokens, same_type

Reader: TypeAlias = Callable[[str, Sample, Collection[str]], list[Entity] | None]

_LONGEST = 20_000
"""Characters at an answer's end that are read."""
_TEXTS = ("text", "entity", "name", "span", "word", "mention", "value")
_TYPES = ("type", "entity_type", "label", "category", "class", "tag", "entity_group")
_TAGGED = re.compile(r"<(?P<type>\w[\w -]{0,60})>(?P<text>[^<>]{1,500})</(?P=type)>")
_LINKED = re.compile(r"\[(?P<text>[^\[\]]{1,500})\]\((?P<type>\w[\w -]{0,60})\)")
_LINES = (
    re.compile(r"^[\s*•\d.)-]*(?P<one>\S.*?)[\s*]*[:|\t=→][\s*]*(?P<two>\S.*?)[\s*.]*$"),
    re.compile(r"^[\s*•\d.)-]*(?P<one>\S.*?)[\s*]*\((?P<two>[^()]+)\)[\s*.]*$"),
    re.compile(r"^[\s*•\d.)-]*(?P<one>\S.*?)[\s*]+[-–—][\s*]+(?P<two>\S.*?)[\s*.]*$"),
)
_NONE = re.compile(
    r"^\W*(?:none|nothing|n/?a|there (?:are|is) no\b.*|no (?:named |such )?entit.*)\W*$",
    re.IGNORECASE | re.DOTALL,
)


def read(text: str, sample: Sample, types: Collection[str]) -> list[Entity] | None:
    """The entities that an answer lists; None where it is unread.

    Those of rule 1 and 3 have places in the sample's text, the others need not.

    Args:
        text: The model's answer, thinking set aside.
        sample: Whose text it is about; ``tokens`` in its metadata are those of the text.
        types: The known types; a name that is meant for one becomes it.
    """
    readers: tuple[Reader, ...] = (_tags, _json, _inline, _lines)
    for reader in readers:
        found = reader(text[-_LONGEST:], sample, types)
        if found is not None:
            return found
    return [] if _NONE.match(text) else None


def _tags(text: str, sample: Sample, types: Collection[str]) -> list[Entity] | None:
    pairs = conll.read_text(text)
    if pairs is None:
        return None
    tokens, tags = zip(*pairs, strict=True)
    own = sample.metadata.get("tokens")
    known = own if isinstance(own, tuple | list) and len(own) == len(tokens) else None
    if known is not None and " ".join(known) == sample.input:
        return [_typed(each, types) for each in of_tokens(tokens, tags, known)]
    return [Entity(each.text, _typed(each, types).type) for each in of_tokens(tokens, tags)]


def _typed(entity: Entity, types: Collection[str]) -> Entity:
    kind = same_type(entity.type, types) or entity.type
    return Entity(entity.text, kind, entity.start, entity.end)


# --------------------------------------------------------------------------- JSON


def _json(text: str, sample: Sample, types: Collection[str]) -> list[Entity] | None:
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
    kind = next((value[key] for key in _TYPES if isinstance(value.get(key), str)), None)
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


# --------------------------------------------------------------------------- text


def _inline(text: str, sample: Sample, types: Collection[str]) -> list[Entity] | None:
    for pattern in (_TAGGED, _LINKED):
        found = [each for each in pattern.finditer(text) if same_type(each["type"], types)]
        if found:
            return [_tagged(each, pattern, text, sample, types) for each in found]
    repeated = "".join(text.split()) == "".join(sample.input.split())
    return [] if repeated else None


def _tagged(
    match: re.Match[str],
    pattern: re.Pattern[str],
    text: str,
    sample: Sample,
    types: Collection[str],
) -> Entity:
    """The entity at the occurrence of its text that is tagged, if the answer repeats the text."""
    kind, name = str(same_type(match["type"], types)), match["text"].strip()
    before = pattern.sub(lambda each: each["text"], text[: match.start()])
    number = len(occurrences(name, before))
    places = occurrences(name, sample.input)
    if number < len(places):
        return Entity(name, kind, *places[number])
    return Entity(name, kind)


def _lines(text: str, sample: Sample, types: Collection[str]) -> list[Entity] | None:
    del sample
    found: list[Entity] = []
    for line in text.split("\n"):
        for pattern in _LINES:
            match = pattern.match(line[:1000])
            if match is None:
                continue
            one, two = match["one"].strip('*`" '), match["two"].strip('*`" ')
            if (kind := same_type(two, types)) is not None:
                found.append(Entity(one, kind))
            elif (kind := same_type(one, types)) is not None:
                names = [] if _NONE.match(two) else re.split(r"\s*[,;]\s*", two)
                found += [Entity(name.strip("\"'"), kind) for name in names if name]
            else:
                continue
            break
    return found or None
