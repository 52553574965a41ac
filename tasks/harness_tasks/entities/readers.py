"""Readers of texts with named entities: CoNLL's files, rows of tokens and tags, rows of spans."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.authoring.readers import conll, rows, text_files
from harness.authoring.readers.rows import Header, Place
from harness.authoring.readers.samples import read, shared
from harness.authoring.readers.text_files import Row
from harness.types import DataSource, Sample
from harness_tasks.entities.spans import Entity, dumped, of_tokens, placed, same_type

_TOKENS, _TAGS = ("tokens", "words"), ("tags", "ner_tags", "labels")
_SPANS, _TYPES = ("entities", "spans", "label"), ("type", "label", "entity_type", "tag")
FIELDS = frozenset({"text", *_TOKENS, *_TAGS, *_SPANS})
HEADER = Header(FIELDS)
_TAG = re.compile(r"O|[BIESLUM]-\S+")
_FORMS = (
    "'tokens' and 'tags' (O, B-TYPE, I-TYPE, …), or 'text' and 'entities', a list of "
    "{'text', 'type'}, {'start', 'end', 'type'} or [start, end, type]"
)


def read_texts(
    source: DataSource, types: Sequence[str] = (), tag_names: Sequence[str] = ()
) -> Iterator[Sample]:
    """A source's samples; each knows the types of all of them.

    A file is CoNLL's unless its suffix names a format of rows; a ``.tsv`` is where its first line
    ends in a tag. A sample's target is JSON of its entities: text, type and start.

    Args:
        source: Files or the hub's rows.
        types: The types there may be; empty means those of the data.
        tag_names: The tags that numbers in ``tags`` stand for, from 0.

    Raises:
        DataError: A file or row cannot be read, or has a type that is none of ``types``.
    """

    def row_reader(row: Row, place: Place) -> Sample:
        return _read_row(row, place, types, tag_names)

    files = {
        rows.suffix(path): lambda path: _read_conll(path, types)
        for path in map(Path, source.paths)
        if not path.is_dir() and (not rows.is_known(path) or _is_tagged(path))
    }
    samples = list(read(source, row_reader, HEADER, files=files))
    every = list(types)
    for sample in samples:
        found = sample.metadata["types"]
        assert isinstance(found, tuple)
        every += [each for each in found if each not in every]
    known = tuple(types or sorted(every))
    for sample in samples:
        yield replace(sample, metadata={**sample.metadata, "types": known})


def _is_tagged(path: Path) -> bool:
    if rows.suffix(path) != ".tsv":
        return False
    first = next((line for _, line in text_files.lines(path) if line.strip()), "")
    return conll.token_and_tag(first) is not None or first.startswith("-DOCSTART-")


def _read_conll(path: Path, types: Sequence[str]) -> Iterator[Sample]:
    """A sentence a sample; those of one marked document share a cluster."""
    for number, sentence in enumerate(conll.read(path), start=1):
        entities = of_tokens(sentence.tokens, sentence.tags)
        yield _sample(
            " ".join(sentence.tokens),
            entities,
            types,
            Place(path, sentence.line),
            {
                "id": str(number),
                "cluster": None if sentence.document is None else f"document {sentence.document}",
                "metadata": {"tokens": sentence.tokens},
            },
        )


def _read_row(row: Row, place: Place, types: Sequence[str], tag_names: Sequence[str]) -> Sample:
    tokens = next((name for name in _TOKENS if isinstance(row.get(name), str | list)), None)
    tags = next((name for name in _TAGS if name in row), None)
    if tokens is not None and tags is not None:
        words = place.texts({tokens: place.field(row, tokens, list)}, tokens)
        text = " ".join(words)
        entities = of_tokens(words, _tags(row, tags, len(words), place, tag_names))
        arguments = shared(row, place, text, FIELDS)
        arguments["metadata"]["tokens"] = words
    else:
        spans = next((name for name in _SPANS if name in row), None)
        if spans is None or "text" not in row:
            raise place.error(f"the fields {', '.join(map(repr, row))}", _FORMS)
        text = place.text(row, "text")
        entities = _spans(place.field(row, spans, list), text, place)
        arguments = shared(row, place, text, FIELDS)
    return _sample(text, entities, types, place, arguments)


def _tags(row: Row, name: str, count: int, place: Place, tag_names: Sequence[str]) -> list[str]:
    given = place.field(row, name, list)
    if len(given) != count:
        raise place.error(f"{len(given)} {name} for {count} tokens", "a tag for each token")
    tags = []
    for tag in given:
        if type(tag) is int and tag_names and 0 <= tag < len(tag_names):
            tag = tag_names[tag]
        if not (isinstance(tag, str) and _TAG.fullmatch(tag)):
            raise place.error(
                f"{tag!r} in {name} is no tag",
                "O, B-TYPE, I-TYPE, …; what numbers stand for says "
                "--set entities.tag_names=O,B-person,I-person,…",
            )
        tags.append(tag)
    return tags


def _spans(given: Sequence[Any], text: str, place: Place) -> list[Entity]:
    found: list[Entity] = []
    for each in given:
        value = each
        if isinstance(each, list) and len(each) == 3:
            value = dict(zip(("start", "end", "type"), each, strict=True))
        holder = value if isinstance(value, dict) else {}
        kind = next((holder[name] for name in _TYPES if name in holder), None)
        if not isinstance(kind, str) or not kind.strip():
            raise place.error(f"{str(each)[:60]} is no entity with a type", _FORMS)
        found.append(_span(value, kind, text, place, found))
    return found


def _span(
    value: Mapping[str, Any], kind: str, text: str, place: Place, before: Sequence[Entity]
) -> Entity:
    """The entity at its place, or, where none is given, at the next one where its text stands."""
    start, end, name = value.get("start"), value.get("end"), value.get("text")
    if start is None and isinstance(name, str):
        found = placed([Entity(name, kind)], text, after=before)
        if found and found[0].start is not None:
            return Entity(text[found[0].start : found[0].end], kind, found[0].start, found[0].end)
        raise place.error(f"the entity {name!r} is not in the text (again)", "words of the text")
    if isinstance(start, int) and isinstance(name, str) and end is None:
        end = start + len(name)
    if (
        isinstance(start, int)
        and isinstance(end, int)
        and 0 <= start < end <= len(text)
        and name in (None, text[start:end])
    ):
        return Entity(text[start:end], kind, start, end)
    raise place.error(
        f"the entity {value!r} is not at its place in the text",
        "start and end in characters from 0, the end not included",
    )


def _sample(
    text: str,
    entities: Sequence[Entity],
    types: Sequence[str],
    place: Place,
    arguments: dict[str, Any],
) -> Sample:
    kinds: dict[str, None] = {}
    named = []
    for entity in entities:
        kind = same_type(entity.type, types) if types else entity.type
        if kind is None:
            raise place.error(
                f"the type {entity.type!r}", f"one of --set entities.types={','.join(types)}"
            )
        kinds[kind] = None
        named.append(replace(entity, type=kind))
    arguments["metadata"]["types"] = tuple(kinds)
    return Sample(input=text, targets=(dumped(named),), **arguments)
