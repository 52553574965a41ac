"""Sequences whose values lie in a temporary file: memory holds the first ones, and where parts are.

The file has no name, so nothing of it is left however the process ends. It begins in memory, and
goes to the folder of temporary files (``$TMPDIR``) when it has grown.
"""

from __future__ import annotations

import copyreg
import io
import pickle
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from operator import attrgetter
from tempfile import SpooledTemporaryFile
from typing import Any, Generic, TypeVar, overload

from harness import types
from harness.authoring.io.offsets import offsets, with_end

HELD = 2_000
"""Values that a sequence holds as they are."""
IN_MEMORY = 8 << 20
"""Bytes of a file that stay in memory."""
PART = 16
"""Values that are written and read together."""

T = TypeVar("T")


class Blobs:
    """Byte strings in a temporary file, by their numbers from 0."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115  (ends with this)
        weakref.finalize(self, self._file.close)
        self._ends = offsets()

    def append(self, data: bytes) -> None:
        """Adds a byte string."""
        self._file.seek(self._ends[-1])
        self._file.write(data)
        self._ends = with_end(self._ends, self._ends[-1] + len(data))

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, number: int) -> bytes:
        start, end = self._ends[number], self._ends[number + 1]
        self._file.seek(start)
        return self._file.read(end - start)


def _reducer(kind: type[Any]) -> Callable[[Any], tuple[type, tuple[Any, ...]]]:
    """How a value of a frozen dataclass is made again: from its fields in their order."""
    names = [each.name for each in fields(kind)]
    if len(names) == 1:
        return lambda value: (kind, (getattr(value, names[0]),))
    members = attrgetter(*names)
    return lambda value: (kind, members(value))


_REDUCERS: dict[type, Callable[[Any], Any]] = {
    **copyreg.dispatch_table,
    **{
        kind: _reducer(kind)
        for kind in vars(types).values()
        if isinstance(kind, type) and is_dataclass(kind)
    },
}
"""As Python does it for these classes, without looking up their fields each time."""


class Spooled(Sequence[T], Generic[T]):
    """A sequence that is written once and read in order, or by places.

    A value that is read again is equal to the one that was added, and may be another object. Values
    that cannot be pickled are held in memory, with those that are written with them.

    Args:
        values: The first values.
        pack: Makes of a value what is pickled.
        unpack: Makes a value of that again.
    """

    def __init__(
        self,
        values: Iterable[T] = (),
        pack: Callable[[T], Any] | None = None,
        unpack: Callable[[Any], T] | None = None,
    ) -> None:
        self._first: list[T] = []
        self._last: list[T] = []
        """Those that are not written yet."""
        self._blobs = Blobs()
        self._unpickled: dict[int, list[T]] = {}
        self._read: tuple[int, list[Any]] = (-1, [])
        """The part that was read last: its number, and its values as they are pickled."""
        self._pack, self._unpack = pack, unpack
        for each in values:
            self.append(each)

    def append(self, value: T) -> None:
        """Adds a value."""
        if len(self._first) < HELD:
            self._first.append(value)
            return
        self._last.append(value)
        if len(self._last) == PART:
            self._write()

    def _write(self) -> None:
        """Writes the values that are not written yet."""
        buffer = io.BytesIO()
        pickler = pickle.Pickler(buffer, pickle.HIGHEST_PROTOCOL)
        pickler.dispatch_table = _REDUCERS
        try:
            pickler.dump(self._last if self._pack is None else list(map(self._pack, self._last)))
        except Exception:
            self._unpickled[len(self._blobs)] = self._last
            self._blobs.append(b"")
        else:
            self._blobs.append(buffer.getvalue())
        self._last = []

    def __len__(self) -> int:
        return len(self._first) + PART * len(self._blobs) + len(self._last)

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> list[T]: ...
    def __getitem__(self, place: int | slice) -> T | list[T]:
        if isinstance(place, slice):
            return [self[each] for each in range(len(self))[place]]
        if not 0 <= place < len(self._first):
            place = range(len(self))[place]
        if place < len(self._first):
            return self._first[place]
        part, place = divmod(place - len(self._first), PART)
        if part == len(self._blobs):
            return self._last[place]
        if part in self._unpickled:
            return self._unpickled[part][place]
        if part != self._read[0]:
            self._read = part, pickle.loads(self._blobs[part])  # noqa: S301  (this process wrote it)
        value: T = self._read[1][place]
        return value if self._unpack is None else self._unpack(value)

    def __iter__(self) -> Iterator[T]:
        return map(self.__getitem__, range(len(self)))
