"""What people are shown: the answers of runs, blinded and in a seeded order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Literal, TypeAlias

from harness import read_result
from harness.errors import DataError, UnknownNameError, UsageError
from harness.stats import seeding
from harness.types import RunResult
from harness_judges.answers import first_answers, text_of

Kind: TypeAlias = Literal["score", "preference", "binary"]
KINDS: tuple[Kind, ...] = ("score", "preference", "binary")


@dataclass(frozen=True, slots=True)
class Answer:
    """One system's answer; which system is never shown."""

    system: str
    text: str


@dataclass(frozen=True, slots=True)
class Item:
    """One judgement to make.

    Attributes:
        task: The task that asked.
        sample_id: The sample.
        instruction: What was to be answered.
        answers: One answer, or the two to compare in the order in which they are shown.
    """

    task: str
    sample_id: str
    instruction: str
    answers: tuple[Answer, ...]

    @property
    def cluster(self) -> str:
        """Items of one sample are not independent."""
        return f"{self.task}\x1f{self.sample_id}"


@dataclass(frozen=True, slots=True)
class Gathered:
    """The items, and what of the runs could not be shown: a reason → how often."""

    items: tuple[Item, ...]
    left_out: Mapping[str, int]


def gather(
    runs: Sequence[Path],
    kind: Kind,
    tasks: Sequence[str] = (),
    limit: int | None = None,
    seed: int = 0,
) -> Gathered:
    """The items of runs.

    Args:
        runs: Run folders; a preference needs two or more.
        kind: With ``preference`` every pair of the runs' answers to a sample is an item, else
            every answer.
        tasks: Only these.
        limit: Only that many, the first in the seeded order.
        seed: Of the order of items and of the answers in each.

    Raises:
        DataError: A run cannot be read, or holds no texts to show, or the runs share no samples.
        UnknownNameError: No run has a task of that name.
        UsageError: Too few runs for the kind, or one run twice.
    """
    if kind == "preference" and len(runs) < 2:
        raise UsageError(
            "a preference needs the answers of two runs or more, and there is one run",
            "Give another run folder, or --kind score.",
        )
    results = [read_result(path) for path in runs]
    names = _names(runs, results)
    left_out: dict[str, int] = {}
    texts = {
        name: dict(_texts(path, result, tasks, left_out))
        for path, name, result in zip(runs, names, results, strict=True)
    }
    _check_tasks(tasks, results)
    if kind == "preference":
        items = list(_pairs(texts, left_out, seed))
    else:
        items = [
            Item(*key, instruction, (Answer(name, text),))
            for name, found in texts.items()
            for key, (instruction, text) in found.items()
        ]
    if not items:
        reasons = "; ".join(f"{count:,}: {why}" for why, count in left_out.items())
        raise DataError(
            f"nothing to show ({reasons or 'no samples'})",
            path=", ".join(map(str, runs)),
            expected="runs of a task that generates text"
            + (", on the same samples" if kind == "preference" else ""),
        )
    items = seeding.seeded(seed, "items").sample(items, len(items))
    return Gathered(tuple(items[:limit]), left_out)


def _names(runs: Sequence[Path], results: Sequence[RunResult]) -> list[str]:
    """Each run's id; the paths where ids are the same.

    Raises:
        UsageError: A run is given twice.
    """
    places = [path.resolve() for path in runs]
    for path, place in zip(runs, places, strict=True):
        if places.count(place) > 1:
            raise UsageError(f"the run {path} is given twice", "Give runs of different models.")
    names = [result.run_id for result in results]
    return names if len(set(names)) == len(names) else [str(path) for path in runs]


def _check_tasks(tasks: Sequence[str], results: Sequence[RunResult]) -> None:
    known = {task for result in results for task in result.tasks}
    for task in tasks:
        if task not in known:
            raise UnknownNameError("task", task, known)


def _texts(
    path: Path, result: RunResult, tasks: Sequence[str], left_out: dict[str, int]
) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    """(task, sample id), (what was asked, what was answered)."""
    for task in result.tasks:
        if tasks and task not in tasks:
            continue
        for record in first_answers(path, task):
            text = text_of(record)
            if text is None:
                why = "samples have no generated text (they failed, or are asked otherwise)"
                left_out[why] = left_out.get(why, 0) + 1
                continue
            yield (task, record.sample.id), (record.sample.input, text)


def _pairs(
    texts: Mapping[str, Mapping[tuple[str, str], tuple[str, str]]],
    left_out: dict[str, int],
    seed: int,
) -> Iterator[Item]:
    for first, second in combinations(texts, 2):
        for key, (instruction, text) in texts[first].items():
            if key not in texts[second]:
                why = "samples are in one run only"
            elif texts[second][key][0] != instruction:
                why = "samples of one id differ between the runs"
            elif texts[second][key][1] == text:
                why = "pairs are the same answer twice: ties, not shown"
            else:
                pair = [Answer(first, text), Answer(second, texts[second][key][1])]
                order = seeding.seeded(seed, first, second, *key).sample(pair, 2)
                yield Item(*key, instruction, tuple(order))
                continue
            left_out[why] = left_out.get(why, 0) + 1
