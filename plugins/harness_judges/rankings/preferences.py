"""Preferences of people (folders of ``harness annotate``) and of judges (runs of ``arena``)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import read_result, read_samples
from harness.errors import DataError, UsageError
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


def gather(sources: Sequence[Path]) -> Gathered:
    """All preferences of the sources.

    Raises:
        DataError: A source cannot be read, or holds no preferences.
        UsageError: A source is given twice, or was judged in another way.
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
    return Gathered(tuple(found), tuple(notes))


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
