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

from harness.errors import DataError
from harness_backends.saved_outputs import Output, Saved

Matched = dict[tuple[str, str], Output]


def match(
    saved: Saved, every: Mapping[str, Sequence[str]], asked: Mapping[str, Sequence[str]]
) -> tuple[Matched, set[int]]:
    """(task, sample id) → output, and the places of the outputs that belong to a sample.

    Args:
        saved: What was read.
        every: Task → the ids of all of its data's samples, in their order.
        asked: Task → the ids of those that are asked about.

    Raises:
        DataError: The outputs do not fit a task's samples.
    """
    found: Matched = {}
    used: set[int] = set()
    offset = 0
    together = sum(map(len, asked.values()))
    for task, ids in every.items():
        if saved.by_id:
            place_of = _by_id(saved, task, ids)
        elif len(asked) > 1 and len(saved.outputs) == together:
            place_of = {each: offset + at for at, each in enumerate(asked[task])}
            offset += len(asked[task])
        else:
            place_of = _by_place(saved, task, ids, asked[task])
        for identifier, place in place_of.items():
            found[task, identifier] = saved.outputs[place]
            used.add(place)
    return found, used


def _by_place(
    saved: Saved, task: str, every: Sequence[str], asked: Sequence[str]
) -> dict[str, int]:
    count = len(saved.outputs)
    for ids in (every, asked):
        if count == len(ids) and list(every[: len(ids)]) == list(ids):
            return {each: place for place, each in enumerate(ids)}
    raise DataError(
        f"holds {count:,} outputs without ids, and {task} has {len(every):,} samples",
        path=saved.source,
        expected="an output for each sample in the same order, or ids: a column 'id', or one "
        "named by --set replay_id=NAME",
    )


def _by_id(saved: Saved, task: str, ids: Sequence[str]) -> dict[str, int]:
    places = {str(output.id): place for place, output in enumerate(saved.outputs)}
    known = set(ids)
    numbers = _numbers(places)
    if numbers is None:
        return _found(saved, task, ids, places)
    samples = _numbers(ids)
    if saved.numbered and "0" not in known:
        return _by_row(saved, task, ids, places)
    if samples is not None and not set(numbers) <= set(samples):
        shift = 0
        if min(samples) == 1 and 0 in numbers:
            shift = 1
        elif min(samples) == 0 and 0 not in numbers and max(numbers) == max(samples) + 1:
            shift = -1
        if shift:
            return _shifted(saved, task, ids, numbers, shift, set(samples))
    if not known & set(places) and samples is None:
        return _by_row(saved, task, ids, places)
    return _found(saved, task, ids, places)


def _found(
    saved: Saved, task: str, ids: Sequence[str], places: Mapping[str, int]
) -> dict[str, int]:
    found = {each: places[each] for each in ids if each in places}
    if not found:
        raise DataError(
            f"none of the {len(places):,} ids, such as {next(iter(places))!r}, is the id of a "
            f"sample of {task}, such as {ids[0]!r}",
            path=saved.source,
            expected="the samples' own ids; --set replay_id=NAME names their column",
        )
    return found


def _shifted(
    saved: Saved,
    task: str,
    ids: Sequence[str],
    numbers: Mapping[int, int],
    shift: int,
    samples: set[int],
) -> dict[str, int]:
    """The places of outputs that count from one less, or one more, than the samples do."""
    if not all(number + shift in samples for number in numbers):
        raise DataError(
            f"numbers from {min(numbers)} to {max(numbers)}, and {task}'s samples from "
            f"{min(samples)} to {max(samples)}: whether both count from the same is not clear",
            path=saved.source,
            expected="the samples' own ids",
        )
    return {each: numbers[int(each) - shift] for each in ids if int(each) - shift in numbers}


def _by_row(
    saved: Saved, task: str, ids: Sequence[str], places: Mapping[str, int]
) -> dict[str, int]:
    """Numbers that count the rows of the data: ``doc_id`` from 0, others as their whole set says.

    Raises:
        DataError: They are not the numbers of these rows.
    """
    numbers = {int(each): place for each, place in places.items()}
    begins = 0 if saved.numbered else min(numbers)
    whole = sorted(numbers) == list(range(begins, begins + len(ids)))
    if begins in (0, 1) and (whole or (saved.numbered and max(numbers) < len(ids))):
        return {each: numbers[at] for at, each in enumerate(ids, start=begins) if at in numbers}
    raise DataError(
        f"numbers from {min(numbers)} to {max(numbers)}, none of which is the id of a sample of "
        f"{task}, such as {ids[0]!r}; and it has {len(ids):,} rows",
        path=saved.source,
        expected="the samples' own ids, or a number for each row, from 0 or from 1",
    )


def _numbers(ids: Mapping[str, int] | Sequence[str]) -> dict[int, int] | None:
    """Number → place, where all ids are whole numbers written plainly; else None."""
    if not all(each.isascii() and each.isdecimal() and len(each) < 19 for each in ids):
        return None
    return {int(each): place for place, each in enumerate(ids)}
