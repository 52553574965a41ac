"""Rows of questions with options: lists, ARC's and MMLU's forms, or options of their own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from harness.authoring.answers.choices import LETTERS
from harness.authoring.readers.rows import Header, Place
from harness.authoring.readers.samples import read, shared
from harness.authoring.readers.text_files import Row
from harness.types import DataSource, Sample

ANSWERS = ("answer", "answerKey", "AnswerKey", "label")
FIELDS = frozenset({"question", "choices", *ANSWERS})
HEADER = Header(FIELDS - {"label"}, absent=("question", "A", "B", "C", "D", "answer"))
_LETTER_COLUMN = re.compile(r"[A-Z]")
_COLUMNS = (_LETTER_COLUMN, re.compile(r"(?:choice|option|ending)_?\w", re.IGNORECASE))
"""Names of columns that hold an option each."""


def read_questions(source: DataSource) -> Iterator[Sample]:
    """Streams questions with options from rows of any format; see ``read_row``.

    Raises:
        DataError: A row cannot be read.
    """
    return read(source, read_row, HEADER)


def with_choices(choices: tuple[str, ...]) -> Callable[[DataSource], Iterator[Sample]]:
    """A reader of questions (``question``, ``answer``) that all have the same options."""

    def read_same(row: Row, place: Place) -> Sample:
        return read_row({**row, "choices": list(choices)}, place)

    return lambda source: read(source, read_same, HEADER)


def read_row(row: Row, place: Place) -> Sample:
    """A question with its options and the right one.

    The options are a list ``choices``; ARC's ``choices`` with ``text`` and ``label``, beside the
    question or in it; a column for each (``A, B, …`` as MMLU has them, ``choice1, …``,
    ``option1, …``, ``ending0, …``); or, as in ARC's CSV, marked in the question: ``… (A) … (B) …``.
    ``answer`` (ARC: ``answerKey``) is a label among these, a choice's text, a letter, or an index
    from 0.
    """
    options = _options(row, place)
    texts = checked(options.texts, place)
    name = next((each for each in ANSWERS if each in row), "answer")
    answer = place.field(row, name, (str, int))
    if isinstance(answer, str) and answer.strip() in options.labels:
        right = options.labels.index(answer.strip())
    else:
        right = index_of(answer, texts, place)
    return Sample(
        input=options.question,
        targets=(texts[right],),
        choices=texts,
        **shared(row, place, options.question, FIELDS | options.columns),
    )


@dataclass(frozen=True, slots=True)
class _Options:
    """A question, its options, their labels where the data has some, and the columns read."""

    question: str
    texts: tuple[str, ...]
    labels: tuple[str, ...] = ()
    columns: frozenset[str] = frozenset()


def _options(row: Row, place: Place) -> _Options:
    asked = row.get("question")
    if isinstance(asked, dict):  # ARC's JSONL
        return _labelled(place.text(asked, "stem"), place.field(asked, "choices", list), place)
    question = place.text(row, "question")
    if "choices" in row:
        given = place.field(row, "choices", (list, dict))
        if isinstance(given, dict):  # ARC on the hub
            texts, labels = place.texts(given, "text"), place.texts(given, "label")
            return _Options(question, texts, labels)
        if given and all(isinstance(each, dict) for each in given):
            return _labelled(question, given, place)
        return _Options(question, place.texts({"choices": given}, "choices"))
    for pattern in _COLUMNS:
        columns = [name for name in row if pattern.fullmatch(name) and row[name] not in (None, "")]
        if len(columns) > 1:
            columns.sort(key=lambda name: (len(name), name))
            texts = tuple(str(row[name]) for name in columns)
            labels = tuple(columns) if pattern is _LETTER_COLUMN else ()
            return _Options(question, texts, labels, frozenset(columns))
    found = _marked(question)
    if found is None:
        place.field(row, "choices", list)  # says that it is missing
    assert found is not None
    return found


def _labelled(question: str, given: list[Any], place: Place) -> _Options:
    """Options of the form ``{"text": …, "label": …}``."""
    holders = [each if isinstance(each, dict) else {} for each in given]
    texts = tuple(place.text(each, "text") for each in holders)
    labels = tuple(str(each.get("label", "")) for each in holders)
    return _Options(question, texts, labels if all(labels) else ())


def _marked(question: str) -> _Options | None:
    """The options of ``Question? (A) … (B) …``, or with ``(1) … (2) …``; None without such."""
    for labels in (LETTERS, "123456789"):
        marks: list[tuple[int, int]] = []
        for label in labels:
            found = re.compile(rf"(?:^|\s)\({label}\)\s").search(
                question, marks[-1][1] if marks else 0
            )
            if found is None:
                break
            marks.append(found.span())
        if len(marks) > 1:
            ends = [start for start, _ in marks[1:]] + [len(question)]
            texts = tuple(
                question[start:end].strip() for (_, start), end in zip(marks, ends, strict=True)
            )
            return _Options(question[: marks[0][0]].strip(), texts, tuple(labels[: len(marks)]))
    return None


def checked(texts: tuple[str, ...], place: Place) -> tuple[str, ...]:
    """The options, which must be 2 to 26 and have some text each."""
    if not 2 <= len(texts) <= len(LETTERS):
        raise place.error(f"{len(texts)} choices", f"2 to {len(LETTERS)} choices")
    if not all(text.strip() for text in texts):
        raise place.error("an empty choice", "some text in every choice")
    return texts


def index_of(answer: str | int, texts: tuple[str, ...], place: Place) -> int:
    """The right choice's index, from its index, its text or its letter."""
    text = isinstance(answer, str)
    index = _index_of_text(str(answer).strip(), texts, place) if text else int(answer)
    if 0 <= index < len(texts):
        return index
    raise place.error(
        f"answer {answer!r} is none of the {len(texts)} choices",
        f"an index from 0 to {len(texts) - 1}, a letter from A to {LETTERS[len(texts) - 1]}, "
        "or a choice's text",
    )


def _index_of_text(answer: str, texts: tuple[str, ...], place: Place) -> int:
    """The index of a choice given by its text, its letter, or its index as text; −1 if by none.

    Raises:
        DataError: In a table of text, where numbers are no different from texts, two are possible.
    """
    bare = [text.strip() for text in texts]
    named = bare.index(answer) if answer in bare else -1
    index = int(answer) if answer.isdecimal() and len(answer) < 4 else -1
    if not place.typed and named >= 0 and 0 <= index < len(texts) and index != named:
        raise place.error(
            f"answer {answer!r} is the text of choice {named} and the index of another",
            'letters as answers, or a format with types: JSONL, where 1 is an index and "1" a text',
        )
    if named >= 0:
        return named
    if len(answer) == 1 and answer.upper() in LETTERS:
        return LETTERS.index(answer.upper())
    return index
