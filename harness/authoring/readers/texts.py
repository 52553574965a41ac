"""Rows of texts: with an answer, with a label, or alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harness.authoring.readers import rows, text_files
from harness.authoring.readers.labels import Labels
from harness.authoring.readers.rows import Header, Place
from harness.authoring.readers.samples import aligned, named, read, shared
from harness.authoring.readers.text_files import Row
from harness.errors import DataError
from harness.types import DataSource, Sample

ANSWERED_FIELDS = frozenset({"input", "target", "targets"})
FIELDS = frozenset({"text", "label", "sentence", "idx"})
HEADER = Header(FIELDS, absent=("text", "label"))
PLAIN_FIELDS = frozenset({"text", "page"})


def read_answered(source: DataSource) -> Iterator[Sample]:
    """Streams rows of any format: an ``input`` with its ``target``, or its list of ``targets``.

    Raises:
        DataError: A file or row cannot be read.
    """

    def read_row(row: Row, place: Place) -> Sample:
        text = place.text(row, "input")
        if named(source, row, "targets", "target") == "targets":
            targets = place.texts(row, "targets")
        else:
            targets = (str(place.field(row, "target", (str, int, float))),)
        if not targets or not all(each.strip() for each in targets):
            raise place.error("no right answer, or an empty one", "some text in every target")
        return Sample(input=text, targets=targets, **shared(row, place, text, ANSWERED_FIELDS))

    return read(source, read_row, Header(ANSWERED_FIELDS))


def read_labelled(source: DataSource, labels: Labels, pair: str = "") -> Iterator[Sample]:
    """Streams rows of any format (``text`` or ``sentence``, ``label``), or TEXT<TAB>LABEL lines.

    Two files are texts and labels, line by line.

    Args:
        source: The data.
        labels: The labels that there are.
        pair: The column of a second text, which then every row has; empty: there is one text.

    Raises:
        DataError: A file or row cannot be read, has another label, or no second text.
    """

    def read_tabbed(path: Path) -> Iterator[Sample] | None:
        _, first = next(text_files.lines(path), (1, ""))
        headed = not FIELDS.isdisjoint(each.strip() for each in first.split("\t"))
        if rows.suffix(path) == ".tsv" and (headed or source.columns):
            return None
        return _read_tabbed(path, labels)

    def read_row(row: Row, place: Place) -> Sample:
        text = place.text(row, named(source, row, "sentence", "text"))
        if pair:
            place.text(row, pair)
        label = place.field(row, "label", (str, int, float, bool))
        if "id" not in row and "idx" in row:
            row = {**row, "id": row["idx"]}
        arguments = shared(row, place, text, FIELDS)
        return Sample(input=text, targets=(labels.name(label, place),), **arguments)

    def read_lines(paths: tuple[str, ...]) -> Iterator[Sample]:
        for number, (text, label) in aligned(paths):
            place = Place(paths[1], number)
            if not text.strip():
                raise Place(paths[0], number).error("an empty line", "a text in every line")
            yield Sample(str(number), text, (labels.name(label.strip(), place),))

    if pair:
        return read(source, read_row, Header((*FIELDS, pair)))
    files = {".tsv": read_tabbed, ".txt": read_tabbed}
    lines = read_lines if len(source.paths) == 2 else None
    return read(source, read_row, HEADER, files=files, lines=lines)


def _read_tabbed(path: Path, labels: Labels) -> Iterator[Sample]:
    """A text a line, and its label after the last tab: a text may hold tabs, too."""
    filled = [(number, line) for number, line in text_files.lines(path) if line.strip()]
    tabs = {line.count("\t") for _, line in filled}
    if len(filled) > 1 and len(tabs) == 1 and tabs != {1} and tabs != {0}:
        raise DataError(
            f"{tabs.pop() + 1} columns without a header",
            path=path,
            line=filled[0][0],
            expected="TEXT<TAB>LABEL, or a first line that names the columns: text, label, …",
        )
    for number, line in filled:
        place = Place(path, number)
        text, tab, label = line.rpartition("\t")
        if not (tab and text.strip()):
            raise place.error(f"no text before a tab: {line[:60]!r}", "TEXT<TAB>LABEL")
        yield Sample(str(number), text, (labels.name(label.strip(), place),))


def read_plain(source: DataSource) -> Iterator[Sample]:
    """Streams rows (``text``; the hub's ``page``) of any format, or a ``.txt`` file as one text.

    Raises:
        DataError: A file or row cannot be read.
    """

    def read_row(row: Row, place: Place) -> Sample:
        text = place.text(row, named(source, row, "page", "text"))
        return Sample(input=text, **shared(row, place, text, PLAIN_FIELDS))

    return read(source, read_row, Header(PLAIN_FIELDS), files={".txt": _read_file})


def _read_file(path: Path) -> Iterator[Sample]:
    text = text_files.read_text(path)
    if not text.strip():
        raise DataError("the file is empty", path=path, expected="some text")
    yield Sample(path.name, text)
