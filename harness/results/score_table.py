"""A run's scored samples by id, held as columns: a sample's object is made when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from harness.results.score_columns import ScoreColumns
from harness.types import ScoreValue


@dataclass(frozen=True, slots=True)
class ScoredSample:
    """One sample's scores; its texts (``prompt`` and below) where they are wanted and kept."""

    id: str
    scores: Mapping[str, ScoreValue]
    cluster: str | None = None
    groups: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None
    prompt: str | None = None
    response: str | None = None
    input: str | None = None
    targets: tuple[str, ...] = ()


class ScoreTable(Mapping[str, ScoredSample]):
    """Sample id → its scores.

    Args:
        columns: The scores.
        read: Reads the sample of a place with its texts; None where there are none.
    """

    def __init__(
        self, columns: ScoreColumns, read: Callable[[int], ScoredSample] | None = None
    ) -> None:
        self.columns = columns
        self._read = read

    @classmethod
    def of(cls, samples: Mapping[str, ScoredSample]) -> ScoreTable:
        """The samples as a table; a table is given back as it is."""
        if isinstance(samples, cls):
            return samples
        columns = ScoreColumns()
        for name, each in samples.items():
            columns.add(name, each.scores, each.cluster, each.groups, each.error)
        ids = columns.ids
        return cls(columns, lambda place: samples[ids[place]])

    def at(self, place: int) -> ScoredSample:
        """The sample at a place, with its texts where they are kept."""
        if self._read is not None:
            return self._read(place)
        columns = self.columns
        return ScoredSample(
            columns.ids[place],
            columns.scores(place),
            None if columns.clusters is None else columns.clusters[place],
            {} if columns.groups is None else columns.groups[place],
            columns.errors.get(place),
        )

    def __getitem__(self, name: str) -> ScoredSample:
        place = self.columns.ids.place(name)
        if place is None:
            raise KeyError(name)
        return self.at(place)

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns.ids)

    def __len__(self) -> int:
        return len(self.columns.ids)

    def __contains__(self, name: object) -> bool:
        return name in self.columns.ids
