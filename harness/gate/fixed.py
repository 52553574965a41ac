"""Judging once, when all samples are in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from harness import measure
from harness.baseline import ScoredRun
from harness.errors import ConfigError, UnknownNameError
from harness.gate.config import GateConfig, Rule
from harness.gate.verdict import (
    Evidence,
    GateVerdict,
    RuleVerdict,
    blocked,
    explain,
    overall,
)
from harness.measure import MetricsOfTask, NotMeasurable, Pairs, TaskIdentity
from harness.stats.compare import holm
from harness.stats.inference import Inference
from harness.types import MetricResult, TaskResult


@dataclass(frozen=True, slots=True)
class Judged:
    """A rule's evidence with the p-values for blocking and for passing it.

    ``trusted`` is false where so many samples went unscored that a pass could be due to them.
    """

    evidence: Evidence
    p_block: float
    p_pass: float
    trusted: bool = True


def evaluate_fixed(
    config: GateConfig,
    candidate: ScoredRun,
    baseline: ScoredRun | None,
    metrics: MetricsOfTask,
) -> GateVerdict:
    """Judges every rule on all samples, with Holm–Bonferroni over what would block.

    Raises:
        UnknownNameError: A rule's metric exists nowhere, so the rule could never block.
        ConfigError: A rule cannot be judged as it is written.
    """
    check_rules(config.rules, [candidate, baseline], metrics)
    judged: dict[Rule, Judged | RuleVerdict] = {}
    for rule in config.rules:
        try:
            judged[rule] = judge(rule, config, candidate, baseline, metrics, config.alpha)
        except NotMeasurable as reason:
            judged[rule] = blocked(rule, str(reason))
    tested = {rule: each for rule, each in judged.items() if isinstance(each, Judged)}
    corrected = dict(zip(tested, holm([each.p_block for each in tested.values()]), strict=True))
    rules = tuple(
        each if isinstance(each, RuleVerdict) else decide(rule, each, config.alpha, corrected[rule])
        for rule, each in judged.items()
    )
    tasks = {
        task for rule in config.rules if (task := task_of(rule.metric, candidate.result.tasks))
    }
    used = {
        name: candidate.result.tasks[name].n for name in candidate.result.tasks if name in tasks
    }
    return GateVerdict(overall(rules), rules, config, samples_used=used, samples_planned=dict(used))


def decide(rule: Rule, judged: Judged, alpha: float, p_block: float) -> RuleVerdict:
    """The verdict at level ``alpha``; ``p_block`` may be corrected for other rules."""
    if p_block <= alpha:
        return explain(rule, "block", judged.evidence)
    if judged.p_block <= alpha:
        return explain(rule, "inconclusive", judged.evidence, corrected=True)
    if judged.p_pass > alpha:
        return explain(rule, "inconclusive", judged.evidence)
    if not judged.trusted:
        reason = ", because too many samples could not be scored"
        return explain(rule, "inconclusive", judged.evidence, after=reason)
    return explain(rule, "pass", judged.evidence)


# --------------------------------------------------------------------------- names


def task_of(metric: str, tasks: Iterable[str]) -> str | None:
    """The task that ``TASK.…`` names; the longest, as a task's name may hold a dot."""
    return max((name for name in tasks if metric.startswith(name + ".")), key=len, default=None)


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
        pending = task_of(rule.metric, probes_of)
        probed = pending is not None and rule.metric[len(pending) :].count(".") == 3
        if rule.metric not in known and not probed:
            raise UnknownNameError("metric in [[gate.rule]]", rule.metric, known)
        if rule.kind != "max_drop":
            continue
        if len(present) < len(runs):
            raise ConfigError(
                f"the rule {rule.metric} max_drop = {rule.value:g} needs a baseline",
                'Give --baseline RUN, or baseline = "…" under [gate].',
            )
        tasks = [task for run in present for task in run.result.tasks.values()]
        if probed or any(rule.metric in _probe_measures(task) for task in tasks):
            raise ConfigError(
                f"max_drop does not apply to {rule.metric}, which a probe measured",
                "Bound it with min or max.",
            )
        if direction(rule.metric, present, metrics) is None:
            raise ConfigError(
                f"max_drop does not apply to {rule.metric}: neither direction is better",
                "Use target with tolerance, or min and max.",
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
    for run in runs:
        result = reported(run, metric)
        if result is not None:
            return result.higher_is_better
    task = task_of(metric, metrics)
    found = task and measure.metric_object(metrics, task, metric[len(task) + 1 :])
    return found.higher_is_better if found else True


def reported(run: ScoredRun, metric: str) -> MetricResult | None:
    """The metric's result in a run, where it has one."""
    task = task_of(metric, run.result.tasks)
    return None if task is None else run.result.tasks[task].metrics.get(metric[len(task) + 1 :])


# --------------------------------------------------------------------------- judging


def judge(
    rule: Rule,
    config: GateConfig,
    candidate: ScoredRun,
    baseline: ScoredRun | None,
    metrics: MetricsOfTask,
    alpha: float,
) -> Judged:
    """Evidence for and against one rule.

    Raises:
        NotMeasurable: Something is missing, NaN or not comparable; the rule then blocks.
    """
    if candidate.result.status != "complete":
        raise NotMeasurable("the run is incomplete")
    task = task_of(rule.metric, candidate.result.tasks)
    if task is None:
        raise NotMeasurable("the run did not evaluate its task")
    name = rule.metric[len(task) + 1 :]
    if rule.kind == "max_drop":
        assert baseline is not None  # check_rules
        return _judge_drop(rule, config, candidate, baseline, task, name, metrics, alpha)
    return _judge_level(rule, config, candidate, task, name, metrics, alpha)


def _judge_level(
    rule: Rule,
    config: GateConfig,
    run: ScoredRun,
    task: str,
    name: str,
    metrics: MetricsOfTask,
    alpha: float,
) -> Judged:
    result = run.result.tasks[task]
    measured = _probe_estimate(result, name)
    if measured is not None:
        inference, n = measured
    else:
        inference, n = measure.infer_metric(run, task, name, metrics)
    below, above = inference.below, inference.above
    if rule.kind == "target":
        # Both sides of the target can block: two-sided tests, hence the factors of 2.
        least, most = rule.value - rule.tolerance, rule.value + rule.tolerance
        p_block = min(1.0, 2 * min(below(least), above(most)))
        p_pass = min(1.0, 2 * max(above(least), below(most)))
        confidence = 1 - alpha
    else:
        at_least, at_most = above(rule.value), below(rule.value)
        p_block, p_pass = (at_most, at_least) if rule.kind == "min" else (at_least, at_most)
        confidence = 1 - 2 * alpha
    unscored = sum(
        sample.error is not None and not measure.number(sample.scores.get(name))
        for sample in run.samples.get(task, {}).values()
    )
    low, high = inference.interval(confidence)
    evidence = Evidence(
        inference.value, low, high, confidence, n, inference.method, missing=unscored
    )
    return Judged(evidence, p_block, p_pass, unscored <= config.max_unscored * (n + unscored))


def _probe_estimate(result: TaskResult, name: str) -> tuple[Inference, int] | None:
    parts = name.split(".")
    if len(parts) != 3:
        return None
    probe, metric, measured = parts
    found = result.probes.get(probe, {}).get(metric, {}).get(measured)
    if found is None:
        return None
    return measure.from_estimate(found, f"{result.name}.{name}"), found.n


def _judge_drop(
    rule: Rule,
    config: GateConfig,
    candidate: ScoredRun,
    baseline: ScoredRun,
    task: str,
    name: str,
    metrics: MetricsOfTask,
    alpha: float,
) -> Judged:
    if task not in baseline.result.tasks:
        raise NotMeasurable(f"the baseline did not evaluate {task}")
    reason = measure.incomparable(
        TaskIdentity.of_result(baseline.result.tasks[task]),
        TaskIdentity.of_result(candidate.result.tasks[task]),
    )
    if reason:
        raise NotMeasurable(f"not comparable with the baseline ({reason})")
    difference = measure.infer_difference(baseline, candidate, task, name, metrics)
    pairs, inference = difference.pairs, difference.inference
    higher_is_better = direction(rule.metric, [candidate, baseline], metrics)
    if higher_is_better:
        p_block, p_pass = inference.below(-rule.value), inference.above(-rule.value)
    else:
        p_block, p_pass = inference.above(rule.value), inference.below(rule.value)
    n = len(pairs.baseline)
    before = measure.infer_rows(pairs.baseline, measure.metric_object(metrics, task, name)).value
    low, high = inference.interval(1 - 2 * alpha)
    evidence = Evidence(
        value=inference.value,
        low=low,
        high=high,
        confidence=1 - 2 * alpha,
        n=n,
        method=inference.method,
        baseline=before,
        candidate=before + inference.value,
        higher_is_better=higher_is_better,
        points=in_points(pairs, reported(candidate, rule.metric)),
        missing=pairs.candidate_unscored + pairs.baseline_unscored + pairs.not_shared,
    )
    if higher_is_better:
        evidence = replace(evidence, value=-inference.value, low=-high, high=-low)
    trusted = pairs.candidate_unscored <= config.max_unscored * (n + pairs.candidate_unscored)
    return Judged(evidence, p_block, p_pass, trusted)


def in_points(pairs: Pairs, result: MetricResult | None) -> bool:
    """Whether a difference is best read in percentage points: the metric is a share or a mean
    of scores in [0, 1], not sacrebleu's 0–100 (those carry a signature) nor unbounded.
    """
    values = [row.value for row in [*pairs.baseline, *pairs.candidate]]
    if all(isinstance(value, float | int) for value in values):
        return all(0 <= value <= 1 for value in values)  # type: ignore[operator]
    return (
        result is not None
        and result.signature is None
        and result.higher_is_better is True
        and abs(result.estimate.value) <= 1
    )
