"""Preferences of people (folders of ``harness annotate``) and of judges (runs of ``arena``)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness import read_result, read_samples
from harness.errors import DataError, UnknownNameError, UsageError
from harness.protocols import NO_AGREEMENT, UNCALIBRATED
from harness_judges.annotation import store
from harness_judges.annotation.ratings import rated

ARENA, WON = "arena", "win_rate"


@dataclass(frozen=True, slots=True)
class Preference:
    """One judgement of two systems' answers to one prompt.

    Attributes:
        first: A system.
        second: Another.
        value: 1 where the first is preferred, 0 where the second is; between them a tie.
        prompt: What was answered; judgements of one prompt are not independent.
    """

    first: str
    second: str
    value: float
    prompt: str


@dataclass(frozen=True, slots=True)
class Gathered:
    """Preferences, and what a reader must know of where they come from."""

    preferences: tuple[Preference, ...]
    notes: tuple[str, ...]


def gather(sources: Sequence[Path], same: Mapping[str, str] | None = None) -> Gathered:
    """All preferences of the sources.

    Args:
        sources: Folders of people's judgements, and run folders.
        same: Name → the system that it is another name of. A run of ``arena`` names the answers
            that it judges by itself, and those of its baseline by the baseline's folder.

    Raises:
        DataError: A source cannot be read, or holds no preferences.
        UsageError: A source is given twice, or was judged in another way; or two names that are
            compared with each other are said to be the same system.
        UnknownNameError: ``same`` has a name that no preference has.
    """
    places = [each.resolve() for each in sources]
    for path, place in zip(sources, places, strict=True):
        if places.count(place) > 1:
            raise UsageError(f"{path} is given twice", "Its preferences would count twice.")
    found: list[Preference] = []
    notes: list[str] = []
    for source in sources:
        people = (source / store.FILE).is_file()
        given = list(_of_people(source)) if people else list(_of_arena(source, notes))
        if not given:
            raise DataError("holds no preferences", path=source, expected="judged pairs of answers")
        found += given
        notes.append(f"{source}: {len(given):,} preferences of {'people' if people else 'judges'}")
    return Gathered(tuple(_renamed(found, same or {})), tuple(notes))


def _renamed(found: Sequence[Preference], same: Mapping[str, str]) -> list[Preference]:
    names = {name for each in found for name in (each.first, each.second)}
    for name in same:
        if name not in names:
            raise UnknownNameError("system", name, names)
    renamed = [
        replace(each, first=same.get(each.first, each.first),
                second=same.get(each.second, each.second))
        for each in found
    ]  # fmt: skip
    for before, after in zip(found, renamed, strict=True):
        if after.first == after.second:
            raise UsageError(
                f"{before.first} and {before.second} are compared, and said to be the same",
                "Leave one of these names out of --same.",
            )
    return renamed


def _of_people(folder: Path) -> Iterator[Preference]:
    with store.opened(folder) as opened:
        if opened.settings.kind != "preference":
            raise UsageError(
                f"{folder} has judgements of kind {opened.settings.kind}, which are no preferences",
                "Annotate two runs or more with --kind preference.",
            )
        for each in rated(opened):
            first, second = each.systems
            for value in each.values.values():
                yield Preference(first, second, value, f"{each.item.task}-{each.item.sample_id}")


def _of_arena(run: Path, notes: list[str]) -> Iterable[Preference]:
    result = read_result(run)
    task = result.tasks.get(ARENA)
    if task is None:
        raise DataError(
            f"has no task {ARENA}: {', '.join(result.tasks)}",
            path=run,
            expected="a run of arena, or a folder of `harness annotate`",
        )
    calibration = task.metrics[WON].calibration
    if calibration == UNCALIBRATED:
        notes.append(f"{run}: uncalibrated: no labels of people say how far its judge errs")
    elif calibration == NO_AGREEMENT:
        notes.append(f"{run}: {NO_AGREEMENT}: its judge's preferences are not those of people")
    for record in read_samples(run if run.is_dir() else run.parent, ARENA):
        value = record.scores.get(WON)
        if record.probe is None and isinstance(value, float | int):
            yield Preference(
                result.run_id, task.settings["baseline"], float(value),
                f"{ARENA}-{record.sample.cluster or record.sample.id}",
            )  # fmt: skip
