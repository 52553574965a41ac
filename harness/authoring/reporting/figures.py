"""Figures of runs for papers and notebooks, drawn by matplotlib (extra ``notebooks``)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from harness.authoring.literal import visible
from harness.authoring.measures import calibration
from harness.authoring.metrics import MetricRef
from harness.authoring.reporting import tables
from harness.errors import MissingExtraError, UsageError
from harness.types import Estimate, RunResult, SampleRecord

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ROW, _WIDTH = 0.32, 6.4


def forest(result: RunResult) -> Figure:
    """Every metric that is a share from 0 to 1, with its interval.

    Raises:
        UsageError: There is none.
        MissingExtraError: matplotlib is not installed.
    """
    rows = [row for row in tables.score_rows(result) if 0 <= row.found.estimate.value <= 1]
    if not rows:
        raise UsageError("no metric of this run is a share from 0 to 1", "Use to_frame() instead.")
    figure, axes = _subplots(_WIDTH, 1 + _ROW * len(rows))
    for place, row in enumerate(rows):
        _point(axes, row.found.estimate, place, horizontal=True)
        if row.found.ideal is not None:
            axes.plot([row.found.ideal], [place], marker="|", color="tab:green", markersize=12)
    labels = [f"{row.task}.{row.label}" for row in rows]
    axes.set_yticks(range(len(rows)), [_plain(label) for label in labels])
    axes.invert_yaxis()
    axes.set_xlim(-0.02, 1.02)
    axes.set_xlabel("value with its 95 % interval")
    axes.grid(axis="x", alpha=0.3)
    return figure


def reliability(records: Iterable[SampleRecord], title: str) -> Figure:
    """How often answers of a given confidence are right.

    Raises:
        UsageError: No answer has a probability.
        MissingExtraError: matplotlib is not installed.
    """
    found = [calibration.confidence(record) for record in records]
    answers = [answer for answer in found if answer is not None]
    if not answers:
        raise UsageError(
            f"no answer of {title} has a probability",
            "Calibration is that of tasks that choose among options with probabilities.",
        )
    figure, axes = _subplots(4.2, 4.2)
    axes.plot([0, 1], [0, 1], linestyle="--", color="grey", linewidth=1)
    for each in calibration.reliability(answers):
        _point(axes, each.accuracy, each.confidence, horizontal=False)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="confidence", ylabel="share right")
    axes.set_title(_plain(f"{title}, n = {len(answers):,}"))
    return figure


def history(results: Sequence[RunResult], metric: str) -> Figure:
    """A metric over runs in the order in which they were started, with its intervals.

    Args:
        results: The runs.
        metric: ``TASK`` or ``TASK.METRIC``.

    Raises:
        UsageError: No run has that metric.
        MissingExtraError: matplotlib is not installed.
    """
    ordered = sorted(results, key=lambda each: str(each.timing.get("started", "")))
    points = [(each, found) for each in ordered if (found := _estimate(each, metric)) is not None]
    if not points:
        raise UsageError(f"none of the runs has {metric}", "Name it as TASK.METRIC.")
    figure, axes = _subplots(_WIDTH, 3.4)
    axes.plot(range(len(points)), [found.value for _, found in points], alpha=0.5)
    for place, (_, found) in enumerate(points):
        _point(axes, found, place, horizontal=False)
    axes.set_xticks(
        range(len(points)), [_plain(_when(each)) for each, _ in points], rotation=30, ha="right"
    )
    axes.set_ylabel(_plain(metric))
    axes.grid(axis="y", alpha=0.3)
    return figure


def _estimate(result: RunResult, metric: str) -> Estimate | None:
    ref = MetricRef.find(metric, result.tasks)
    if ref is None:
        return None
    metrics = result.tasks[ref.task].metrics
    name = ref.metric or next(iter(metrics), "")
    return metrics[name].estimate if name in metrics else None


def _when(result: RunResult) -> str:
    try:
        moment = datetime.fromisoformat(str(result.timing.get("started", "")))
    except ValueError:
        return result.run_id
    return f"{result.run_id}\n{moment:%Y-%m-%d %H:%M}"


def _point(axes: Any, found: Estimate, place: float, horizontal: bool) -> None:
    """A point with its whiskers at ``place`` of the other axis."""
    if not math.isfinite(found.value):
        return
    for values, style in (
        ([found.low, found.high], {"linewidth": 2, "alpha": 0.6}),
        ([found.value], {"marker": "o"}),
    ):
        if all(map(math.isfinite, values)):
            both = (values, [place] * len(values))
            axes.plot(*(both if horizontal else both[::-1]), color="tab:blue", **style)


def _plain(text: str) -> str:
    """Text that matplotlib takes for no formula."""
    return visible(text).replace("$", r"\$")


def _subplots(width: float, height: float) -> tuple[Figure, Any]:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("a figure", "notebooks") from error
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()
