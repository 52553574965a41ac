"""What a metric as a whole hides: a group that got worse while the whole did not.

A share of one half may be made of groups far above it and far below, and an accuracy that rose of
one that fell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from harness.results.baseline import ScoredRun
from harness.stats.compare import holm
from harness.types import RunComparison, TaskResult
from harness.types.comparison import ALPHA, GroupChange, MetricComparison

Ruled = Mapping[tuple[str, str], float | None]
"""(task, metric) of each rule → the ideal that it names, if it does."""


def hidden_losses(
    ruled: Ruled, compared: RunComparison, candidate: ScoredRun, baseline: ScoredRun
) -> Iterator[str]:
    """A sentence for each group whose change is shown and for the worse, unlike the whole's.

    Args:
        ruled: The metrics that are looked at.
        compared: The two runs; of a metric's groups, what is shown allows for all of them (Holm).
        candidate: The run that was judged.
        baseline: What it was compared with.
    """
    for task in compared.tasks:
        old, new = (run.result.tasks[task.task] for run in (baseline, candidate))
        for metric in task.metrics:
            name = task.task, metric.metric
            if name not in ruled:
                continue
            ideal = metric.ideal if ruled[name] is None else ruled[name]
            if _is_worse(metric, ideal, metric.baseline.value, metric.candidate.value):
                continue
            for group in _shown([each for each in task.groups if each.metric == metric.metric]):
                before, after = _value(old, group), _value(new, group)
                if before is None or after is None:
                    continue
                if _is_worse(metric, ideal, before, after):
                    yield _said(task.task, group, ideal, before, after)


def _shown(groups: Sequence[GroupChange]) -> Iterator[GroupChange]:
    """Those of a metric's groups whose change is more than chance would make of that many."""
    adjusted = holm([each.p_value for each in groups])
    yield from (group for group, p in zip(groups, adjusted, strict=True) if p <= ALPHA)


def _is_worse(metric: MetricComparison, ideal: float | None, before: float, after: float) -> bool:
    if ideal is not None:
        return abs(after - ideal) > abs(before - ideal)
    if metric.higher_is_better is None:
        return False
    return after < before if metric.higher_is_better else after > before


def _value(result: TaskResult, change: GroupChange) -> float | None:
    """The metric of that group; None where the run does not have it."""
    found = result.groups.get(change.attribute, {}).get(change.group, {}).get(change.metric)
    return None if found is None else found.estimate.value


def _said(task: str, change: GroupChange, ideal: float | None, before: float, after: float) -> str:
    how = "worse" if ideal is None else f"further from {ideal:g}"
    difference = change.difference
    return (
        f"{task}.{change.metric} as a whole hides {change.attribute} {change.group}, "
        f"which is {how}: {before:.3f} → {after:.3f}, 95 % interval of the change "
        f"{difference.low:.3f} to {difference.high:.3f}"
    )
