"""The rules that targets and guards are short for, and the verdict on them.

A target is ``min_gain = 0``: a gain must be shown. A guard is ``max_drop = 0`` that passes unless
it is broken: no loss may be shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness import (
    GateConfig,
    GateVerdict,
    Registry,
    Rule,
    ScoredRun,
    gate,
    gate_scores,
    join_verdicts,
)
from harness.authoring.io.gate_json import gate_to_json
from harness.authoring.io.serialization import estimate_to_json, number
from harness.authoring.metrics import MetricRef, split_ideal
from harness.types import Estimate, RuleVerdict, RunResult
from harness_align.evaluation.held_out_changes import Paired

ALPHA = 0.025
"""Of either side, so that the 95 % interval excludes what is not shown."""


def notes_on(run: RunResult, wrap: bool) -> tuple[str, ...]:
    """What a reader has to know of how the candidate was asked for texts.

    Args:
        run: The candidate's on the suite.
        wrap: Whether texts were trained on as a user's messages where there is a chat template.
    """
    if wrap or run.model.get("chat_template") is not True or not run.usage.completion_tokens:
        return ()
    return (
        "trained on plain text (wrap = false), and asked for texts through the chat template: "
        'chat_template = "off" under [set] asks as was trained',
    )


def judge(
    baseline: ScoredRun,
    candidate: ScoredRun,
    targets: Sequence[MetricRef],
    guards: Sequence[MetricRef],
    registry: Registry,
    reference: str = "",
    allow_uncalibrated: bool = False,
) -> GateVerdict:
    """Judges a run by targets and guards.

    All targets must show a gain, so they need no correction (an intersection–union test); losses of
    guards are corrected by Holm–Bonferroni over all guards.

    Args:
        baseline: The run before the training.
        candidate: The run after it.
        targets: What must get better.
        guards: What must not get worse.
        registry: The loaded plugins.
        reference: What ``baseline`` is, where it is not the base.
        allow_uncalibrated: See ``harness.GateConfig``.

    Raises:
        UnknownNameError: A task has no such metric.
        UsageError: No direction of a metric is better, and there is no ideal.
    """
    families = [[target(named(aim, candidate.result), reference)] for aim in targets]
    families.append([guard(named(aim, candidate.result)) for aim in guards])
    configs = [
        GateConfig(tuple(rules), ALPHA, allow_uncalibrated=allow_uncalibrated)
        for rules in families
        if rules
    ]
    return join_verdicts([gate(candidate, baseline, config=c, registry=registry) for c in configs])


def judge_held_out(target: Paired) -> GateVerdict:
    """Judges what was measured on held-out rows as a target."""
    rule = Rule(target.name, "min_gain", 0.0, against=target.reference)
    return gate_scores(target.before, target.after, rule, clusters=target.clusters, alpha=ALPHA)


def target(aim: MetricRef, reference: str = "") -> Rule:
    """The rule that a target is short for."""
    return Rule(aim.name, "min_gain", 0.0, ideal=aim.ideal, against=reference)


def guard(aim: MetricRef) -> Rule:
    """The rule that a guard is short for."""
    return Rule(aim.name, "max_drop", 0.0, ideal=aim.ideal, pass_unless_broken=True)


def named(aim: MetricRef, result: RunResult) -> MetricRef:
    """The aim with its metric's name, and its ideal where no direction is better.

    Raises:
        UnknownNameError: The task has no such metric.
        UsageError: No direction of the metric is better, and the aim has no ideal.
    """
    return aim.resolved(result.tasks[aim.task].metrics)


def standing(aim: MetricRef, result: RunResult) -> tuple[float, float]:
    """(the value of a named aim's metric, how good that is: the higher the better)."""
    metric = result.tasks[aim.task].metrics[aim.metric]
    value = metric.estimate.value
    if aim.ideal is not None:
        return value, -abs(value - aim.ideal)
    return value, -value if metric.higher_is_better is False else value


def role(judged: RuleVerdict) -> str:
    """What the rule is in an alignment's report."""
    return "target" if judged.kind == "min_gain" else "guard"


def gain_of(judged: RuleVerdict) -> Estimate | None:
    """How much better the candidate is; None where there was nothing to judge by."""
    found = judged.evidence
    if found is None:
        return None
    value, low, high = found.value, found.low, found.high
    if judged.kind != "min_gain":
        value, low, high = -value, -high, -low
    return Estimate(value, found.stderr, low, high, found.n, found.method)


def to_json(
    verdict: GateVerdict, aims: GateVerdict, rules: GateVerdict | None
) -> Mapping[str, Any]:
    """The ``verdict`` of align.json.

    Args:
        verdict: On all there is.
        aims: On targets and guards.
        rules: On the rules under [gate].
    """
    return {
        "decision": verdict.verdict,
        "sentence": verdict.sentence,
        "notes": list(verdict.notes),
        "judgements": [_judgement(each) for each in aims.rules],
        "gate": None if rules is None else gate_to_json(rules),
    }


def _judgement(judged: RuleVerdict) -> Mapping[str, Any]:
    found, gain = judged.evidence, gain_of(judged)
    measured = (found.baseline, found.candidate, found.detectable) if found else (None, None, None)
    old, new, detectable = (None if each is None else number(each) for each in measured)
    metric, ideal = split_ideal(judged.metric)
    return {
        "metric": metric,
        "ideal": ideal,
        "role": role(judged),
        "decision": judged.verdict,
        "sentence": judged.sentence,
        "gain": None if gain is None else estimate_to_json(gain),
        "baseline": old,
        "candidate": new,
        "minimum_detectable": detectable,
    }
