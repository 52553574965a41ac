"""The scores of many samples as columns: a byte a score where few differ, eight bytes else."""

from __future__ import annotations

import marshal
import math
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast, overload

from harness.authoring.io.packed_ids import ItemsAt, PackedIds
from harness.types import ScoreValue, Unscored

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Places = NDArray[np.intp]

_MOST_CODES = 256


class ScoreValues(Sequence[ScoreValue | None]):
    """One metric's values; None for a sample that has none.

    As long as no more than 256 values differ, as those of 0/1 scores and of class pairs do, a
    sample takes a byte. Else numbers and statistics lie in one array, and what is neither (a sample
    without a score, statistics of another length) beside it.
    """

    def __init__(self, values: Iterable[ScoreValue | None] = ()) -> None:
        self._codes = bytearray()
        self._distinct: list[ScoreValue | None] = []
        self._code_of: dict[Any, int] = {}
        self._numbers: array[float] | None = None
        self._width = 0  # of statistics; 0 for numbers
        self._others: dict[int, ScoreValue | None] = {}
        self._count = 0
        for each in values:
            self.append(each)

    def append(self, value: ScoreValue | None, key: Any = None) -> None:
        """Adds a sample's value; ``key`` is its ``_key`` where that is known."""
        if self._numbers is None:
            key = _key(value) if key is None else key
            code = self._code_of.get(key)
            if code is None:
                if len(self._distinct) == _MOST_CODES:
                    self._spread()
                    self._append_number(value)
                    return
                code = self._code_of[key] = len(self._distinct)
                self._distinct.append(value)
            self._codes.append(code)
            self._count += 1
        else:
            self._append_number(value)

    def pad(self, count: int) -> None:
        """Adds samples without a value until there are so many."""
        for _ in range(count - self._count):
            self.append(None)

    def _spread(self) -> None:
        """Lays the values out in an array."""
        codes, distinct = self._codes, self._distinct
        first = next((each for each in distinct if isinstance(each, float | tuple)), 0.0)
        self._width = len(first) if isinstance(first, tuple) else 0
        self._numbers, self._count = array("d"), 0
        self._codes, self._distinct, self._code_of = bytearray(), [], {}
        for code in codes:
            self._append_number(distinct[code])

    def _append_number(self, value: ScoreValue | None) -> None:
        assert self._numbers is not None
        width = self._width
        if width == 0 and type(value) is float:
            self._numbers.append(value)
        elif (
            isinstance(value, tuple)
            and len(value) == width > 0
            and all(type(each) is float for each in value)
        ):
            self._numbers.extend(cast("tuple[float, ...]", value))
        else:
            self._others[self._count] = value
            self._numbers.extend([math.nan] * max(1, width))
        self._count += 1

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, place: int) -> ScoreValue | None: ...
    @overload
    def __getitem__(self, place: slice) -> list[ScoreValue | None]: ...
    def __getitem__(self, place: int | slice) -> Any:
        if isinstance(place, slice):
            return [self[each] for each in range(self._count)[place]]
        if self._numbers is None:
            return self._distinct[self._codes[place]]
        place = range(self._count)[place]
        if place in self._others:
            return self._others[place]
        if self._width == 0:
            return self._numbers[place]
        return tuple(self._numbers[place * self._width : (place + 1) * self._width])

    def __iter__(self) -> Iterator[ScoreValue | None]:
        if self._numbers is None:
            return map(self._distinct.__getitem__, self._codes)
        return map(self.__getitem__, range(self._count))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """The numbers, shape (n,), or the statistics, shape (n, k); all must be there.

        Raises:
            ValueError: Statistics differ in length.
            TypeError: A sample has no score.
        """
        del copy
        import numpy as np

        if self._numbers is not None and not self._others:
            found = np.frombuffer(self._numbers, dtype=np.float64).copy()
            return found.reshape(self._count, self._width) if self._width else found
        if self._numbers is not None:
            return np.array(list(self), dtype=dtype)
        codes = np.frombuffer(bytes(self._codes), dtype=np.uint8)
        used = np.unique(codes)
        values = np.array([self._distinct[code] for code in used], dtype=dtype or np.float64)
        return values[np.searchsorted(used, codes)]

    @property
    def scored(self) -> NDArray[np.bool_]:
        """Which samples have a score: a value that is not ``Unscored``; shape (n,)."""
        return self._mask(lambda value: value is not None and not isinstance(value, Unscored))

    @property
    def present(self) -> NDArray[np.bool_]:
        """Which samples have a value, ``Unscored`` or not; shape (n,)."""
        return self._mask(lambda value: value is not None)

    def _mask(self, holds: Callable[[ScoreValue | None], bool]) -> NDArray[np.bool_]:
        """Where something holds that holds of every number and of all statistics."""
        import numpy as np

        if self._numbers is None:
            if not self._count:
                return np.zeros(0, dtype=np.bool_)
            known = np.array([holds(each) for each in self._distinct])
            return cast("NDArray[np.bool_]", known[np.frombuffer(self._codes, dtype=np.uint8)])
        found = np.ones(self._count, dtype=np.bool_)
        for place, value in self._others.items():
            found[place] = holds(value)
        return found

    def take(self, places: Places) -> ScoreValues:
        """The values at these places."""
        import numpy as np

        places = np.asarray(places, dtype=np.intp)
        found = ScoreValues()
        if self._numbers is None:
            found._codes = bytearray(np.frombuffer(bytes(self._codes), dtype=np.uint8)[places])
            found._distinct, found._code_of = list(self._distinct), dict(self._code_of)
            found._count = len(places)
            return found
        if self._others:
            return ScoreValues(self[int(place)] for place in places)
        numbers = np.frombuffer(self._numbers, dtype=np.float64)
        if self._width:
            numbers = numbers.reshape(self._count, self._width)
        found._numbers, found._width = array("d"), self._width
        found._numbers.frombytes(numbers[places].tobytes())
        found._count = len(places)
        return found


def _key(value: ScoreValue | None) -> Any:
    """A key that is equal for values that are the same to the last bit and in type."""
    if type(value) is float:
        return value if value else str(value)  # 0 and -0 are equal
    if isinstance(value, tuple):
        return marshal.dumps(value, 2)
    return value


@dataclass(slots=True)
class ScoreColumns:
    """Samples' scores by metric, with what else is asked of a sample beside them.

    Attributes:
        ids: The samples' ids, each once.
        count: Rows; more than ``ids`` where samples were added again.
        of_metric: Metric → its values; shorter than ``count`` where the last rows have none.
        clusters: The rows' clusters; None as long as each is its own.
        groups: Their groups; None as long as there are none.
        errors: Row → why it has no score.
    """

    ids: PackedIds = field(default_factory=PackedIds)
    count: int = 0
    of_metric: dict[str, ScoreValues] = field(default_factory=dict)
    clusters: list[str | None] | None = None
    groups: list[Mapping[str, str]] | None = None
    errors: dict[int, str] = field(default_factory=dict)
    _sample_of: array[int] | None = None
    """Row → place among ``ids``; None as long as they are the same."""
    _shared: dict[Any, Any] = field(default_factory=dict)
    """One object for all equal clusters, groups and errors."""

    def add(
        self,
        name: str,
        scores: Mapping[str, ScoreValue],
        cluster: str | None,
        groups: Mapping[str, str],
        error: str | None,
        again: bool = False,
    ) -> bool:
        """Adds a row; returns False, and adds nothing, where its id is there already.

        With ``again`` a sample may have several rows.
        """
        place, known = self.count, len(self.ids)
        sample = self.ids.add(name)
        if sample < known and not again:
            return False
        if sample < known and self._sample_of is None:
            self._sample_of = array("I", range(place))
        if self._sample_of is not None:
            self._sample_of.append(sample)
        self.count += 1
        known_value: ScoreValue | None = None
        key: Any = None
        for metric, value in scores.items():
            if value is not known_value:  # metrics of one task often share their statistics
                known_value, key = value, _key(value)
            values = self.of_metric.get(metric)
            if values is None:
                values = self.of_metric[metric] = ScoreValues()
            if len(values) < place:
                values.pad(place)
            values.append(value, key)
        if cluster is not None or self.clusters is not None:
            self.clusters = self.clusters or [None] * place
            self.clusters.append(self._shared.setdefault(cluster, cluster))
        if groups or self.groups is not None:
            self.groups = self.groups or [self._one_of({})] * place
            self.groups.append(self._one_of(groups))
        if error is not None:
            self.errors[place] = self._shared.setdefault(error, error)
        return True

    def _one_of(self, groups: Mapping[str, str]) -> Mapping[str, str]:
        found: Mapping[str, str] = self._shared.setdefault(tuple(groups.items()), groups)
        return found

    @property
    def row_ids(self) -> Sequence[str]:
        """The sample's id of each row."""
        return self.ids if self._sample_of is None else ItemsAt(self.ids, self._sample_of)

    def values(self, metric: str) -> ScoreValues:
        """The metric's values, one a row."""
        values = self.of_metric.get(metric, ScoreValues())
        values.pad(self.count)
        return values

    def scores(self, place: int) -> dict[str, ScoreValue]:
        """A row's scores."""
        return {
            metric: value
            for metric, values in self.of_metric.items()
            if place < len(values) and (value := values[place]) is not None
        }
