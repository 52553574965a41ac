"""What a comparison page shows, decided apart from how it looks."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from harness.authoring.reporting import answers, forest, numbers
from harness.authoring.reporting.drawing import Axis, Mark, Scale, around_zero, mark
from harness.authoring.reporting.numbers import Number
from harness.authoring.reporting.records import Clipper
from harness.types import (
    Estimate,
    FlippedSample,
    GroupChange,
    MetricComparison,
    RunComparison,
    TaskComparison,
)
from harness_reports.gate import BaselineView, baseline_view
from harness_reports.links import permalink
from harness_reports.records.text_diff import Pieces, difference
from harness_reports.view import model_name

VERDICTS = ("worse", "better", "changed", "no difference shown")


@dataclass(frozen=True, slots=True)
class Point:
    """Samples with the same scores in a square of 100 × 100, y downwards."""

    x: float
    y: float
    radius: float
    state: str
    told: str


@dataclass(frozen=True, slots=True)
class Scatter:
    """Each sample's score before (across) and after (up), counted in cells."""

    points: tuple[Point, ...]
    scale: Scale
    n: str


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One metric in both runs, and its paired difference around no change."""

    metric: str
    label: str
    verdict: str
    baseline: Number
    candidate: Number
    difference: Number
    mark: Mark | None
    scale: Scale
    p_value: str
    adjusted: str
    test: str
    detectable: str
    remarks: tuple[str, ...]
    scatter: Scatter | None


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A metric's paired difference within one group."""

    group: str
    number: Number
    mark: Mark | None
    p_value: str


@dataclass(frozen=True, slots=True)
class GroupChanges:
    """One metric by one attribute, the largest evidence of a change first."""

    attribute: str
    metric: str
    rows: tuple[GroupRow, ...]
    scale: Scale


@dataclass(frozen=True, slots=True)
class TaskChanges:
    """One task in both runs."""

    name: str
    samples: str
    forced: str | None
    metrics: tuple[ChangeRow, ...]
    groups: tuple[GroupChanges, ...]
    skipped: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class CandidateView:
    """A candidate against the baseline; ``counts`` has each verdict that came out."""

    run_id: str
    model: str
    sentence: str
    told: str
    commit: str
    plots: tuple[forest.Forest, ...]
    counts: tuple[tuple[str, int], ...]
    tasks: tuple[TaskChanges, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChangesView:
    """The candidates of one page against their common baseline."""

    baseline: str
    baseline_model: str
    baseline_facts: BaselineView | None
    compared: int
    candidates: tuple[CandidateView, ...]


def view(comparisons: Sequence[RunComparison]) -> ChangesView:
    """The rows of the page, in the order of the candidates, their tasks and metrics."""
    first = comparisons[0]
    return ChangesView(
        baseline=first.baseline_id,
        baseline_model=model_name(first.baseline_model),
        baseline_facts=None if first.baseline is None else baseline_view(first.baseline),
        compared=sum(len(task.metrics) for each in comparisons for task in each.tasks),
        candidates=tuple(_candidate(each, place) for place, each in enumerate(comparisons)),
    )


def _items(comparison: RunComparison, place: int) -> Iterator[forest.Item]:
    """The rows of the forest plot; a name leads to the samples that changed, if any."""
    for change in answers.changes(comparison):
        pairs = {"candidate": str(place), "task": change.task, "metric": change.metric.metric}
        yield forest.Item(
            label=change.label,
            estimate=change.metric.difference,
            number=change.change,
            state=change.metric.verdict,
            link=permalink(pairs) if change.metric.flips else "",
            before=change.values,
        )


def _candidate(comparison: RunComparison, place: int) -> CandidateView:
    run = None if comparison.candidate is None else baseline_view(comparison.candidate)
    verdicts = [metric.verdict for task in comparison.tasks for metric in task.metrics]
    return CandidateView(
        run_id=comparison.candidate_id,
        model=model_name(comparison.candidate_model),
        sentence=answers.sentence(comparison),
        told=comparison.candidate_id if run is None else run.told,
        commit="" if run is None else run.commit,
        plots=tuple(forest.changes(list(_items(comparison, place)))),
        counts=tuple((name, verdicts.count(name)) for name in VERDICTS if name in verdicts),
        tasks=tuple(_task(task) for task in comparison.tasks),
        notes=comparison.notes,
    )


def _task(task: TaskComparison) -> TaskChanges:
    # Metrics that are fractions share one axis, so that their changes can be seen side by side.
    fractions = around_zero([each.difference for each in task.metrics if _is_fraction(each)])
    return TaskChanges(
        name=task.task,
        samples=_samples(task),
        forced=task.forced,
        metrics=tuple(
            _row(each, fractions if _is_fraction(each) else around_zero([each.difference]))
            for each in task.metrics
        ),
        groups=tuple(_groups(task)),
        skipped=tuple(task.skipped.items()),
    )


def _is_fraction(metric: MetricComparison) -> bool:
    return all(
        abs(estimate.value) <= 1
        for estimate in (metric.baseline, metric.candidate)
        if math.isfinite(estimate.value)
    )


def _samples(task: TaskComparison) -> str:
    text = f"{numbers.count(task.shared)} shared samples"
    for count, role in ((task.only_baseline, "baseline"), (task.only_candidate, "candidate")):
        if count:
            text += f", {numbers.count(count)} only in the {role}"
    if task.baseline_errors or task.candidate_errors:
        text += f" · errors: {task.baseline_errors} baseline, {task.candidate_errors} candidate"
    return text


def _row(metric: MetricComparison, axis: Axis) -> ChangeRow:
    digits = numbers.digits_for([metric.baseline, metric.candidate, metric.difference])
    detectable = metric.minimum_detectable
    return ChangeRow(
        metric=metric.metric,
        label=numbers.label(
            metric.metric, metric.higher_is_better, metric.ideal, metric.calibration
        ),
        verdict=metric.verdict,
        baseline=numbers.number(metric.baseline, digits),
        candidate=numbers.number(metric.candidate, digits),
        difference=numbers.number(metric.difference, digits, signed=True),
        mark=mark(metric.difference, axis, 0.0),
        scale=axis.scale,
        p_value=numbers.p_value(metric.p_value),
        adjusted=_adjusted(metric),
        test=metric.test,
        detectable=numbers.decimal(detectable, digits) if detectable > 0 else numbers.MISSING,
        remarks=tuple(_remarks(metric)),
        scatter=_scatter(metric),
    )


def _adjusted(metric: MetricComparison) -> str:
    """The p-value on which the word rests, where it is another."""
    found = metric.adjusted_p_value
    same = found is None or not found > metric.p_value
    return "" if found is None or same else f"{numbers.p_value(found)} corrected"


def _remarks(metric: MetricComparison) -> Iterator[str]:
    """What has no column of its own."""
    if metric.changed:
        text = f"{numbers.count(metric.changed)} sample{'s' if metric.changed > 1 else ''} changed"
        if metric.higher_is_better is not None:
            text += f": {metric.worsened} worse, {metric.improved} better"
        yield text
    if metric.randomization_p_value is not None:
        yield f"approximate randomization p {numbers.p_value(metric.randomization_p_value)}"
    if metric.baseline_unscored or metric.candidate_unscored:
        yield (
            f"unscored in the baseline alone: {metric.baseline_unscored}, "
            f"in the candidate alone: {metric.candidate_unscored}"
        )


def _groups(task: TaskComparison) -> Iterator[GroupChanges]:
    tables: dict[tuple[str, str], list[GroupChange]] = {}
    for change in task.groups:
        tables.setdefault((change.attribute, change.metric), []).append(change)
    for (attribute, metric), changes in tables.items():
        estimates = [change.difference for change in changes]
        axis, digits = around_zero(estimates), numbers.digits_for(estimates)
        yield GroupChanges(
            attribute=attribute,
            metric=metric,
            rows=tuple(_group(change, axis, digits) for change in sorted(changes, key=_evidence)),
            scale=axis.scale,
        )


def _evidence(change: GroupChange) -> tuple[float, str]:
    return (change.p_value if math.isfinite(change.p_value) else math.inf, change.group)


def _group(change: GroupChange, axis: Axis, digits: int) -> GroupRow:
    estimate: Estimate = change.difference
    return GroupRow(
        group=change.group,
        number=numbers.number(estimate, digits, signed=True),
        mark=mark(estimate, axis, 0.0),
        p_value=numbers.p_value(change.p_value),
    )


# --------------------------------------------------------------------------- scatter


_CELLS = 40
"""Cells along an axis into which samples are counted."""


def _scatter(metric: MetricComparison) -> Scatter | None:
    """The samples' scores before and after; None where none has a score of its own."""
    if not metric.changed:
        return None
    scores = Counter(metric.scores)  # few differ where scores are 0 and 1
    pairs = {pair: count for pair, count in scores.items() if all(map(math.isfinite, pair))}
    if not pairs:
        return None
    ends = [value for pair in pairs for value in pair]
    low, high = min(ends), max(ends)
    axis = Axis(0.0, 1.0) if low >= 0 and high <= 1 else Axis(low, high)
    cell = (axis.high - axis.low) / _CELLS
    counts: dict[tuple[float, float], int] = {}
    for both, count in pairs.items():
        old, new = (round((value - axis.low) / cell) * cell + axis.low for value in both)
        counts[old, new] = counts.get((old, new), 0) + count
    most = max(counts.values())
    points = tuple(
        Point(
            x=axis.position(old),
            y=round(100 - axis.position(new), 2),
            radius=round(1.2 + 5.8 * math.sqrt(count / most), 2),
            state=_state(new - old, metric.higher_is_better),
            told=f"{numbers.count(count)} × {numbers.trimmed(old)} → {numbers.trimmed(new)}",
        )
        for (old, new), count in sorted(counts.items())
    )
    return Scatter(points, axis.scale, numbers.count(sum(pairs.values())))


def _state(change: float, higher_is_better: bool | None) -> str:
    if change == 0:
        return "same"
    if higher_is_better is None:
        return "changed"
    return "better" if (change > 0) == higher_is_better else "worse"


# --------------------------------------------------------------------------- changed samples


MARKED = 2_000
"""Samples of one task whose changed words are marked; of more, the texts stand side by side."""


def flips(comparisons: Iterable[RunComparison], clip: Clipper) -> list[dict[str, Any]]:
    """For the page's script: each task with changed samples, each sample once, all of them.

    ``metrics`` lists each metric's changes, the worst first, as [place among ``samples``, baseline,
    candidate, outcome].
    """
    return [
        found
        for number, comparison in enumerate(comparisons)
        for task in comparison.tasks
        if (found := _flips_of_task(number, task, clip)) is not None
    ]


def _flips_of_task(number: int, task: TaskComparison, clip: Clipper) -> dict[str, Any] | None:
    places: dict[str, int] = {}
    samples: list[dict[str, Any]] = []
    metrics = []
    for metric in task.metrics:
        rows = []
        for flip in metric.flips:
            if flip.id not in places:
                places[flip.id] = len(samples)
                samples.append(_sample(flip, clip, marked=len(samples) < MARKED))
            outcome = "changed" if flip.worse is None else "worse" if flip.worse else "better"
            ends = _finite(flip.baseline), _finite(flip.candidate)
            rows.append([places[flip.id], *ends, outcome])
        if rows:
            metrics.append({"metric": metric.metric, "changed": metric.changed, "flips": rows})
    if not metrics:
        return None
    return {"candidate": number, "task": task.task, "samples": samples, "metrics": metrics}


def _sample(flip: FlippedSample, clip: Clipper, marked: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {"id": flip.id}
    if flip.input:
        entry["input"] = clip(flip.input)
    if flip.expected:
        entry["expected"] = [clip(each) for each in flip.expected]
    if flip.prompt is not None:
        entry["prompt"] = clip(flip.prompt)
    before, after = flip.baseline_response, flip.candidate_response
    if before is not None and after is not None and marked:
        found = difference(clip(before), clip(after))
        entry["before"], entry["after"] = _pieces(found.before), _pieces(found.after)
    else:
        # One side was saved without its texts, or there are too many to mark the words of.
        for name, text in (("before", before), ("after", after)):
            if text is not None:
                entry[name] = [[0, clip(text)]]
    return entry


def _pieces(pieces: Pieces) -> list[list[int | str]]:
    return [[int(changed), text] for changed, text in pieces]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
