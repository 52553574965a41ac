"""Gates: rules become a verdict, with a stated error rate and the evidence in one sentence.

config      the [gate] table: rules, α, mode
beforehand  which rules the planned samples cannot judge
names       what rules name, and which could never block
judging     the evidence for and against one rule
fixed       judging once, at the end, with Holm–Bonferroni over the rules
sequential  judging after every sample; track: one rule's test
context     which baseline it was, and what changed that no rule is about
verdict     what was decided; sentences: its words
"""

from __future__ import annotations

from dataclasses import replace

from harness.comparison.comparability import TaskIdentity
from harness.comparison.measure import MetricsOfTask
from harness.errors import ConfigError
from harness.gating.config import GateConfig, Mode, Rule, parse_gate
from harness.gating.context import in_context
from harness.gating.fixed import evaluate_fixed, evaluate_scores
from harness.gating.names import reported
from harness.gating.sequential import SequentialGate, committed_order
from harness.gating.verdict import differences, join_verdicts
from harness.results.baseline import ScoredRun
from harness.types import Decision, Evidence, GateVerdict, RuleVerdict

__all__ = [
    "Decision",
    "Evidence",
    "GateConfig",
    "GateVerdict",
    "Mode",
    "Rule",
    "RuleVerdict",
    "SequentialGate",
    "committed_order",
    "evaluate",
    "evaluate_scores",
    "in_context",
    "join_verdicts",
    "parse_gate",
    "with_differences",
]


def evaluate(
    config: GateConfig,
    candidate: ScoredRun,
    baseline: ScoredRun | None = None,
    metrics: MetricsOfTask | None = None,
    seed: int = 0,
) -> GateVerdict:
    """Judges a finished run.

    In sequential mode its samples are taken in the committed order, as if the run were going on;
    a run that a sequential gate ended early gives the verdict it ended with.

    Args:
        config: The gate.
        candidate: The run that is judged.
        baseline: What it is compared with; None where no rule needs one.
        metrics: Task → metric objects, for corpus metrics.
        seed: Of the committed order, in sequential mode.

    Raises:
        HarnessError: A rule could never block, or cannot be judged as it is written.
    """
    if config.mode == "fixed":
        _refuse_partial(candidate)
        verdict = evaluate_fixed(config, candidate, baseline, metrics or {})
    else:
        _refuse_published(config, candidate, baseline)
        verdict = _replay(config, candidate, baseline, metrics or {}, seed)
    return with_differences(verdict, baseline)


def with_differences(verdict: GateVerdict, baseline: ScoredRun | None) -> GateVerdict:
    """The verdict with notes where the baseline itself was gated by other settings."""
    if baseline is None:
        return verdict
    return replace(verdict, notes=verdict.notes + differences(baseline.result, verdict))


def _replay(
    config: GateConfig,
    candidate: ScoredRun,
    baseline: ScoredRun | None,
    metrics: MetricsOfTask,
    seed: int,
) -> GateVerdict:
    gate = SequentialGate(
        config,
        planned_samples(candidate, baseline),
        baseline,
        metrics,
        seed,
        {name: TaskIdentity.of_result(task) for name, task in candidate.result.tasks.items()},
    )
    for task, samples in candidate.samples.items():
        for name in gate.order(task):
            if name not in samples or task not in gate.open_tasks:
                break
            gate.update(task, name, samples[name].scores)
    return gate.conclude(candidate)


def _refuse_published(config: GateConfig, candidate: ScoredRun, baseline: ScoredRun | None) -> None:
    """What is only known as published has no samples to take one by one."""
    for rule in config.rules:
        for run in (candidate, baseline):
            result = None if run is None else reported(run, rule.metric)
            if run is not None and result is not None and result.kind == "published":
                raise ConfigError(
                    f"{run.result.run_id} holds no samples' scores of {rule.metric}, only what was "
                    "published, and mode is sequential",
                    'Set mode = "fixed" under [gate].',
                )


def _refuse_partial(candidate: ScoredRun) -> None:
    """A run that ended when its verdict was sure is a biased sample for any other test."""
    recorded = candidate.result.gate
    if recorded is None:
        return
    used, planned = recorded.samples_used, recorded.samples_planned
    for task, samples in candidate.samples.items():
        if used.get(task, 0) < planned.get(task, 0) and len(samples) < planned[task]:
            raise ConfigError(
                f"{candidate.result.run_id} was ended early by its sequential gate "
                f"({task}: {used[task]} of {planned[task]} samples), and mode is fixed",
                'Set mode = "sequential" under [gate], or run the candidate in full.',
            )


def planned_samples(
    candidate: ScoredRun, baseline: ScoredRun | None
) -> dict[str, dict[str, str | None]]:
    """Task → sample id → cluster of what the run set out to score.

    A run that a sequential gate ended early holds only what it needed; the baseline has the rest.

    Raises:
        ConfigError: The rest is nowhere: with a smaller N the bets would not be fair.
    """
    gate = candidate.result.gate
    recorded = {} if gate is None else gate.samples_planned
    planned: dict[str, dict[str, str | None]] = {}
    for task, samples in candidate.samples.items():
        planned[task] = {each.id: each.cluster for each in samples.values()}
        expected = recorded.get(task, len(samples))
        if baseline is not None and expected > len(samples):
            rest = baseline.samples.get(task, {}).values()
            planned[task] |= {each.id: each.cluster for each in rest if each.id not in samples}
        if len(planned[task]) != expected:
            raise ConfigError(
                f"{candidate.result.run_id} was ended early by its gate ({task}: {len(samples)} of "
                f"{expected} samples), and which the others were cannot be told",
                "Its verdict stands in results.json. To judge it by other rules, run it in full, "
                "or give the baseline that it was judged by.",
            )
    return planned
