"""Which saved output belongs to which sample: by id, or by place where there are no ids.

The rules, for each task:

1. Outputs without ids stand in the order of the data's samples, and are as many as these; or as
   those asked about, where these are the first of the data.
2. Ids are matched as ids.
3. Ids that are whole numbers may count from 0 where the data count from 1, or the reverse. That is
   told by the whole set: a number that no sample has, at the end where the others begin, moves
   all of them by one, if then all belong to samples. Anything between is refused.
4. lm-evaluation-harness's ``doc_id``, and numbers none of which is an id, count the data's rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from harness.authoring.io.packed_ids import PackedIds
from harness.errors import DataError
from harness_backends.saved_outputs import Saved

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Places: TypeAlias = NDArray[np.intp]

NONE = -1
"""The place of a sample's output where there is none."""


@dataclass(frozen=True, slots=True)
class Matched:
    """Which output each of a task's samples has: ids, and a place or ``NONE`` of each."""

    ids: PackedIds
    places: Places

    def place(self, sample_id: str) -> int:
        """The place of a sample's output; ``NONE`` where there is none."""
        number = self.ids.place(sample_id)
        return NONE if number is None else int(self.places[number])


def match(
    saved: Saved, every: Mapping[str, Sequence[str]], asked: Mapping[str, Sequence[str]]
) -> dict[str, Matched]:
    """Task → which output each of its samples has.

    Args:
        saved: What was read.
        every: Task → the ids of all of its data's samples, in their order.
        asked: Task → the ids of those that are asked about.

    Raises:
        DataError: The outputs do not fit a task's samples.
    """
    import numpy as np

    found: dict[str, Matched] = {}
    offset = 0
    together = sum(map(len, asked.values()))
    for task, ids in every.items():
        if saved.ids is not None:
            found[task] = Matched(_packed(ids), _by_id(saved, saved.ids, task, ids))
        elif len(asked) > 1 and len(saved.outputs) == together:
            count = len(asked[task])
            found[task] = Matched(_packed(asked[task]), np.arange(offset, offset + count))
            offset += count
        else:
            found[task] = _by_place(saved, task, ids, asked[task])
    return found


def _packed(ids: Sequence[str]) -> PackedIds:
    return ids if isinstance(ids, PackedIds) else PackedIds(ids)


def _by_place(saved: Saved, task: str, every: Sequence[str], asked: Sequence[str]) -> Matched:
    import numpy as np

    count = len(saved.outputs)
    for ids in (every, asked):
        if count == len(ids) and all(map(str.__eq__, every, ids)):
            return Matched(_packed(ids), np.arange(count))
    raise DataError(
        f"holds {count:,} outputs without ids, and {task} has {len(every):,} samples",
        path=saved.source,
        expected="an output for each sample in the same order, or ids: a column 'id', or one "
        "named by --set replay_id=NAME",
    )


def _by_id(saved: Saved, known: PackedIds, task: str, ids: Sequence[str]) -> Places:
    import numpy as np

    numbers = _numbers(known)
    if numbers is None:
        return _found(saved, known, task, ids)
    samples = _numbers(ids)
    if saved.numbered and "0" not in ids:
        return _by_row(saved, task, ids, numbers)
    if samples is not None and not np.isin(numbers.values, samples.values).all():
        shift = 0
        if samples.least == 1 and numbers.least == 0:
            shift = 1
        elif samples.least == 0 and numbers.least > 0 and numbers.most == samples.most + 1:
            shift = -1
        if shift:
            return _shifted(saved, task, ids, numbers, shift, samples)
    if samples is None and not any(each in known for each in ids):
        return _by_row(saved, task, ids, numbers)
    return _found(saved, known, task, ids)


def _found(saved: Saved, known: PackedIds, task: str, ids: Sequence[str]) -> Places:
    import numpy as np

    if known == ids:
        return np.arange(len(ids))
    places = (known.place(each) for each in ids)
    found = np.fromiter((NONE if each is None else each for each in places), np.intp, len(ids))
    if (found == NONE).all():
        raise DataError(
            f"none of the {len(known):,} ids, such as {known[0]!r}, is the id of a "
            f"sample of {task}, such as {ids[0]!r}",
            path=saved.source,
            expected="the samples' own ids; --set replay_id=NAME names their column",
        )
    return found


def _shifted(
    saved: Saved,
    task: str,
    ids: Sequence[str],
    numbers: Numbers,
    shift: int,
    samples: Numbers,
) -> Places:
    """The places of outputs that count from one less, or one more, than the samples do."""
    import numpy as np

    if not np.isin(numbers.values + shift, samples.values).all():
        raise DataError(
            f"numbers from {numbers.least} to {numbers.most}, and {task}'s samples from "
            f"{samples.least} to {samples.most}: whether both count from the same is not clear",
            path=saved.source,
            expected="the samples' own ids",
        )
    return numbers.places_of(np.fromiter(map(int, ids), np.int64, len(ids)) - shift)


def _by_row(saved: Saved, task: str, ids: Sequence[str], numbers: Numbers) -> Places:
    """Numbers that count the rows of the data: ``doc_id`` from 0, others as their whole set says.

    Raises:
        DataError: They are not the numbers of these rows.
    """
    import numpy as np

    begins = 0 if saved.numbered else numbers.least
    rows = np.arange(begins, begins + len(ids))
    whole = np.array_equal(numbers.values, rows)
    if begins in (0, 1) and (whole or (saved.numbered and numbers.most < len(ids))):
        return numbers.places_of(rows)
    raise DataError(
        f"numbers from {numbers.least} to {numbers.most}, none of which is the id of a sample of "
        f"{task}, such as {ids[0]!r}; and it has {len(ids):,} rows",
        path=saved.source,
        expected="the samples' own ids, or a number for each row, from 0 or from 1",
    )


@dataclass(frozen=True, slots=True)
class Numbers:
    """Ids that are whole numbers: distinct, ascending, with the place of the last of each."""

    values: NDArray[np.int64]
    places: Places

    @property
    def least(self) -> int:
        """The first."""
        return int(self.values[0])

    @property
    def most(self) -> int:
        """The last."""
        return int(self.values[-1])

    def places_of(self, wanted: NDArray[np.int64]) -> Places:
        """The place of each number that is wanted; ``NONE`` where it is not here."""
        import numpy as np

        at = np.minimum(np.searchsorted(self.values, wanted), len(self.values) - 1)
        return np.where(self.values[at] == wanted, self.places[at], NONE)


def _numbers(ids: Sequence[str]) -> Numbers | None:
    """The ids as numbers, where all are whole numbers written plainly; else None."""
    import numpy as np

    if not all(each.isascii() and each.isdecimal() and len(each) < 19 for each in ids):
        return None
    values = np.fromiter(map(int, ids), np.int64, len(ids))
    order = np.argsort(values, kind="stable")
    values = values[order]
    last = np.append(values[1:] != values[:-1], True)
    return Numbers(values[last], order[last])
