"""From a run with a judge and labels of people to a calibration."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import read_result, read_samples
from harness.authoring.io.serialization import estimate_to_json
from harness.errors import DataError, UnknownNameError, UsageError
from harness.types import RunResult, SampleRecord, TaskResult
from harness_judges.answers import text_of
from harness_judges.calibration import figures
from harness_judges.calibration.figures import Item
from harness_judges.calibration.labels import Label, Labels, consensus, hash_of, people_of
from harness_judges.calibration.labels import read as read_labels
from harness_judges.calibration.record import (
    CalibratedCriterion,
    CalibratedJudge,
    Calibration,
)

TASKS = ("judge", "arena", "llmbar")
_NOT_CRITERIA = frozenset({"unread", "overall", "met", "panel_alpha", "judge_noise"})
_PAIRS = {"arena": "win_rate", "llmbar": "preference"}


@dataclass(frozen=True, slots=True)
class Calibrated:
    """The calibration, and the figures of each criterion as estimates."""

    calibration: Calibration
    figures: Mapping[str, figures.Figures]


def calibrate(run: Path, labels: Path | None, task: str | None = None) -> Calibrated:
    """Compares the judgements of a run with labels.

    Args:
        run: A run of one of ``TASKS``.
        labels: A file or folder; None for the labels that the data of ``llmbar`` have.
        task: Which task, where the run has several of them.

    Raises:
        DataError: The run or the labels cannot be read, or have no sample in common.
        UnknownNameError: The run has no such task.
        UsageError: The run has no judge, or labels are missing.
    """
    result = read_result(run)
    name = _task(run, result, task)
    found = result.tasks[name]
    records = [
        each
        for each in read_samples(run if run.is_dir() else run.parent, name)
        if each.probe is None and each.error is None
    ]
    given = _of_data(records, name) if labels is None else read_labels(labels)
    kind = "preference" if name in _PAIRS else found.settings.get("kind", "score")
    names = [_PAIRS[name]] if name in _PAIRS else _criteria(found)
    criteria: dict[str, CalibratedCriterion] = {}
    told: list[str] = []
    estimates = {}
    for criterion in names:
        known = given.of(criterion, len(names) == 1)
        if not known:
            told.append(f"{criterion}: no labels, so it stays uncalibrated")
            continue
        items, undecided, matched = _items(records, criterion, known, kind)
        if not items:
            raise _unmatched(records, criterion, known, given.source)
        _check_values(kind, items, found, given.source)
        estimates[criterion] = figures.of(kind, items)
        criteria[criterion] = _calibrated(kind, items, estimates[criterion])
        unmatched = len(known) - matched
        annotators = len({each.annotator for values in known.values() for each in values})
        notes = (
            *figures.notes(kind, items, unmatched, undecided, annotators),
            *figures.notes_on_chance(kind, estimates[criterion]),
        )
        told += [f"{criterion}: {note}" for note in notes]
    if not criteria:
        raise DataError(
            f"labels {', '.join(map(repr, given.values))}, and the judge graded "
            f"{', '.join(map(repr, names))}",
            path=given.source,
            expected="a column 'criterion' with these names",
        )
    calibration = Calibration(
        _judges(result, found, name),
        found.settings.get("rubric", name),
        found.settings.get("rubric_sha256", ""),
        criteria,
        given.sha256,
        tuple(told),
    )
    return Calibrated(calibration, estimates)


def _calibrated(kind: str, items: Sequence[Item], found: figures.Figures) -> CalibratedCriterion:
    positive, negative = figures.counts(items) if kind == "binary" else (None, None)
    values = {name: estimate_to_json(value) for name, value in found.items()}
    labels = {each.label for each in items}
    return CalibratedCriterion(kind, len(items), values, positive, negative, len(labels))


def _unmatched(
    records: Sequence[SampleRecord],
    criterion: str,
    known: Mapping[str, Sequence[Label]],
    source: str,
) -> DataError:
    """The error of labels none of which is of an answer that was judged."""
    return DataError(
        f"none of the {len(known):,} labels of {criterion}, such as that of "
        f"{next(iter(known))!r}, is of an answer that the judge was read on, such as that "
        f"to {next((each.sample.id for each in records), '')!r}",
        path=source,
        expected="the samples' own ids, and this run's answers",
    )


def _task(run: Path, result: RunResult, wanted: str | None) -> str:
    judged = [name for name in result.tasks if name in TASKS]
    if wanted is not None:
        if wanted not in judged:
            raise UnknownNameError("task with a judge", wanted, judged)
        return wanted
    if not judged:
        raise UsageError(
            f"{run} has no task with a judge: {', '.join(result.tasks)}",
            f"Give a run of {', '.join(TASKS)}.",
        )
    if len(judged) > 1:
        raise UsageError(f"{run} has several: {', '.join(judged)}", "Choose one with --task.")
    return judged[0]


def _criteria(task: TaskResult) -> list[str]:
    made = ("_corrected", "_with_labels")
    return [name for name in task.metrics if name not in _NOT_CRITERIA and not name.endswith(made)]


def _judges(result: RunResult, task: TaskResult, name: str) -> tuple[CalibratedJudge, ...]:
    if name == "llmbar":  # the model under test is the judge
        described = [result.model]
    else:
        roles = [each for each in result.roles if each.partition(".")[0] == "judge"]
        described = [result.roles[each].model for each in roles]
    ways = task.settings.get("panel", "text").split(", ")
    found = [
        CalibratedJudge(str(each.get("spec", each.get("name"))), str(each.get("fingerprint")), way)
        for each, way in zip(described, ways, strict=False)
    ]
    if not found or any(each.fingerprint == "None" for each in found):
        raise DataError(
            "does not say which judge it had", path=result.run_id, expected="a run of this version"
        )
    return tuple(found)


def _of_data(records: Sequence[SampleRecord], task: str) -> Labels:
    """LLMBar's own labels: 1 where the first output is the better one.

    Raises:
        UsageError: The task's data have no labels.
    """
    if task != "llmbar":
        raise UsageError(
            f"the data of {task} have no labels", "Give --labels: a file or folder of them."
        )
    values = {
        each.sample.id: [
            Label("LLMBar", float(each.sample.choices.index(each.sample.targets[0]) == 0))
        ]
        for each in records
    }
    return Labels("the data", {"": values}, hash_of({"": values}))


def _items(
    records: Sequence[SampleRecord],
    criterion: str,
    known: Mapping[str, Sequence[Label]],
    kind: str,
) -> tuple[list[Item], int, int]:
    """What both judged, how much people could not agree on, and how many samples' labels are used.

    Of several answers to a sample, a label that names none is of the first alone.
    """
    items, undecided = [], 0
    done = set[tuple[str, tuple[str, ...]]]()
    for record in records:
        judged = record.scores.get(criterion)
        answers = _answers(record)
        place = (record.sample.id, answers)
        if record.sample.id not in known or not isinstance(judged, float | int) or place in done:
            continue
        labels = [each for each in known[record.sample.id] if each.answers or not record.repeat]
        people = people_of(labels, *answers)
        if not people:  # the labels are about other answers to the sample
            continue
        done.add(place)
        label = consensus(people, kind == "binary")
        if label is None:
            undecided += 1
            continue
        items.append(
            Item(
                float(judged),
                label,
                tuple(people.values()),
                _length(record),
                record.sample.cluster or record.sample.id,
                _number(record.scores.get("consistency")),
                _number(record.scores.get("first_position")),
            )
        )
    return items, undecided, len({name for name, _ in done})


def _answers(record: SampleRecord) -> tuple[str, ...]:
    """What was judged: the answer, or the pair."""
    if len(record.sample.choices) == 2:
        return record.sample.choices
    answer = text_of(record) or ""
    other = record.sample.metadata.get("baseline_answer")
    return (answer,) if other is None else (answer, str(other))


def _length(record: SampleRecord) -> float:
    """Of the answer; of a pair the first one's log length less the second's."""
    first, *second = (math.log1p(len(each)) for each in _answers(record))
    return first - sum(second)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _check_values(kind: str, items: Sequence[Item], task: TaskResult, source: str) -> None:
    """Refuses labels on another scale than the judge's.

    Raises:
        DataError: One is outside it.
    """
    low, high = 0.0, 1.0
    if kind == "score":
        ends = task.settings.get("scale", "1-5").split("-")
        low, high = float(ends[0]), float(ends[1])
    for each in items:
        for value in each.people:
            if not low <= value <= high or (kind == "binary" and value not in (0.0, 1.0)):
                raise DataError(
                    f"the label {value:g} is not on the judge's scale",
                    path=source,
                    expected="1 or 0, yes or no" if kind == "binary" else f"{low:g} to {high:g}",
                )
