"""Where a task's documents come from: lm_eval loads them, or rows of a file take their place."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from harness.authoring.readers import rows
from harness.authoring.readers.sources import from_path
from harness.errors import DataError, HarnessError
from harness.types import DataSource
from harness_lm_eval.catalogue.definitions import Definition, missing_package, plain
from harness_lm_eval.settings import TaskSettings

SEED, OTHER_SEED = 0, 1234
"""What lm_eval seeds ``random`` and numpy with; some definitions shuffle by them."""


class Splits(dict[str, Any]):
    """The parts of a data set, made of a file's rows.

    Every part whose name is not known is the scored rows: definitions look at parts that they
    do not use.

    Args:
        scored: The rows of ``--data``.
        shots: Those of the setting ``shots``; None where there is none.
        evaluated: Names of the part that is scored, where known.
    """

    def __init__(self, scored: Any, shots: Any, evaluated: Sequence[str]) -> None:
        super().__init__()
        self._scored, self._shots, self._evaluated = scored, shots, evaluated

    def __missing__(self, part: str) -> Any:
        is_shots = part not in self._evaluated if self._evaluated else part.startswith("train")
        return self._shots if is_shots and self._shots is not None else self._scored

    def __contains__(self, part: object) -> bool:
        return isinstance(part, str)


def make(name: str, definition: Definition, settings: TaskSettings, source: DataSource) -> Any:
    """Their task object with its documents.

    Args:
        name: What users call it.
        definition: What to make.
        settings: The user's.
        source: Where its documents are.

    Raises:
        DataError: They cannot be loaded or read, or do not fit the definition.
    """
    splits = None if source.kind == "hub" else _splits(name, definition, settings, source)
    try:
        with _seeded():
            return construct(definition, splits)
    except HarnessError:
        raise
    except ImportError as error:
        raise missing_package(definition.name, error) from error
    except Exception as error:
        raise _explained(name, definition, source, error) from error


def construct(definition: Definition, splits: Mapping[str, Any] | None) -> Any:
    """As ``TaskFactory`` does it, but for the documents."""
    import inspect

    from lm_eval.api.task import ConfigurableTask

    config = plain(definition.config)
    base = config.get("class", ConfigurableTask)
    if splits is not None:
        base = type(base.__name__, (base,), {"download": _download(splits)})
    if "class" not in config:
        return base(config=config)
    takes_config = "config" in inspect.signature(base.__init__).parameters
    made = base(config=config) if takes_config else base()
    if hasattr(made, "config") and hasattr(made.config, "task"):
        made.config.task = definition.name
    return made


def _download(splits: Mapping[str, Any]) -> Any:
    """The method that lm_eval lets tasks override to get their data from elsewhere."""

    def download(self: Any, *arguments: Any, **named: Any) -> None:  # noqa: ARG001
        self.dataset = splits

    return download


@contextmanager
def _seeded() -> Iterator[None]:
    """The seeds that lm_eval sets before it makes tasks; the caller's come back afterwards."""
    import numpy as np

    before, of_numpy = random.getstate(), np.random.get_state()
    random.seed(SEED)
    np.random.seed(OTHER_SEED)
    try:
        yield
    finally:
        random.setstate(before)
        np.random.set_state(of_numpy)


# --------------------------------------------------------------------------- a file's rows


def _splits(
    name: str, definition: Definition, settings: TaskSettings, source: DataSource
) -> Splits:
    config = definition.config
    evaluated = config.get("test_split") or config.get("validation_split")
    shots = None
    if settings.shots is not None:
        given = from_path(settings.shots)
        shots = _dataset(name, DataSource("path", given.label, given.paths, columns=source.columns))
    return Splits(_dataset(name, source), shots, [] if evaluated is None else [str(evaluated)])


def _dataset(name: str, source: DataSource) -> Any:
    from datasets import Dataset

    read = list(rows.read(source))
    if not read:
        raise DataError(f"{name}: the file holds no rows", path=source.label, expected="some rows")
    table: Sequence[Mapping[str, Any]] = [row for row, _ in read]
    if not read[0][1].typed:
        table = _typed(table)
    try:
        return Dataset.from_list(_same_fields(table))
    except Exception as error:  # pyarrow's errors have no common base
        raise DataError(
            f"{name}: its columns mix types: {str(error).splitlines()[0]}",
            path=source.label,
            expected="one type in a column",
        ) from error


def _same_fields(table: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    names = dict.fromkeys(field for row in table for field in row)
    return [{field: row.get(field) for field in names} for row in table]


def _typed(table: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Columns of CSV and TSV as numbers or lists where all of their texts are such."""
    columns: dict[str, list[Any]] = {}
    for field in dict.fromkeys(field for row in table for field in row):
        columns[field] = _column([row.get(field) for row in table])
    return [
        {field: values[place] for field, values in columns.items()} for place in range(len(table))
    ]


def _column(texts: list[Any]) -> list[Any]:
    given = [text for text in texts if isinstance(text, str)]
    for read in (int, float):
        try:
            return [read(text) if isinstance(text, str) and text else None for text in texts]
        except ValueError:
            continue
    if given and all(text.strip()[:1] in ("[", "{") for text in given):
        return [rows.structure(text) if isinstance(text, str) else text for text in texts]
    return texts


# --------------------------------------------------------------------------- what went wrong


def _explained(
    name: str, definition: Definition, source: DataSource, error: Exception
) -> HarnessError:
    first = str(error).splitlines()[0] if str(error) else type(error).__name__
    told = f"{type(error).__name__}: {first}"
    path = definition.config.get("dataset_path")
    if source.kind != "hub":
        return DataError(
            f"the rows do not fit the definition of {name}: {told}",
            path=source.label,
            expected=f"the columns of {path}, or others mapped by --set {name}.columns="
            "FIELD:COLUMN,…",
        )
    return DataError(
        f"{name}: its data set {path} cannot be loaded: {told}",
        expected=f"access to it, or a file of the same columns: --data {name}=FILE",
    )
