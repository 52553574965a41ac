"""Labels of people and scores of metrics, from files or a run folder, joined by key."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.authoring.readers import rows
from harness.authoring.readers.rows import Place
from harness.authoring.readers.text_files import Row
from harness.errors import DataError, UnknownNameError, UsageError

Key = tuple[str, ...]
_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns hold what.

    Attributes:
        label: What people said.
        keys: The columns by which scores and labels are joined; with one file, nothing is joined.
        metrics: The columns of the metrics; empty: all that hold numbers.
        system: Which system made the text.
        cluster: What samples have in common, such as the document.
        controls: Columns that partial correlations are freed of.
        positive: The label's text that is positive; None where labels are numbers.
    """

    label: str
    keys: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    system: str | None = None
    cluster: str | None = None
    controls: tuple[str, ...] = ()
    positive: str | None = None

    @property
    def described(self) -> tuple[str, ...]:
        """The columns beside label, keys and metrics."""
        named = (self.system, self.cluster, *self.controls)
        return tuple(dict.fromkeys(each for each in named if each is not None))


@dataclass(frozen=True, slots=True)
class Labelled:
    """People's labels with the metrics' scores, row by row.

    Attributes:
        labels: Shape (n,), finite.
        scores: Metric → n scores; None where a row has none.
        systems: Of each row; None where no column says it.
        clusters: Of each row; None where no column says it.
        controls: Column → n values, numbers or texts.
        notes: What was left out, in words.
    """

    labels: Sequence[float]
    scores: Mapping[str, Sequence[float | None]]
    systems: Sequence[str] | None
    clusters: Sequence[str] | None
    controls: Mapping[str, Sequence[float | str]]
    notes: tuple[str, ...] = ()


def read(file: Path, scores: Sequence[Path], columns: Columns, task: str | None) -> Labelled:
    """Reads labels and scores.

    Args:
        file: Rows with the labels, and with the scores where ``scores`` is empty.
        scores: Further files of rows, or run folders, whose samples' ids are joined to ``id``.
        columns: Which columns hold what.
        task: The task of a run folder; None where the run has one.

    Raises:
        DataError: A file cannot be read, a key comes twice, or nothing can be joined.
        UnknownNameError: There is no such column.
        UsageError: Keys are needed and not given.
    """
    labelled = list(rows.read_rows(file))
    if not labelled:
        raise DataError("no rows", path=file, expected="a row a labelled text")
    names = _names(row for row, _ in labelled)
    for name in (columns.label, *columns.described, *columns.keys):
        if name not in names:
            raise UnknownNameError(f"column of {file}", name, names)
    notes: list[str] = []
    numbers = [_label(row, place, columns) for row, place in labelled]
    kept = [place for place, number in enumerate(numbers) if number is not None]
    if len(kept) < len(labelled):
        notes.append(f"{len(labelled) - len(kept):,} rows have no label and are left out")
    if scores:
        keys = _keys_of(file, labelled, columns.keys, kept)
        found: Mapping[str, Sequence[float | None]] = {}
        for path in scores:
            found = {**found, **_joined(path, keys, columns, task, notes)}
    else:
        taken = {columns.label, *columns.keys, *columns.described}
        kept_rows = [labelled[each] for each in kept]
        found = _number_columns(kept_rows, taken, columns.metrics)
    found = _wanted(columns.metrics, found, file)
    return Labelled(
        [float(numbers[each] or 0) for each in kept],
        found,
        _texts(labelled, kept, columns.system),
        _texts(labelled, kept, columns.cluster),
        {name: _control(labelled, kept, name) for name in columns.controls},
        tuple(notes),
    )


def _names(found: Iterator[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in found for name in row))


def _label(row: Row, place: Place, columns: Columns) -> float | None:
    """The label as a number; None where there is none.

    Raises:
        DataError: It is no number, and no text is said to be positive.
    """
    value = row.get(columns.label)
    if value is None or value == "":
        return None
    if columns.positive is not None:
        return float(str(value).strip() == columns.positive)
    number = _number(value)
    if number is None:
        raise place.error(
            f"the label {str(value)[:60]!r} is no number",
            "numbers, or --positive TEXT, the label that is positive",
        )
    return number


def _number(value: Any) -> float | None:
    """The finite number that a value is; None where it is none."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool | int | float) and math.isfinite(value):
        return float(value)
    return None


def _texts(labelled: list[tuple[Row, Place]], kept: list[int], name: str | None) -> Any:
    if name is None:
        return None
    return [_text(*labelled[each], name) for each in kept]


def _text(row: Row, place: Place, name: str) -> str:
    value = row.get(name)
    if value is None or value == "":
        raise place.error(f"no value in {name!r}", "a value in every row")
    return str(value)


def _control(
    labelled: list[tuple[Row, Place]], kept: list[int], name: str
) -> Sequence[float | str]:
    """Numbers where every value is one, else texts, which are categories."""
    texts = [_text(*labelled[each], name) for each in kept]
    numbers = [_number(labelled[each][0][name]) for each in kept]
    if any(number is None for number in numbers):
        return texts
    return [number for number in numbers if number is not None]


def _keys_of(
    file: Path, labelled: list[tuple[Row, Place]], names: tuple[str, ...], kept: list[int]
) -> list[Key]:
    columns = names or ("id",)
    if not names and any("id" not in row for row, _ in labelled):
        raise UsageError(
            f"{file} has no column 'id' by which to find the scores",
            "Name the columns that both files share: --on document,system",
        )
    return [_key(*labelled[each], columns) for each in kept]


def _key(row: Row, place: Place, columns: tuple[str, ...]) -> Key:
    return tuple(_text(row, place, name) for name in columns)


def _joined(
    path: Path, keys: list[Key], columns: Columns, task: str | None, notes: list[str]
) -> dict[str, list[float | None]]:
    """Metric → a score a key, None where the file has none."""
    names = columns.keys or ("id",)
    if path.is_dir() and (path / "results.json").exists():
        by_key, metrics = _of_run(path, task)
    else:
        by_key, metrics = _of_file(path, names, columns)
    shared = sum(key in by_key for key in keys)
    if not shared:
        raise DataError(
            f"none of its {len(by_key):,} rows has the key of a labelled row",
            path=path,
            expected=f"the same values in {', '.join(names)} as the labels have",
        )
    if shared < len(keys):
        notes.append(f"{len(keys) - shared:,} labelled rows have no scores in {path}")
    if len(by_key) > len(set(keys) & set(by_key)):
        extra = len(by_key) - len(set(keys) & set(by_key))
        notes.append(f"{extra:,} rows of {path} have no label")
    return {name: [by_key.get(key, {}).get(name) for key in keys] for name in metrics}


def _of_file(
    path: Path, names: tuple[str, ...], columns: Columns
) -> tuple[dict[Key, Mapping[str, float | None]], list[str]]:
    read_rows = list(rows.read_rows(path))
    known = _names(row for row, _ in read_rows)
    for name in names:
        if name not in known:
            raise UnknownNameError(f"column of {path}", name, known)
    metrics = _number_columns(
        read_rows, {*names, columns.label, *columns.described}, columns.metrics
    )
    by_key: dict[Key, Mapping[str, float | None]] = {}
    for number, (row, place) in enumerate(read_rows):
        key = _key(row, place, names)
        if key in by_key:
            raise place.error(f"the key {' / '.join(key)!r} comes a second time", "one row a key")
        by_key[key] = {name: values[number] for name, values in metrics.items()}
    return by_key, list(metrics)


def _of_run(
    path: Path, task: str | None
) -> tuple[dict[Key, Mapping[str, float | None]], list[str]]:
    """The scores of a run's samples, metric → number; a corpus metric's statistics are none."""
    import harness

    run = harness.load_run(path)
    if task is None and len(run.samples) > 1:
        raise UsageError(
            f"{path} holds {len(run.samples)} tasks",
            f"Name one: --task {' or --task '.join(run.samples)}",
        )
    name = task or next(iter(run.samples), "")
    if name not in run.samples:
        raise UnknownNameError(f"task of {path}", name, run.samples)
    by_key: dict[Key, Mapping[str, float | None]] = {
        (sample.id,): {
            metric: _number(value) if isinstance(value, float) else None
            for metric, value in sample.scores.items()
        }
        for sample in run.samples[name].values()
    }
    metrics = dict.fromkeys(
        metric for each in by_key.values() for metric, value in each.items() if value is not None
    )
    return by_key, list(metrics)


def _number_columns(
    found: Sequence[tuple[Row, Place]],
    taken: set[str],
    wanted: tuple[str, ...],
) -> dict[str, Sequence[float | None]]:
    """Column → numbers: each whose every value is one, or missing; an id where it is wanted.

    Raises:
        DataError: A wanted column holds something else.
    """
    columns: dict[str, Sequence[float | None]] = {}
    for name in _names(row for row, _ in found):
        if name in taken or (name == "id" and name not in wanted):
            continue
        values = [_number(row.get(name)) for row, _ in found]
        others = [
            (row[name], place)
            for (row, place), value in zip(found, values, strict=True)
            if value is None and row.get(name) not in (None, "")
        ]
        others = [each for each in others if not isinstance(each[0], float)]  # NaN is missing
        if others and name in wanted:
            value, place = others[0]
            raise place.error(f"{name!r} holds {str(value)[:60]!r}", "a number")
        if not others and any(value is not None for value in values):
            columns[name] = values
    return columns


def _wanted(
    names: tuple[str, ...], found: Mapping[str, Sequence[float | None]], file: Path
) -> Mapping[str, Sequence[float | None]]:
    """The metrics that are named, in the order of the data; all where none is.

    Raises:
        UnknownNameError: There is no such metric.
        DataError: There is none at all.
    """
    for name in names:
        if name not in found:
            raise UnknownNameError("metric", name, found)
    if not found:
        raise DataError(
            "no column holds numbers beside the label",
            path=file,
            expected="a column a metric, or --scores FILE with them",
        )
    return {name: values for name, values in found.items() if not names or name in names}
