"""A file of samples as the index keeps it: where each line stands, and its scores as columns."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness import read_samples
from harness.authoring.io import files
from harness.authoring.reporting import records
from harness.errors import DataError
from harness.types import MetricResults, SampleRecord

OUTCOMES = ("right", "partial", "wrong", "unread", "error", "scored")
LONGEST_LINE = 64 << 20
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Columns:
    """The lines of a file of samples, in its order.

    Attributes:
        offsets: Where each line begins in bytes, and where the last ends; shape (rows + 1,).
        ids: Sample ids.
        tags: What tells lines of one sample apart: ``""``, ``typos.0``, ``repeat.2``.
        clusters: Cluster names; None where a sample has none.
        outcomes: Places in ``OUTCOMES``, shape (rows,).
        primary: The metric that says what is right; empty where none does.
        scores: Metric → value of each line, NaN where it has no number; shape (rows,).
    """

    offsets: NDArray[np.int64]
    ids: Sequence[str]
    tags: Sequence[str]
    clusters: Sequence[str | None]
    outcomes: NDArray[np.uint8]
    primary: str = ""
    scores: Mapping[str, Numbers] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Lines of the file."""
        return len(self.ids)

    def pack(self) -> bytes:
        """The columns as bytes."""
        head = {
            "ids": list(self.ids),
            "tags": list(self.tags) if any(self.tags) else None,
            "clusters": list(self.clusters)
            if any(each is not None for each in self.clusters)
            else None,
            "primary": self.primary,
            "scores": list(self.scores),
        }
        text = json.dumps(head, separators=(",", ":")).encode("utf-8", "surrogatepass")
        lengths = np.diff(self.offsets).astype("<i8").tobytes()
        numbers = [np.asarray(column, "<f8").tobytes() for column in self.scores.values()]
        parts = (len(text).to_bytes(8, "little"), text, lengths, self.outcomes.tobytes(), *numbers)
        return zlib.compress(b"".join(parts), 1)

    @classmethod
    def unpack(cls, packed: bytes) -> Columns:
        """The inverse of ``pack``.

        Raises:
            ValueError: These are no columns.
        """
        try:
            return cls._unpacked(zlib.decompress(packed))
        except (zlib.error, KeyError, TypeError, IndexError) as error:
            raise ValueError(f"no columns: {error}") from error

    @classmethod
    def _unpacked(cls, raw: bytes) -> Columns:
        size = int.from_bytes(raw[:8], "little")
        head = json.loads(raw[8 : 8 + size])
        rows, place = len(head["ids"]), 8 + size
        lengths = np.frombuffer(raw, "<i8", rows, place)
        outcomes = np.frombuffer(raw, np.uint8, rows, place + 8 * rows)
        scores = {
            name: np.frombuffer(raw, "<f8", rows, place + 9 * rows + 8 * rows * number)
            for number, name in enumerate(head["scores"])
        }
        return cls(
            np.concatenate([[0], np.cumsum(lengths)]),
            head["ids"],
            head["tags"] or [""] * rows,
            head["clusters"] or [None] * rows,
            outcomes,
            head["primary"],
            scores,
        )

    def originals(self, metric: str) -> tuple[list[str], Numbers, list[str | None]]:
        """The samples without variants: ids, the mean score over repeats, clusters.

        A sample is left out where it has no number at any repeat.
        """
        column = self.scores.get(metric)
        if column is None:
            return [], np.zeros(0), []
        found: dict[str, list[float]] = {}
        clusters: dict[str, str | None] = {}
        for name, tag, cluster, value in zip(
            self.ids, self.tags, self.clusters, column.tolist(), strict=True
        ):
            if (not tag or tag.startswith("repeat.")) and math.isfinite(value):
                found.setdefault(name, []).append(value)
                clusters[name] = cluster
        means = np.array([sum(each) / len(each) for each in found.values()])
        return list(found), means, [clusters[name] for name in found]


@cache
def _row_reader() -> Any:
    from typing import NotRequired

    from pydantic import ConfigDict, TypeAdapter, with_config
    from typing_extensions import TypedDict

    @with_config(ConfigDict(strict=True, allow_inf_nan=False))
    class Row(TypedDict):
        id: str
        scores: dict[str, Any]
        cluster: str | None
        probe: str | None
        variant: int
        repeat: NotRequired[int]
        error: NotRequired[str | None]

    return TypeAdapter(Row)


def read(path: Path, metrics: MetricResults) -> Columns:
    """The columns of a file of samples.

    Args:
        path: ``samples/TASK.jsonl``.
        metrics: The task's.

    Raises:
        DataError: It is missing, or a line is no sample.
    """
    from pydantic import ValidationError

    offsets, rows = [0], []
    reader = _row_reader()
    try:
        with files.open_binary(path) as file:
            while line := file.readline(LONGEST_LINE):
                offsets.append(offsets[-1] + len(line))
                rows.append(reader.validate_json(line))
    except OSError as error:
        raise DataError(
            error.strerror or str(error), path=path, expected="a file of samples"
        ) from error
    except ValidationError as error:
        told = error.errors(include_url=False, include_input=False)[0]["msg"]
        raise DataError(f"not a sample record: {told}", path=path, line=len(offsets) - 1) from error
    return _columns(offsets, rows, metrics)


def _columns(offsets: list[int], rows: list[dict[str, Any]], metrics: MetricResults) -> Columns:
    plain = [{name: _plain(value) for name, value in row["scores"].items()} for row in rows]
    primary = records.primary_metric(metrics, plain)
    inverted = primary is not None and metrics[primary].higher_is_better is False
    names = dict.fromkeys(name for scores in plain for name in scores)
    outcomes = [
        OUTCOMES.index(records.verdict(_entry(row, scores), primary, inverted))
        for row, scores in zip(rows, plain, strict=True)
    ]
    numeric = {
        name: np.array([_number(scores.get(name)) for scores in plain], np.float64)
        for name in names
    }
    return Columns(
        np.array(offsets, np.int64),
        [row["id"] for row in rows],
        [tag(row["probe"], row["variant"], row.get("repeat", 0)) for row in rows],
        [row["cluster"] for row in rows],
        np.array(outcomes, np.uint8),
        primary or "",
        numeric,
    )


def _entry(row: Mapping[str, Any], scores: Mapping[str, Any]) -> dict[str, Any]:
    """What ``records.verdict`` reads."""
    unread = scores.get("unread")
    is_unread = isinstance(unread, float) and unread > 0
    return {"error": row.get("error"), "unread": is_unread, "scores": scores}


def tag(probe: str | None, variant: int, repeat: int) -> str:
    """What tells lines of one sample apart; empty for the first answer to the original."""
    parts = [] if probe is None else [f"{probe}.{variant}"]
    return ".".join(parts + ([f"repeat.{repeat}"] if repeat else []))


def _plain(value: Any) -> float | list[Any] | None:
    """A score as ``records.verdict`` reads it."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    return value if isinstance(value, list) else None


def _number(value: float | list[Any] | None) -> float:
    return value if isinstance(value, float) else math.nan


def records_at(
    folder: Path, task: str, columns: Columns, places: Sequence[int]
) -> list[SampleRecord]:
    """The samples of some lines, read from where they stand.

    Raises:
        DataError: The file has changed, or a line is no sample.
    """
    spans = [(int(columns.offsets[place]), int(columns.offsets[place + 1])) for place in places]
    found = list(read_samples(folder, task, spans))
    if [each.sample.id for each in found] != [columns.ids[place] for place in places]:
        raise DataError(
            "it has changed since it was indexed", path=folder / "samples" / f"{task}.jsonl"
        )
    return found


def matching(path: Path, columns: Columns, words: Sequence[str]) -> NDArray[np.bool_]:
    """Which lines hold all of the words, in small or capital letters; shape (rows,).

    A line is searched as it stands in the file, so names of fields match, too.

    Raises:
        DataError: The file cannot be read.
    """
    wanted = [json.dumps(word.lower(), ensure_ascii=False)[1:-1] for word in words]
    try:
        content = files.read_bytes(path)
    except OSError as error:
        raise DataError(error.strerror or str(error), path=path) from error
    found = np.zeros(columns.rows, np.bool_)
    for place in range(columns.rows):
        line = content[columns.offsets[place] : columns.offsets[place + 1]]
        text = line.decode("utf-8", "replace").lower()
        found[place] = all(word in text for word in wanted)
    return found
