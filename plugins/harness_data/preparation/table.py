"""Rows of a file as they stand, and the texts in them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from harness.authoring.readers import rows
from harness.errors import DataError, UnknownNameError

GIVEN = ("id", "label", "group", "source", "model", "cluster")
"""Columns that hold no text of the data unless they are named."""
PROMPTS = ("prompt", "question", "instruction", "input", "query")
"""Columns that hold what is asked: rows may share it, and have answers of their own."""
PAIR = ("chosen", "rejected")


@dataclass(frozen=True, slots=True)
class Line:
    """One row.

    Attributes:
        number: Its line or row, from 1.
        row: Its columns as they stand.
        text: Its texts, one after the other.
        prompt: Those that were asked; empty where the row does not say.
        rest: The others.
    """

    number: int
    row: Mapping[str, Any]
    text: str
    prompt: str = ""
    rest: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A file's rows.

    Attributes:
        path: The file.
        lines: Its rows.
        columns: All columns, in the order in which they come.
        texts: Those whose texts are looked at.
    """

    path: Path
    lines: tuple[Line, ...]
    columns: tuple[str, ...]
    texts: tuple[str, ...]

    def values(self, column: str) -> list[str | None]:
        """A column's values as text; None where a row has none."""
        found = [line.row.get(column) for line in self.lines]
        return [None if value is None or value == "" else str(value) for value in found]

    def check(self, column: str | None) -> None:
        """Refuses a column that is not there.

        Raises:
            UnknownNameError: No row has it.
        """
        if column is not None and column not in self.columns:
            raise UnknownNameError(f"column of {self.path}", column, self.columns)


def read(path: Path, texts: Sequence[str] = ()) -> Table:
    """Reads a file of rows of any format.

    Args:
        path: The file.
        texts: The columns with texts; empty: all that hold texts, lists of texts or messages.

    Raises:
        DataError: It cannot be read, has no rows, or no row has a text.
        UnknownNameError: There is no such column.
    """
    found = [(place.line or place.ordinal, _finite(row)) for row, place in rows.read_rows(path)]
    columns = tuple(dict.fromkeys(name for _, row in found for name in row))
    if not found:
        raise DataError("no rows", path=path, expected=rows.FORMATS)
    for name in texts:
        if name not in columns:
            raise UnknownNameError(f"column of {path}", name, columns)
    chosen = tuple(texts) or tuple(
        name
        for name in columns
        if name not in GIVEN and any(any(strings(row.get(name))) for _, row in found)
    )
    if not chosen:
        raise DataError("no column holds texts", path=path, expected="a row with a text")
    lines = tuple(
        Line(number, row, _text([row.get(name) for name in chosen]), *_parts(row, chosen))
        for number, row in found
    )
    return Table(path, lines, columns, chosen)


def _finite(value: Any) -> Any:
    """The value with None for NaN and infinities, which JSON does not have."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return value


def _text(values: Sequence[Any]) -> str:
    return "\n".join(text for value in values for text in strings(value))


def _parts(row: Mapping[str, Any], chosen: Sequence[str]) -> tuple[str, str]:
    """What was asked, and the other texts; of a pair without a prompt, that both begin with it."""
    asked = [row.get(name) for name in chosen if name in PROMPTS]
    rest = [row.get(name) for name in chosen if name not in PROMPTS]
    if not any(any(strings(value)) for value in asked) and {*PAIR} <= {*chosen}:
        shared, *ends = _shared_beginning(*(row.get(name) for name in PAIR))
        asked = [shared]
        rest = [*ends, *(row.get(name) for name in chosen if name not in PAIR)]
    return _text(asked), _text(rest)


def _shared_beginning(first: Any, second: Any) -> tuple[Any, Any, Any]:
    """The lines of two texts, or messages of two lists, that both begin with, and what follows."""
    if not isinstance(first, str | list) or type(first) is not type(second):
        return (), first, second
    pairs = zip(first, second, strict=False)
    end = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    if isinstance(first, str):
        end = first.rfind("\n", 0, end) + 1
    return first[:end], first[end:], second[end:]


def strings(value: Any) -> Iterator[str]:
    """The texts in a value: itself, those of a list, the contents of messages."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        kept = value["content"] if "content" in value else list(value.values())
        yield from strings(kept)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from strings(each)


def replaced(value: Any, change: Any) -> Any:
    """A value with ``change`` applied to each text that ``strings`` gives."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        names = ["content"] if "content" in value else list(value)
        return {
            name: replaced(each, change) if name in names else each for name, each in value.items()
        }
    if isinstance(value, list | tuple):
        return [replaced(each, change) for each in value]
    return value
