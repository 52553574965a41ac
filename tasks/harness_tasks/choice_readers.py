"""Readers of questions with options: own rows, ARC, MMLU, and HellaSwag in its two forms."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.authoring.answers.choices import LETTERS
from harness.authoring.readers import text_files
from harness.authoring.readers.rows import Header, Place
from harness.authoring.readers.samples import read, shared
from harness.authoring.readers.tables import is_json_lines
from harness.authoring.readers.text_files import Row
from harness.errors import DataError
from harness.types import DataSource, Sample

ANSWERS = ("answer", "answerKey", "AnswerKey", "label")
FIELDS = frozenset({"question", "choices", *ANSWERS})
HEADER = Header(FIELDS - {"label"}, absent=("question", "A", "B", "C", "D", "answer"))
_LETTER_COLUMN = re.compile(r"[A-Z]")
_COLUMNS = (_LETTER_COLUMN, re.compile(r"(?:choice|option|ending)_?\w", re.IGNORECASE))
"""Names of columns that hold an option each."""
HELLASWAG_FIELDS = frozenset(
    {"ctx", "ctx_a", "ctx_b", "activity_label", "endings", "label", "ind", "source_id", "split",
     "split_type"}
)  # fmt: skip
HELLASWAG_HEADER = Header(HELLASWAG_FIELDS | FIELDS)
SPLITS = ("dev", "test")

_BRACKETS = re.compile(r"\[.*?\]")


def read_questions(source: DataSource) -> Iterator[Sample]:
    """Streams questions with options from rows of any format; see ``read_row``.

    Raises:
        DataError: A row cannot be read.
    """
    return read(source, read_row, HEADER)


def read_row(row: Row, place: Place) -> Sample:
    """A question with its options and the right one.

    The options are a list ``choices``; ARC's ``choices`` with ``text`` and ``label``, beside the
    question or in it; a column for each (``A, B, …`` as MMLU has them, ``choice1, …``,
    ``option1, …``, ``ending0, …``); or, as in ARC's CSV, marked in the question: ``… (A) … (B) …``.
    ``answer`` (ARC: ``answerKey``) is a label among these, a choice's text, a letter, or an index
    from 0.
    """
    options = _options(row, place)
    texts = _checked(options.texts, place)
    name = next((each for each in ANSWERS if each in row), "answer")
    answer = place.field(row, name, (str, int))
    if isinstance(answer, str) and answer.strip() in options.labels:
        right = options.labels.index(answer.strip())
    else:
        right = _index(answer, texts, place)
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
    endings = _checked(tuple(map(clean, place.texts(row, "endings"))), place)
    label = place.field(row, "label", (str, int))
    if label == "":
        raise place.error("field 'label' is empty", "a labelled split: validation, not test")
    right = endings[_index(int(label) if str(label).isdecimal() else label, endings, place)]
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
