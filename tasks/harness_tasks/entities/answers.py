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
from collections.abc import Callable, Collection, Iterator
from typing import TypeAlias

from harness.authoring.readers import conll
from harness.types import Sample
from harness_tasks.entities import json_answers
from harness_tasks.entities.spans import Entity, occurrences, of_tokens, same_type

Reader: TypeAlias = Callable[[str, Sample, Collection[str]], list[Entity] | None]

_LONGEST = 20_000
"""Characters at an answer's end that are read."""
_TAGGED = re.compile(r"<(?P<type>\w[\w -]{0,60})>(?P<text>[^<>]{1,500})</(?P=type)>")
_LINKED = re.compile(r"\[(?P<text>[^\[\]]{1,500})\]\((?P<type>\w[\w -]{0,60})\)")
_BULLET = re.compile(r"^\s*(?:[*•-]|\d{1,3}[.)])\s+")
_IN_BRACKETS = re.compile(r"^([^()]+)\(([^()]+)\)[\s*.,;]*$")
_BETWEEN = (":", "|", "\t", "=", "→", " - ", " – ", " — ")
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
    readers: tuple[Reader, ...] = (_tags, json_answers.read, _inline, _lines)
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
        for one, two in _halves(_BULLET.sub("", line)):
            if (kind := same_type(two, types)) is not None:
                found.append(Entity(one, kind))
                break
            if (kind := same_type(one, types)) is not None:
                names = [] if _NONE.match(two) else re.split(r"[,;]", two)
                found += [Entity(each, kind) for name in names if (each := _bare(name))]
                break
    return found or None


def _halves(line: str) -> Iterator[tuple[str, str]]:
    """The two parts of a line at each mark that may stand between a name and its type."""
    pairs = [line.rpartition(mark)[::2] for mark in _BETWEEN]
    pairs += [line.partition(mark)[::2] for mark in _BETWEEN]
    if match := _IN_BRACKETS.match(line):
        pairs.append((match[1], match[2]))
    for pair in pairs:
        one, two = map(_bare, pair)
        if one and two and one.casefold() not in json_answers.TYPES:
            yield one, two


def _bare(name: str) -> str:
    """A name without the marks that dress it up."""
    return name.strip("*`\"'“” \t\r.")
