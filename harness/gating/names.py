"""What the names in rules refer to, and which rules could never block."""

from __future__ import annotations

from collections.abc import Iterable

from harness import protocols
from harness.authoring.metrics import MetricRef
from harness.comparison import measure
from harness.comparison.measure import MetricsOfTask
from harness.config import reducer_of
from harness.errors import ConfigError, UnknownNameError, UsageError
from harness.gating.config import CHANGES, Rule
from harness.protocols import Metric
from harness.results.baseline import ScoredRun
from harness.types import MetricResult, TaskResult


def check_rules(
    rules: Iterable[Rule],
    runs: Iterable[ScoredRun | None],
    metrics: MetricsOfTask,
    probes_of: Iterable[str] = (),
) -> None:
    """Refuses rules that could never block.

    Args:
        rules: The rules.
        runs: The runs at hand; None for a baseline that was not given.
        metrics: Task → metric objects.
        probes_of: Tasks whose probes' measures are not known yet.

    Raises:
        UnknownNameError: Neither run nor any task at hand has such a metric.
        ConfigError: The rule does not fit its metric, or needs a baseline and there is none.
    """
    runs = list(runs)
    present = [run for run in runs if run is not None]
    known = {f"{task}.{metric.name}" for task, each in metrics.items() for metric in each}
    for run in present:
        for task in run.result.tasks.values():
            known.update(f"{task.name}.{name}" for name in task.metrics)
            known.update(_probe_measures(task))
    for rule in rules:
        pending = rule.ref(probes_of)
        probed = pending is not None and pending.is_probe_measure
        if rule.metric not in known and not probed:
            raise UnknownNameError(
                "metric in [[gate.rule]]", rule.metric, known, _of_repeats(rule.metric)
            )
        if rule.kind in CHANGES:
            _check_change(rule, present, len(present) < len(runs), metrics, probed)
        if not probed:
            _check_scale(rule, present, metrics)


def check_reducers(rules: Iterable[Rule], metrics: MetricsOfTask) -> None:
    """Refuses rules on reducers of repeats that the run will not compute.

    Args:
        rules: The rules.
        metrics: Task → metric objects of the run.

    Raises:
        UnknownNameError: A rule names such a reducer.
    """
    for rule in rules:
        ref, hint = rule.ref(metrics), _of_repeats(rule.metric)
        if ref is None or hint is None:
            continue
        known = [metric.name for metric in metrics[ref.task]]
        if ref.metric not in known:
            named = [f"{ref.task}.{each}" for each in known]
            raise UnknownNameError("metric in [[gate.rule]]", rule.metric, named, hint)


def _of_repeats(metric: str) -> str | None:
    """How a run comes to have a metric that is named after a reducer of repeats."""
    name = metric.rpartition(".")[2]
    try:
        _, k = reducer_of(name)
    except UsageError:
        return None
    return (
        f"A run has {name} if it is made with --repeats {max(k, 2)} or more and --reduce {name}, "
        "of metrics that are means."
    )


def _check_scale(rule: Rule, present: list[ScoredRun], metrics: MetricsOfTask) -> None:
    """Refuses bounds that the metric cannot reach, such as per cent for a metric from 0 to 1."""
    bounds = getattr(_described(rule.metric, present, metrics), "bounds", None)
    if bounds is None or rule.ideal is not None:
        return
    low, high = bounds
    outside = {
        "max_drop": rule.value > high - low,
        "min_gain": rule.value > high - low,
        "min": not low <= rule.value <= high,
        "max": not low <= rule.value <= high,
    }
    if outside.get(rule.kind, False):
        raise ConfigError(
            f"the rule {rule.name} {rule} lies outside of what {rule.metric} can be, "
            f"{low:g} to {high:g}",
            "Write it on the metric's own scale; where that is 0 to 1, 5 points are 0.05.",
        )


def _check_change(
    rule: Rule,
    present: list[ScoredRun],
    no_baseline: bool,
    metrics: MetricsOfTask,
    probed: bool,
) -> None:
    if no_baseline:
        raise ConfigError(
            f"the rule {rule.name} {rule} needs a baseline",
            'Give --baseline RUN, or baseline = "…" under [gate]; '
            "harness run --no-gate makes the first one.",
        )
    tasks = [task for run in present for task in run.result.tasks.values()]
    if probed or any(rule.metric in _probe_measures(task) for task in tasks):
        raise ConfigError(
            f"{rule.kind} does not apply to {rule.metric}, which a probe measured",
            "Bound it with min or max.",
        )
    if direction(rule.metric, present, metrics) is not None or rule.ideal is not None:
        return
    if rule.kind == "max_relative_drop" or ideal_of(rule, present, metrics) is None:
        raise ConfigError(
            f"{rule.kind} does not apply to {rule.metric}: neither direction is better",
            f"Say where it should be, as in {rule.metric}@0.5 with max_drop; or use target with "
            "tolerance, or min and max.",
        )


def _probe_measures(task: TaskResult) -> set[str]:
    return {
        f"{task.name}.{probe}.{metric}.{name}"
        for probe, by_metric in task.probes.items()
        for metric, measures in by_metric.items()
        for name in measures
    }


def direction(metric: str, runs: Iterable[ScoredRun], metrics: MetricsOfTask) -> bool | None:
    """Whether higher is better, by the runs' results or else the task's metric."""
    found = _described(metric, runs, metrics)
    return True if found is None else found.higher_is_better


def ideal_of(rule: Rule, runs: Iterable[ScoredRun], metrics: MetricsOfTask) -> float | None:
    """The value that a drop is a move away from; None where a direction is better.

    The rule's own, else the metric's where neither direction is better.
    """
    if rule.ideal is not None:
        return rule.ideal
    described = [_described(rule.metric, runs, metrics), _described(rule.metric, [], metrics)]
    found = [each for each in described if each is not None]
    if not found or found[0].higher_is_better is not None:
        return None
    ideals = [protocols.ideal_of(each) for each in found]
    return next((ideal for ideal in ideals if ideal is not None), None)


def _described(
    metric: str, runs: Iterable[ScoredRun], metrics: MetricsOfTask
) -> MetricResult | Metric | None:
    for run in runs:
        result = reported(run, metric)
        if result is not None:
            return result
    ref = MetricRef.find(metric, metrics)
    return None if ref is None else measure.metric_object(metrics, ref.task, ref.metric)


def reported(run: ScoredRun, metric: str) -> MetricResult | None:
    """The metric's result in a run, where it has one."""
    ref = MetricRef.find(metric, run.result.tasks)
    return None if ref is None else run.result.tasks[ref.task].metrics.get(ref.metric)


def measured(name: str) -> str:
    """The metric that a rule on ``METRIC``, or on a probe's ``PROBE.METRIC.MEASURE``, rests on."""
    return name.split(".")[1] if name.count(".") == 2 else name
