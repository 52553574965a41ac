"""What each sample's score was in two runs, and the samples whose score changed, as sequences.

Neither holds an object a sample: pairs and flips, with their texts, are made as they are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast, overload

import numpy as np
from numpy.typing import NDArray

from harness.authoring.metrics import ScoreColumn, values_of
from harness.results.score_table import ScoredSample
from harness.types import FlippedSample

Array = NDArray[np.float64]


class PairedScores(Sequence[tuple[float, float]]):
    """(baseline, candidate) of every sample.

    Args:
        before: The baseline's scores, which are numbers.
        after: The candidate's.
    """

    def __init__(self, before: ScoreColumn, after: ScoreColumn) -> None:
        self._before = cast("Sequence[float]", before.values)
        self._after = cast("Sequence[float]", after.values)

    def __len__(self) -> int:
        return len(self._before)

    @overload
    def __getitem__(self, place: int) -> tuple[float, float]: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[tuple[float, float], ...]: ...
    def __getitem__(self, place: int | slice) -> Any:
        if isinstance(place, slice):
            return tuple(self[each] for each in range(len(self))[place])
        return float(self._before[place]), float(self._after[place])

    def __iter__(self) -> Iterator[tuple[float, float]]:
        return zip(map(float, self._before), map(float, self._after), strict=True)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, eq=False)
class Flips(Sequence[FlippedSample]):
    """The samples whose score changed, worst first; without a direction the largest change first.

    Args:
        metric: The metric's name.
        higher_is_better: None where neither direction is better.
        before: The baseline's rows of the samples that both runs scored.
        after: The candidate's rows of the same samples.
        baseline: The baseline's samples, which hold the texts.
        candidate: The candidate's.
    """

    metric: str
    higher_is_better: bool | None
    before: ScoreColumn
    after: ScoreColumn
    baseline: Mapping[str, ScoredSample]
    candidate: Mapping[str, ScoredSample]
    _scores: tuple[Array, Array] = field(init=False, repr=False)
    _places: NDArray[np.intp] = field(init=False, repr=False)
    _worse: NDArray[np.bool_] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        scores = values_of(self.before), values_of(self.after)
        change = scores[1] - scores[0]
        badness = -change if self.higher_is_better else change
        if self.higher_is_better is None:
            badness = np.abs(change)
        changed = np.flatnonzero(change != 0)
        places = changed[np.argsort(-badness[changed], kind="stable")]
        for name, value in (("_places", places), ("_worse", badness[places] > 0)):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "_scores", tuple(each[places] for each in scores))

    @property
    def worsened(self) -> int:
        """Samples whose score got worse; 0 without a direction."""
        return 0 if self.higher_is_better is None else int(self._worse.sum())

    @property
    def improved(self) -> int:
        """Samples whose score got better; 0 without a direction."""
        return 0 if self.higher_is_better is None else len(self) - self.worsened

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, place: int) -> FlippedSample: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[FlippedSample, ...]: ...
    def __getitem__(self, place: int | slice) -> Any:
        if isinstance(place, slice):
            return tuple(self[each] for each in range(len(self))[place])
        name = self.before.ids[int(self._places[place])]
        one, other = self.baseline[name], self.candidate[name]
        return FlippedSample(
            name,
            self.metric,
            float(self._scores[0][place]),
            float(self._scores[1][place]),
            None if self.higher_is_better is None else bool(self._worse[place]),
            one.prompt if one.prompt is not None else other.prompt,
            one.response,
            other.response,
            one.input if one.input is not None else other.input,
            one.targets or other.targets,
        )

    def __iter__(self) -> Iterator[FlippedSample]:
        return map(self.__getitem__, range(len(self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]
