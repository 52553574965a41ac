"""Named entities: what they are, how tags spell them, and where in a text they stand."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from harness.types import Sample

_ALIASES = {
    "per": "person", "people": "person", "loc": "location", "place": "location",
    "org": "organization", "organisation": "organization", "misc": "miscellaneous",
    "corp": "corporation", "prod": "product", "cw": "creative work", "grp": "group",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entity:
    """A name in a text.

    Attributes:
        text: Its words.
        type: What it is the name of.
        start: Its first character's place; None where it is not in the text.
        end: The place after its last character.
    """

    text: str
    type: str
    start: int | None = None
    end: int = 0

    @property
    def key(self) -> tuple[object, ...]:
        """What two entities share that are the same: place and type."""
        text = " ".join(self.text.split()).casefold()
        return (self.type, text if self.start is None else self.start, self.end)

    def overlaps(self, other: Entity) -> bool:
        """Whether they share a character."""
        if self.start is None or other.start is None:
            return False
        return self.start < other.end and other.start < self.end


def of_tags(tags: Sequence[str]) -> list[tuple[int, int, str]]:
    """(first token, token after the last, type) of each entity, by conlleval's rules.

    They read IOB1, IOB2, BIOES and BILOU alike (Tjong Kim Sang and De Meulder 2003): an entity
    begins at B, S or U, and at any other tag after O or another type; it ends with E, L, S or U.
    """
    found: list[tuple[int, int, str]] = []
    start, kind, closed = -1, "", False
    for place, tag in enumerate([*tags, "O"]):
        prefix, _, new = tag.partition("-")
        begins = prefix != "O" and (start < 0 or closed or prefix in "BSU" or new != kind)
        if start >= 0 and (prefix == "O" or begins):
            found.append((start, place, kind))
            start = -1
        if begins:
            start, kind = place, new
        closed = prefix in "ELSU"
    return found


def of_tokens(
    tokens: Sequence[str], tags: Sequence[str], of: Sequence[str] | None = None
) -> list[Entity]:
    """The tags' entities as they stand in the tokens with blanks between.

    ``of`` are the tokens of that text, where these are others but equally many.
    """
    starts, place = [], 0
    for token in of or tokens:
        starts.append(place)
        place += len(token) + 1
    ends = [start + len(token) for start, token in zip(starts, of or tokens, strict=True)]
    return [
        Entity(" ".join(tokens[first:after]), kind, starts[first], ends[after - 1])
        for first, after, kind in of_tags(tags)
    ]


def same_type(name: str, types: Collection[str]) -> str | None:
    """The one of ``types`` that a name means: ``PER`` is ``person``; None where none is."""
    if name in types:
        return name
    return next((each for each in types if _plain(each) == _plain(name)), None)


def _plain(name: str) -> str:
    plain = re.sub(r"[\s_-]+", " ", name).strip().casefold()
    return _ALIASES.get(plain, plain)


def dumped(entities: Iterable[Entity], places: bool = True) -> str:
    """JSON of the entities: the form of targets, and without places of answers."""
    rows = [
        {"text": each.text, "type": each.type, **({"start": each.start} if places else {})}
        for each in entities
    ]
    return json.dumps(rows, ensure_ascii=False)


def expected(sample: Sample) -> list[Entity]:
    """A sample's own entities, looked for anew where a probe changed its text."""
    found: list[Entity] = []
    for row in json.loads(sample.targets[0]):
        entity = Entity(row["text"], row["type"], row["start"], row["start"] + len(row["text"]))
        if sample.input[entity.start : entity.end] == entity.text:
            found.append(entity)
        else:
            found += placed([replace(entity, start=None, end=0)], sample.input, after=found)
    return found


def placed(
    entities: Iterable[Entity],
    text: str,
    wanted: Sequence[Entity] = (),
    after: Sequence[Entity] = (),
) -> list[Entity]:
    """The entities at their places in a text; said once more than they occur, they are the same.

    An entity without a place is at the first of its occurrences that is free, but one at which
    the same is wanted goes before, and one at which another name is wanted goes next.

    Args:
        entities: With or without places.
        text: Where to look.
        wanted: The right entities.
        after: Entities whose places are taken.
    """
    found = list(after)
    keys = {each.key for each in wanted}
    for entity in entities:
        if entity.start is not None:
            found.append(entity)
            continue
        every = [
            replace(entity, start=start, end=end) for start, end in occurrences(entity.text, text)
        ]
        taken = {each.key for each in found}
        free = [each for each in every if each.key not in taken]
        if every and not free:
            continue
        free.sort(key=lambda each: (each.key not in keys, not any(map(each.overlaps, wanted))))
        found.append(free[0] if free else entity)
    return found[len(after) :]


def occurrences(name: str, text: str) -> list[tuple[int, int]]:
    """(start, end) of each place of a name in a text, whatever the blanks in either.

    Whole words go before parts of them, the same case before another.
    """
    places = [place for place, character in enumerate(text) if not character.isspace()]
    bare, sought = "".join(text[place] for place in places), "".join(name.split())
    for fold in (str, _folded):
        spans, within, name = [], fold(bare), fold(sought)
        at = within.find(name) if name else -1
        while at >= 0:
            spans.append((places[at], places[at + len(name) - 1] + 1))
            at = within.find(name, at + 1)
        whole = [(start, end) for start, end in spans if _is_word(text, start, end)]
        if spans:
            return whole or spans
    return []


def _folded(text: str) -> str:
    """Small letters, one for each: what changes a text's length stays."""
    return "".join(small if len(small := each.lower()) == 1 else each for each in text)


def _is_word(text: str, start: int, end: int) -> bool:
    before, behind = text[start - 1 : start], text[end : end + 1]
    return not (before.isalnum() and text[start].isalnum()) and not (
        behind.isalnum() and text[end - 1].isalnum()
    )
