"""Reader of HellaSwag in its two published forms, and of own rows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.authoring.readers import text_files
from harness.authoring.readers.questions import FIELDS, checked, index_of, read_row
from harness.authoring.readers.rows import Header, Place
from harness.authoring.readers.samples import read, shared
from harness.authoring.readers.tables import is_json_lines
from harness.authoring.readers.text_files import Row
from harness.errors import DataError
from harness.types import DataSource, Sample

HELLASWAG_FIELDS = frozenset(
    {"ctx", "ctx_a", "ctx_b", "activity_label", "endings", "label", "ind", "source_id", "split",
     "split_type"}
)  # fmt: skip
HELLASWAG_HEADER = Header(HELLASWAG_FIELDS | FIELDS)
SPLITS = ("dev", "test")

_BRACKETS = re.compile(r"\[.*?\]")


def read_hellaswag(source: DataSource, split: str) -> Iterator[Sample]:
    """Streams HellaSwag's JSONL, the JSON with ``dev`` and ``test``, own JSONL or hub rows.

    A row's id is its number: HellaSwag's own ``ind`` occurs more than once.

    Args:
        source: Where to read.
        split: Which part of the JSON to read.

    Raises:
        DataError: A file or row cannot be read.
    """

    def read_parts(path: Path) -> Iterator[Sample] | None:
        document = None if is_json_lines(path) else text_files.read_json(path)
        if not isinstance(document, dict) or not set(SPLITS) & document.keys():
            return None
        return _read_converted(document, path, split)

    return read(source, _hellaswag_row, HELLASWAG_HEADER, files={".json": read_parts})


def clean(text: str) -> str:
    """HellaSwag's text without the marks of its WikiHow part, such as ``[title]``.

    The rule is lm-evaluation-harness's.
    """
    text = text.strip().replace(" [title]", ". ")
    return _BRACKETS.sub("", text).replace("  ", " ")


def _hellaswag_row(row: Row, place: Place) -> Sample:
    if "endings" not in row:
        return read_row(row, place)
    start, rest = place.field(row, "ctx_a", str), place.field(row, "ctx_b", str)
    activity = place.field(row, "activity_label", str)
    query = clean(f"{activity}: {start} {rest.capitalize()}")
    endings = checked(tuple(map(clean, place.texts(row, "endings"))), place)
    label = place.field(row, "label", (str, int))
    if label == "":
        raise place.error("field 'label' is empty", "a labelled split: validation, not test")
    right = endings[index_of(int(label) if str(label).isdecimal() else label, endings, place)]
    arguments = shared(row, place, query, HELLASWAG_FIELDS)
    return Sample(input=query, targets=(right,), choices=endings, **arguments)


def _read_converted(document: dict[str, Any], path: Path, split: str) -> Iterator[Sample]:
    """JSON with lists ``dev`` and ``test`` of {question, choices: {A: …}, answer: letter}."""
    rows = document.get(split)
    if not isinstance(rows, list):
        raise DataError(f"no list {split!r}", path=path, expected=f"lists {' and '.join(SPLITS)}")
    for number, row in enumerate(rows, start=1):
        yield _converted_row(row, Place(f"{path}, {split!r}", number))


def _converted_row(row: Any, place: Place) -> Sample:
    if not isinstance(row, dict):
        raise place.error(
            f"a JSON {type(row).__name__}", "an object with question, choices, answer"
        )
    named = place.field(row, "choices", dict)
    letters = sorted(named)
    texts = checked(tuple(clean(place.field(named, each, str)) for each in letters), place)
    answer = place.field(row, "answer", str)
    if answer not in letters:
        raise place.error(f"answer {answer!r}", f"one of {', '.join(letters)}")
    query = clean(place.text(row, "question"))
    return Sample(
        id=str(place.line),
        input=query,
        targets=(texts[letters.index(answer)],),
        choices=texts,
        metadata={name: row[name] for name in ("domain",) if isinstance(row.get(name), str)},
    )
