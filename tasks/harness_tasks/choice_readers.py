"""Readers of questions with options: own JSONL, and HellaSwag as published and as converted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness import data
from harness.choices import LETTERS
from harness.data import Row
from harness.errors import DataError
from harness.types import DataSource, Sample
from harness_tasks.rows import Place, read, shared

FIELDS = frozenset({"question", "choices", "answer"})
HELLASWAG_FIELDS = frozenset(
    {"ctx", "ctx_a", "ctx_b", "activity_label", "endings", "label", "ind", "source_id", "split",
     "split_type"}
)  # fmt: skip
SPLITS = ("dev", "test")

_BRACKETS = re.compile(r"\[.*?\]")


def read_questions(source: DataSource) -> Iterator[Sample]:
    """Streams own JSONL: ``question``, ``choices`` and ``answer``.

    Raises:
        DataError: A row cannot be read.
    """
    return read(source, read_row)


def read_row(row: Row, place: Place) -> Sample:
    """A question; its ``answer`` is an index from 0, a letter, or the choice's text."""
    question = place.text(row, "question")
    texts = _checked(place.texts(row, "choices"), place)
    answer = place.field(row, "answer", (str, int))
    return Sample(
        input=question,
        targets=(texts[_index(answer, texts, place)],),
        choices=texts,
        **shared(row, place, question, FIELDS),
    )


def read_hellaswag(source: DataSource, split: str) -> Iterator[Sample]:
    """Streams HellaSwag's JSONL, the JSON with ``dev`` and ``test``, own JSONL or hub rows.

    A row's id is its number: HellaSwag's own ``ind`` occurs more than once.

    Args:
        source: Where to read.
        split: Which part of the JSON to read.

    Raises:
        DataError: A file or row cannot be read.
    """
    return read(source, _hellaswag_row, files={".json": lambda path: _read_converted(path, split)})


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
    endings = _checked(tuple(map(clean, place.texts(row, "endings"))), place)
    label = place.field(row, "label", (str, int))
    if label == "":
        raise place.error("field 'label' is empty", "a labelled split: validation, not test")
    right = endings[_index(int(label) if str(label).isdigit() else label, endings, place)]
    arguments = shared(row, place, query, HELLASWAG_FIELDS)
    return Sample(input=query, targets=(right,), choices=endings, **arguments)


def _read_converted(path: Path, split: str) -> Iterator[Sample]:
    """JSON with lists ``dev`` and ``test`` of {question, choices: {A: …}, answer: letter}."""
    document = data.read_json(path)
    rows = document.get(split) if isinstance(document, dict) else None
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
    texts = _checked(tuple(clean(place.field(named, each, str)) for each in letters), place)
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


def _checked(texts: tuple[str, ...], place: Place) -> tuple[str, ...]:
    if not 2 <= len(texts) <= len(LETTERS):
        raise place.error(f"{len(texts)} choices", f"2 to {len(LETTERS)} choices")
    if not all(text.strip() for text in texts):
        raise place.error("an empty choice", "some text in every choice")
    return texts


def _index(answer: str | int, texts: tuple[str, ...], place: Place) -> int:
    """The right choice's index, from its index, its text or its letter."""
    if isinstance(answer, str):
        if answer in texts:
            return texts.index(answer)
        letter = answer.strip().upper()
        index = LETTERS.index(letter) if len(letter) == 1 and letter in LETTERS else -1
    else:
        index = answer
    if 0 <= index < len(texts):
        return index
    raise place.error(
        f"answer {answer!r} is none of the {len(texts)} choices",
        f"an index from 0 to {len(texts) - 1}, a letter from A to {LETTERS[len(texts) - 1]}, "
        "or a choice's text",
    )
