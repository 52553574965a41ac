"""Labels of people: a JSONL or CSV file, or the folder of ``harness annotate``."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.authoring.io.serialization import canonical_hash
from harness.authoring.readers import rows
from harness.errors import DataError
from harness_judges.annotation import export, store

VALUES = ("value", "label", "score")
"""Columns that hold a label; the first that is there."""
_WORDS = {"yes": 1.0, "no": 0.0, "true": 1.0, "false": 0.0}
_EXPECTED = "a number, true or false, or yes or no"


@dataclass(frozen=True, slots=True)
class Label:
    """One label.

    Attributes:
        annotator: Who gave it; empty where that is not known.
        value: The value.
        answers: The answer that it is about, or the pair; empty where the labels do not say.
    """

    annotator: str
    value: float
    answers: tuple[str, ...] = ()


def people_of(labels: Sequence[Label], *answers: str) -> dict[str, float]:
    """Annotator → value, of the labels that are about these answers.

    Args:
        labels: All labels of the sample.
        answers: The answer; or two, of which a label of the reversed pair says the opposite.
    """
    found = {}
    for label in labels:
        if not label.answers or label.answers == answers:
            found[label.annotator] = label.value
        elif len(answers) == 2 and label.answers == answers[::-1]:
            found[label.annotator] = 1 - label.value
    return found


@dataclass(frozen=True, slots=True)
class Labels:
    """What people said of samples.

    Attributes:
        source: The file or folder.
        values: Criterion (empty where labels name none) → sample id → labels.
        sha256: Hash of the values.
    """

    source: str
    values: Mapping[str, Mapping[str, Sequence[Label]]]
    sha256: str

    def of(self, criterion: str, only: bool) -> Mapping[str, Sequence[Label]]:
        """Sample id → labels, for one criterion.

        Args:
            criterion: Its name.
            only: Whether the rubric has this criterion alone: then labels that name none are its.

        Raises:
            DataError: Labels name no criterion, and the rubric has several.
        """
        if criterion in self.values:
            return self.values[criterion]
        if "" in self.values and not only:
            raise DataError(
                "labels name no criterion, and the rubric has several",
                path=self.source,
                expected="a column 'criterion'",
            )
        return self.values.get("", {})

    def check_match(self, ids: Collection[str]) -> None:
        """Refuses labels none of which is of these samples.

        Raises:
            DataError: No label is.
        """
        labelled = [each for values in self.values.values() for each in values]
        if not set(labelled) & set(ids):
            raise DataError(
                f"none of the {len(labelled):,} labels, such as that of {labelled[0]!r}, is of a "
                f"sample, such as {next(iter(ids), '')!r}",
                path=self.source,
                expected="the samples' own ids",
            )

    @property
    def annotators(self) -> list[str]:
        """Everyone who labelled something."""
        return sorted(
            {
                label.annotator
                for ids in self.values.values()
                for labels in ids.values()
                for label in labels
            }
        )


def read(path: Path) -> Labels:
    """Reads labels.

    Raises:
        DataError: The file cannot be read, has no labels, or one that is no number.
    """
    found: dict[str, dict[str, list[Label]]] = {}
    for criterion, identifier, label in _labels(path):
        found.setdefault(criterion, {}).setdefault(identifier, []).append(label)
    if not found:
        raise DataError("holds no labels", path=path, expected="rows with `id` and `value`")
    return Labels(str(path), found, hash_of(found))


def hash_of(values: Mapping[str, Mapping[str, Sequence[Label]]]) -> str:
    """Hash of labels."""
    return canonical_hash(
        {
            criterion: {
                name: [[each.annotator, each.value, list(each.answers)] for each in labels]
                for name, labels in ids.items()
            }
            for criterion, ids in values.items()
        }
    )


def _labels(path: Path) -> Iterable[tuple[str, str, Label]]:
    """(criterion, sample id, label)."""
    if path.is_dir():
        with store.opened(path) as opened:
            given = export.rows(opened, "labels")
        for row in given:
            if row["value"] is not None:
                answers = tuple(row["answers"])
                yield "", str(row["id"]), Label(row["annotator"], float(row["value"]), answers)
        return
    for found, place in rows.read_rows(path):
        row = dict(found)
        if row.get("id") is None:
            raise place.error("there is no id", "the sample's id in each row")
        column = next((each for each in VALUES if each in row), None)
        if column is None:
            raise place.error(
                f"there is no label; the columns are {', '.join(map(repr, row))}",
                "a column 'value', 'label' or 'score'",
            )
        if row[column] is None:  # skipped
            continue
        value = _number(row[column])
        if value is None:
            raise place.error(f"{column} is {str(row[column])[:60]!r}", _EXPECTED)
        about = row.get("answers") or []
        if not isinstance(about, list) or not all(isinstance(each, str) for each in about):
            raise place.error(f"answers is {str(about)[:60]!r}", "a list of texts, or none")
        label = Label(str(row.get("annotator") or ""), value, tuple(about))
        yield str(row.get("criterion") or ""), str(row["id"]), label


def _number(value: Any) -> float | None:
    if isinstance(value, str) and value.strip().lower() in _WORDS:
        return _WORDS[value.strip().lower()]
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def consensus(given: Mapping[str, float], binary: bool) -> float | None:
    """What several people say together: their mean, or for yes and no their majority.

    Returns:
        None where as many say yes as no.
    """
    mean = sum(given.values()) / len(given)
    if not binary:
        return mean
    return None if mean == 0.5 else float(mean > 0.5)
