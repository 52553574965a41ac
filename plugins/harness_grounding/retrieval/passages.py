"""The passages of a corpus: a folder of texts, a file of rows, or the task's own contexts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.authoring.readers import rows, text_files
from harness.errors import DataError
from harness.types import Sample

OWN = "self"
"""Stands for the contexts of the task's own samples."""
WORDS = 200
"""Words of a passage at most; a longer paragraph is cut."""
_TEXTS = (".txt", ".md")
_FIELDS = ("text", "passage", "contents", "context", "document")


@dataclass(frozen=True, slots=True)
class Passage:
    """One passage; ``id`` is its own, or its place in the corpus; ``title`` may be empty."""

    id: str
    body: str
    title: str = ""

    @property
    def text(self) -> str:
        """What is searched and shown: the title, where there is one, above the body."""
        return f"{self.title}\n{self.body}" if self.title else self.body


def read(path: Path) -> list[Passage]:
    """The passages of a folder or a file.

    Args:
        path: A text file or a folder of them (``.txt``, ``.md``: paragraphs between empty lines),
            or rows of any format with ``text`` (or ``passage``, ``contents``, ``context``,
            ``document``) and maybe ``id`` and ``title``.

    Raises:
        DataError: It cannot be read, or holds no passage.
    """
    found: list[Passage] = []
    texts = sorted(each for each in path.rglob("*") if _is_text(each)) if path.is_dir() else []
    if _is_text(path):
        texts = [path]
    for file in texts:
        for number, paragraph in enumerate(_paragraphs(file), 1):
            pieces = list(cut(paragraph))
            for part, piece in enumerate(pieces):
                suffix = f".{part}" if len(pieces) > 1 else ""
                found.append(Passage(f"{file.name}:{number}{suffix}", piece))
    if not texts:
        found = [_of_row(row, place) for row, place in rows.read_rows(path)]
    if not found:
        raise DataError("no passages", path=path, expected="texts, or rows with 'text'")
    return found


def _is_text(path: Path) -> bool:
    return path.is_file() and rows.suffix(path) in _TEXTS


def _of_row(row: text_files.Row, place: rows.Place) -> Passage:
    name = next((name for name in _FIELDS if row.get(name)), None)
    if name is None:
        raise place.error(
            f"a row with {', '.join(map(str, row))[:100]}", f"one of {', '.join(_FIELDS)}"
        )
    title = row.get("title")
    given = row.get("id")
    return Passage(
        id=str(place.ordinal if given in (None, "") else given),
        body=place.text(row, name),
        title=title if isinstance(title, str) and title.strip() else "",
    )


def _paragraphs(path: Path) -> Iterator[str]:
    held: list[str] = []
    for _, line in text_files.lines(path):
        if line.strip():
            held.append(line.strip())
        elif held:
            yield " ".join(held)
            held = []
    if held:
        yield " ".join(held)


def cut(text: str) -> Iterator[str]:
    """Pieces of at most ``WORDS`` words."""
    words = text.split()
    for start in range(0, len(words), WORDS):
        yield " ".join(words[start : start + WORDS])


def own(samples: Iterable[Sample]) -> list[Passage]:
    """The distinct contexts of samples, in their order."""
    texts = dict.fromkeys(
        str(sample.metadata["context"]) for sample in samples if sample.metadata.get("context")
    )
    return [Passage(str(number), text) for number, text in enumerate(texts, 1)]


def gold(sample: Sample, passages: Sequence[Passage]) -> frozenset[int]:
    """Places of the passages that hold what the sample is about; empty where that is not known.

    They are the ids in its field ``gold`` (a text, ids between commas), else the passages whose
    body is its ``context``, or a part of it.
    """
    named = sample.metadata.get("gold")
    if named not in (None, ""):
        wanted = {each.strip() for each in str(named).split(",")}
        return frozenset(place for place, each in enumerate(passages) if each.id in wanted)
    context = _folded(str(sample.metadata.get("context") or ""))
    if not context:
        return frozenset()
    return frozenset(
        place
        for place, each in enumerate(passages)
        if (body := _folded(each.body)) and body in context
    )


def _folded(text: str) -> str:
    return " ".join(text.split())
