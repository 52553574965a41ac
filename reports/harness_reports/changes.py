"""What a comparison page shows, decided apart from how it looks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from harness.authoring.reporting import numbers
from harness.authoring.reporting.drawing import Axis, Mark, Scale, around_zero, mark
from harness.authoring.reporting.numbers import Number
from harness.types import (
    Estimate,
    FlippedSample,
    GroupChange,
    MetricComparison,
    RunComparison,
    TaskComparison,
)
from harness_reports.records.browser import Clipper
from harness_reports.records.text_diff import Pieces, difference
from harness_reports.view import model_name

VERDICTS = ("worse", "better", "changed", "no difference shown")


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
    counts: tuple[tuple[str, int], ...]
    tasks: tuple[TaskChanges, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChangesView:
    """The candidates of one page against their common baseline."""

    baseline: str
    baseline_model: str
    compared: int
    candidates: tuple[CandidateView, ...]


def view(comparisons: Sequence[RunComparison]) -> ChangesView:
    """The rows of the page, in the order of the candidates, their tasks and metrics."""
    first = comparisons[0]
    return ChangesView(
        baseline=first.baseline_id,
        baseline_model=model_name(first.baseline_model),
        compared=sum(len(task.metrics) for each in comparisons for task in each.tasks),
        candidates=tuple(_candidate(each) for each in comparisons),
    )


def _candidate(comparison: RunComparison) -> CandidateView:
    verdicts = [metric.verdict for task in comparison.tasks for metric in task.metrics]
    return CandidateView(
        run_id=comparison.candidate_id,
        model=model_name(comparison.candidate_model),
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
        label=numbers.label(metric.metric, metric.higher_is_better, metric.ideal),
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


# --------------------------------------------------------------------------- changed samples


def flips(comparisons: Iterable[RunComparison], clip: Clipper) -> list[dict[str, Any]]:
    """For the page's script: each metric with changed samples, worst first, words marked."""
    return [
        {
            "candidate": number,
            "task": task.task,
            "metric": metric.metric,
            "changed": metric.changed,
            "flips": [_flip(flip, clip) for flip in metric.flips],
        }
        for number, comparison in enumerate(comparisons)
        for task in comparison.tasks
        for metric in task.metrics
        if metric.flips
    ]


def _flip(flip: FlippedSample, clip: Clipper) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "id": flip.id,
        "outcome": "changed" if flip.worse is None else "worse" if flip.worse else "better",
        "baseline": _finite(flip.baseline),
        "candidate": _finite(flip.candidate),
    }
    if flip.prompt is not None:
        entry["prompt"] = clip(flip.prompt)
    before, after = flip.baseline_response, flip.candidate_response
    if before is not None and after is not None:
        marked = difference(clip(before), clip(after))
        entry["before"], entry["after"] = _pieces(marked.before), _pieces(marked.after)
    elif before is not None or after is not None:
        # One side was saved without its texts: there is nothing to compare the other with.
        for name, text in (("before", before), ("after", after)):
            if text is not None:
                entry[name] = [[0, clip(text)]]
    return entry


def _pieces(pieces: Pieces) -> list[list[int | str]]:
    return [[int(changed), text] for changed, text in pieces]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
