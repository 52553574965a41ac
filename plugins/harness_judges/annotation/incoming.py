"""Judgements as pages give them, over HTTP or in a downloaded file: nothing in them is trusted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.authoring.readers.text_files import read_json
from harness.errors import DataError, UsageError
from harness_judges.annotation import spans
from harness_judges.annotation.store import Label, Store

FORMAT = "evalign-annotations"
SCHEMA = 1
LONGEST_COMMENT = 5000
_EXPECTED = "the file that the page of `harness annotate … --offline` saves"


def known(store: Store, name: Any) -> str:
    """The annotator of that name.

    Raises:
        UsageError: There is none.
    """
    if name not in store.annotators:
        raise UsageError(f"there is no annotator {str(name)[:60]!r}")
    return str(name)


def label_of(store: Store, annotator: str, given: Mapping[str, Any]) -> Label:
    """The judgement that a page gives.

    Raises:
        UsageError: The item is not the annotator's, or the judgement is none of those offered.
    """
    item, value, comment = given.get("item"), given.get("value"), given.get("comment", "")
    if type(item) is not int or item not in store.assigned(annotator):
        raise UsageError("that item is not yours to judge")
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (value is None or number) or not store.settings.allows(value):
        raise UsageError("the judgement is not one of those offered")
    if not isinstance(comment, str) or len(comment) > LONGEST_COMMENT:
        raise UsageError(f"the comment is no text of at most {LONGEST_COMMENT:,} characters")
    texts = [answer.text for answer in store.item(item).answers]
    return Label(
        annotator,
        item,
        None if value is None else float(value),
        comment,
        _seconds(given.get("seconds"), 86_400),
        _seconds(given.get("at"), 1e11) or 0.0,
        spans.read(given.get("spans", []), store.settings.spans, texts),
    )


def _seconds(given: Any, most: float) -> float | None:
    number = isinstance(given, int | float) and not isinstance(given, bool)
    return float(given) if number and math.isfinite(given) and 0 <= given <= most else None


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of a downloaded file.

    Attributes:
        annotator: Whose it is.
        added: Judgements that are new.
        known: Those that stood already, just so.
        replaced: Those that stood otherwise, and are as the file says now.
        other: Those that stand otherwise and are left.
    """

    annotator: str
    added: int
    known: int
    replaced: int
    other: int


def take(store: Store, path: Path, replace: bool = False) -> Taken:
    """Takes the judgements of a downloaded file, all or none.

    Args:
        store: Where they belong.
        path: The file.
        replace: Whether the file's judgement of an item that has another takes its place.

    Raises:
        DataError: The file is damaged, of other items, or holds what nobody could have judged.
    """
    document = read_json(path)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise DataError("no judgements of an offline page", path=path, expected=_EXPECTED)
    if document.get("schema") != SCHEMA:
        raise DataError(
            f"is of schema {str(document.get('schema'))[:20]}", path=path,
            expected=f"schema {SCHEMA}; use the version of harness that wrote the page",
        )  # fmt: skip
    if document.get("identity") != store.identity:
        raise DataError(
            "its page is of other items, annotators or settings than this folder", path=path,
            expected=f"a file saved from the page that was made with --out {store.path.parent}",
        )  # fmt: skip
    labels = _labels(store, path, document)
    counts = {"added": 0, "known": 0, "replaced": 0, "other": 0}
    annotator = known(store, document.get("annotator"))
    for outcome in store.add_all(labels, replace):
        counts[outcome] += 1
    return Taken(annotator, **counts)


def _labels(store: Store, path: Path, document: Mapping[str, Any]) -> list[Label]:
    rows = document.get("labels")
    if not isinstance(rows, list):
        raise DataError("holds no list of labels", path=path, expected=_EXPECTED)
    found: dict[int, Label] = {}
    for place, row in enumerate(rows):
        try:
            annotator = known(store, document.get("annotator"))
            if not isinstance(row, dict):
                raise UsageError("it is no object")
            label = label_of(store, annotator, row)
            if label.item in found:
                raise UsageError(f"item {label.item} is judged twice")
            found[label.item] = label
        except UsageError as error:
            raise DataError(
                f"label {place}: {error.message}", path=path, expected=_EXPECTED
            ) from error
    return list(found.values())
