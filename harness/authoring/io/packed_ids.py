"""Many distinct ids in little memory: their bytes end to end, and a hash table of places."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Generic, TypeVar, overload

from harness.authoring.io.offsets import offsets, with_end

_EMPTY = 0xFFFFFFFF
_LEAST = 16

T = TypeVar("T")


class PackedIds(Sequence[str]):
    """Distinct texts in the order in which they are added, with their places.

    An id takes its bytes and some 16 more, where a Python string in a dictionary takes 150.

    Args:
        ids: The first ones; of equal ones the first counts.
    """

    def __init__(self, ids: Iterable[str] = ()) -> None:
        self._bytes = bytearray()
        self._ends = offsets()
        self._table = array("I", [_EMPTY]) * _LEAST
        for each in ids:
            self.add(each)

    def add(self, text: str) -> int:
        """The place of an id, which is added at the end where it is new."""
        encoded = text.encode("utf-8", "surrogatepass")
        slot = self._slot(encoded)
        place = self._table[slot]
        if place != _EMPTY:
            return place
        place = len(self)
        self._bytes += encoded
        self._ends = with_end(self._ends, len(self._bytes))
        self._table[slot] = place
        if 3 * len(self) > 2 * len(self._table):
            self._grow()
        return place

    def place(self, text: str) -> int | None:
        """Where an id is; None where it is not."""
        place = self._table[self._slot(text.encode("utf-8", "surrogatepass"))]
        return None if place == _EMPTY else place

    def _slot(self, encoded: bytes) -> int:
        """The slot of the table that holds the id's place, or in which it is to be put."""
        table, ends = self._table, self._ends
        mask = len(table) - 1
        slot = hash(encoded) & mask
        while (place := table[slot]) != _EMPTY:
            if self._bytes[ends[place] : ends[place + 1]] == encoded:
                break
            slot = (slot + 1) & mask
        return slot

    def _grow(self) -> None:
        table = array("I", [_EMPTY]) * (2 * len(self._table))
        mask, start = len(table) - 1, 0
        for place, end in enumerate(islice(self._ends, 1, None)):
            slot = hash(bytes(self._bytes[start:end])) & mask
            while table[slot] != _EMPTY:
                slot = (slot + 1) & mask
            table[slot], start = place, end
        self._table = table

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            return [self[each] for each in range(len(self))[place]]
        place = range(len(self))[place]
        text = self._bytes[self._ends[place] : self._ends[place + 1]]
        return text.decode("utf-8", "surrogatepass")

    def __iter__(self) -> Iterator[str]:
        return map(self.__getitem__, range(len(self)))

    def __contains__(self, text: object) -> bool:
        return isinstance(text, str) and self.place(text) is not None

    def take(self, places: Any) -> ItemsAt[str]:
        """The ids at these places."""
        return ItemsAt(self, places)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PackedIds):
            return NotImplemented
        return self._bytes == other._bytes and self._ends == other._ends

    __hash__ = None  # type: ignore[assignment]


class ItemsAt(Sequence[T], Generic[T]):
    """Some values of a sequence, by their places, in any order.

    Args:
        values: All.
        places: Whole numbers: where those stand that are meant.
    """

    def __init__(self, values: Sequence[T], places: Sequence[int] | Any) -> None:
        self._values, self._places = values, places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> ItemsAt[T]: ...
    def __getitem__(self, place: int | slice) -> T | ItemsAt[T]:
        if isinstance(place, slice):
            return ItemsAt(self._values, self._places[place])
        return self._values[int(self._places[place])]

    def take(self, places: Any) -> ItemsAt[T]:
        """Those at these places of these."""
        import numpy as np

        return ItemsAt(self._values, np.asarray(self._places)[np.asarray(places, dtype=np.intp)])
