"""What stands beside a verdict: which baseline it was, and all that changed, ruled or not.

A rule looks at one metric. A reader wants to know of a metric that fell and that no rule looks at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from harness.authoring.metrics import MetricRef, split_ideal
from harness.comparison import run_comparison
from harness.comparison.measure import MetricsOfTask
from harness.errors import HarnessError
from harness.gating.hidden_losses import Ruled, hidden_losses
from harness.gating.names import measured
from harness.protocols import UNUSABLE
from harness.results.baseline import ScoredRun, described
from harness.types import GateVerdict, MetricChange, RuleVerdict, RunComparison, TaskResult


def in_context(
    verdict: GateVerdict,
    candidate: ScoredRun,
    baseline: ScoredRun | None,
    metrics: MetricsOfTask,
) -> GateVerdict:
    """The verdict with its baseline named, and with every change that the two runs show.

    A note names each group that got worse while a ruled metric as a whole did not. Sentences about
    a judge that nobody has checked, or no better than chance, say so.

    Args:
        verdict: What the rules decided.
        candidate: The run that was judged.
        baseline: Whom it was compared with, if anybody.
        metrics: Task → metric objects, for corpus metrics.
    """
    verdict = _with_doubts(verdict, [candidate, *([] if baseline is None else [baseline])])
    if baseline is None:
        return verdict
    run = described(baseline, verdict.baseline, candidate)
    early = [
        task
        for task, planned in verdict.samples_planned.items()
        if verdict.samples_used.get(task, 0) < planned
    ]
    notes = [f"{task} ended early, so its other metrics are not compared" for task in early]
    samples = {name: found for name, found in candidate.samples.items() if name not in early}
    changes: tuple[MetricChange, ...] = ()
    try:
        compared = run_comparison.compare(baseline, replace(candidate, samples=samples), metrics)
        ruled = _ruled(verdict.rules, candidate.result.tasks)
        changes = _changes(ruled, compared)
        notes += hidden_losses(ruled, compared, candidate, baseline)
    except HarnessError as error:
        notes.append(f"not compared as a whole: {error.message}")
    return replace(verdict, baseline_run=run, changes=changes, notes=(*verdict.notes, *notes))


def _with_doubts(verdict: GateVerdict, runs: Sequence[ScoredRun]) -> GateVerdict:
    """Says ``uncalibrated`` behind the name of each rule's metric that is so in one of the runs."""
    rules, sentence = [], verdict.sentence
    for rule in verdict.rules:
        if doubt := _doubt(rule, runs):
            named, doubted = f"{rule.metric} ", f"{rule.metric} ({doubt}) "
            sentence = sentence.replace(rule.sentence, rule.sentence.replace(named, doubted, 1))
            rule = replace(rule, sentence=rule.sentence.replace(named, doubted, 1))
        rules.append(rule)
    return replace(verdict, rules=tuple(rules), sentence=sentence)


def _doubt(rule: RuleVerdict, runs: Iterable[ScoredRun]) -> str | None:
    """Which of ``UNUSABLE`` the rule's metric is; None where it may be rested on."""
    given = set()
    for run in runs:
        for task, metric in _ruled([rule], run.result.tasks):
            found = run.result.tasks[task].metrics.get(measured(metric))
            given.add(None if found is None else found.calibration)
    return next((each for each in UNUSABLE if each in given), None)


def _changes(ruled: Ruled, compared: RunComparison) -> tuple[MetricChange, ...]:
    return tuple(
        MetricChange(
            f"{task.task}.{metric.metric}",
            metric.baseline.value,
            metric.candidate.value,
            metric.difference,
            metric.verdict,
            (task.task, metric.metric) in ruled,
            metric.higher_is_better,
            metric.ideal,
            metric.calibration,
        )
        for task in compared.tasks
        for metric in task.metrics
    )


def _ruled(rules: Iterable[RuleVerdict], tasks: Mapping[str, TaskResult]) -> Ruled:
    """(task, metric) of every rule, and the ideal that it names."""
    found = {}
    for rule in rules:
        name, ideal = split_ideal(rule.metric)
        ref = MetricRef.find(name, tasks)
        if ref is not None:
            found[ref.task, ref.metric or next(iter(tasks[ref.task].metrics), "")] = ideal
    return found
