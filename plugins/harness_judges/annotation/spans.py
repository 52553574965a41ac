"""Parts of an answer that an annotator marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.authoring.literal import one_line
from harness.errors import UsageError

KEYS = "qwertadfgzvb"
"""The key of each label, in their order; none of them judges, skips, takes back or comments."""
MOST = 500
"""Marks in one item."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A marked part of an answer.

    Attributes:
        answer: Which of the item's answers, from 0 in the order in which they are shown.
        start: Its first character's place in the answer; characters are Unicode code points.
        end: The place after its last character.
        label: What it is marked as.
    """

    answer: int
    start: int
    end: int
    label: str


def checked_labels(names: Sequence[str]) -> tuple[str, ...]:
    """The labels that marks can have.

    Raises:
        UsageError: There are too many, one stands twice, or one could not be shown.
    """
    if len(names) > len(KEYS):
        raise UsageError(
            f"--spans names {len(names)} labels", f"Expected at most {len(KEYS)}: a key for each."
        )
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"--spans names {name!r} twice", "Name each once.")
        if not name or len(name) > 40 or name != one_line(name):
            raise UsageError(f"{one_line(name, 40)!r} is no label of at most 40 plain characters")
    return tuple(names)


def read(given: Any, labels: Sequence[str], texts: Sequence[str]) -> tuple[Span, ...]:
    """Spans as a page sends them, sorted, each once.

    Args:
        given: A list of objects with ``answer``, ``start``, ``end`` and ``label``.
        labels: Those that marks can have.
        texts: The item's answers.

    Raises:
        UsageError: One is malformed, outside of its answer, or has no such label.
    """
    if not isinstance(given, list) or len(given) > MOST:
        raise UsageError(f"the marks are no list of at most {MOST}")
    return tuple(sorted({_read(each, labels, texts) for each in given}))


def _read(given: Any, labels: Sequence[str], texts: Sequence[str]) -> Span:
    row: dict[str, Any] = given if isinstance(given, dict) else {}
    places: list[Any] = [row.get(key) for key in ("answer", "start", "end")]
    if any(type(each) is not int for each in places):
        raise UsageError("a mark has no answer, start and end that are whole numbers")
    answer, start, end = places
    if not 0 <= answer < len(texts) or not 0 <= start < end <= len(texts[answer]):
        raise UsageError(f"a mark from {start} to {end} is not inside answer {answer}")
    if row.get("label") not in labels:
        raise UsageError(f"a mark has the label {str(row.get('label'))[:60]!r}, which there is not")
    return Span(answer, start, end, str(row["label"]))
