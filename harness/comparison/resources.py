"""What a difference between two runs took: energy, money and time of the machine."""

from __future__ import annotations

from collections.abc import Iterator

from harness.authoring.reporting import numbers
from harness.types import MetricComparison, RunComparison, RunResult, Spent

_SHOWN = 4


def of(before: RunResult, after: RunResult) -> tuple[Spent, Spent] | None:
    """What either run took.

    None where one of them measured nothing, or took answers from the store instead of computing
    them: then the two are not of the same work.
    """
    if before.spent is None or after.spent is None or before.usage.cached or after.usage.cached:
        return None
    return before.spent, after.spent


def note(compared: RunComparison) -> str | None:
    """What is better or worse, for how many times the energy, in a sentence."""
    ratios = [] if compared.spent is None else list(_ratios(*compared.spent))
    if not ratios:
        return None
    found = [
        f"{task.task}.{metric.metric} {_change(metric)}"
        for task in compared.tasks
        for metric in task.metrics[:1]
    ]
    more = [f"{len(found) - _SHOWN:,} more"] if len(found) > _SHOWN else []
    return f"{'; '.join([*found[:_SHOWN], *more])}: for {', '.join(ratios)}"


def _ratios(before: Spent, after: Spent) -> Iterator[str]:
    if before.energy_kwh and after.energy_kwh:
        words = f"{numbers.energy(after.energy_kwh)} instead of {numbers.energy(before.energy_kwh)}"
        yield f"{_times(after.energy_kwh / before.energy_kwh)} the energy ({words})"
    if before.money and after.money:
        yield f"{_times(after.money / before.money)} the price of the machine"
    if before.seconds and after.seconds:
        yield f"{_times(after.seconds / before.seconds)} the time"


def _times(ratio: float) -> str:
    return f"{ratio:.2g} times" if ratio < 10 else f"{ratio:,.0f} times"


def _change(metric: MetricComparison) -> str:
    """By how much, with its interval towards that side, where a difference is shown."""
    if metric.verdict == "no difference shown":
        return metric.verdict
    difference = metric.difference
    sign = -1.0 if difference.value < 0 else 1.0
    low, high = sorted((sign * difference.low, sign * difference.high))
    word = {"changed": "lower" if sign < 0 else "higher"}.get(metric.verdict, metric.verdict)
    return f"{sign * difference.value:.3g} {word} [{low:.3g}, {high:.3g}]"
