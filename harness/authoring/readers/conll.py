"""Files with a token and its tag a line and a blank line after each sentence, as CoNLL's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.authoring.readers import text_files
from harness.errors import DataError

EXPECTED = (
    "a token a line, its tag (O, B-TYPE, I-TYPE, …) in the last column after a tab or a blank, "
    "and a blank line after each sentence"
)
_TAG = re.compile(r"O|[BIESLUM]-\S+")
_DOCUMENT = "-DOCSTART-"


@dataclass(frozen=True, slots=True)
class Sentence:
    """Tokens and their tags, equally many.

    Attributes:
        line: The line of the first token, from 1.
        tokens: The words.
        tags: ``O``, or a prefix and a type.
        document: Its number from 1; None where the file marks no documents (``-DOCSTART-``).
    """

    line: int
    tokens: tuple[str, ...]
    tags: tuple[str, ...]
    document: int | None = None


def read(path: str | Path) -> Iterator[Sentence]:
    """Streams a file's sentences.

    Raises:
        DataError: It cannot be read, or a line has no tag.
    """
    found: list[tuple[str, str]] = []
    first, document = 1, None
    for number, line in text_files.lines(path):
        pair = token_and_tag(line)
        ends = not line.strip() or line.startswith(_DOCUMENT)
        if ends and found:
            yield _sentence(first, found, document)
            found = []
        if line.startswith(_DOCUMENT):
            document = (document or 0) + 1
        elif pair is not None:
            first = first if found else number
            found.append(pair)
        elif not ends and (found or not line.startswith("# ")):
            raise DataError(
                f"no tag after a token: {line[:60]!r}", path=path, line=number, expected=EXPECTED
            )
    if found:
        yield _sentence(first, found, document)


def read_text(text: str) -> tuple[tuple[str, str], ...] | None:
    """The tokens and tags of one sentence; None where a line that is not blank has no tag."""
    pairs = [token_and_tag(line) for line in text.split("\n") if line.strip()]
    found = tuple(pair for pair in pairs if pair is not None)
    return found if found and len(found) == len(pairs) else None


def token_and_tag(line: str) -> tuple[str, str] | None:
    """A line's first and last column; None where the last is no tag."""
    columns = line.rstrip().split("\t") if "\t" in line else line.strip(" \r").split(" ")
    token, tag = columns[0].strip(), columns[-1].strip()
    return (token, tag) if len(columns) > 1 and token and _TAG.fullmatch(tag) else None


def _sentence(line: int, pairs: list[tuple[str, str]], document: int | None) -> Sentence:
    tokens, tags = zip(*pairs, strict=True)
    return Sentence(line, tokens, tags, document)
