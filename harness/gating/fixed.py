"""Judging once, when all samples are in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from harness.comparison import measure
from harness.comparison.measure import CannotCompare, MetricsOfTask
from harness.comparison.metric_kinds import needs_resampling
from harness.errors import ConfigError
from harness.gating.config import DROPS, TIERS, GateConfig, Rule
from harness.gating.judging import Judge, Judged, judge_change
from harness.gating.names import check_rules
from harness.gating.sentences import explain
from harness.gating.verdict import blocked, conclude
from harness.results.baseline import ScoredRun
from harness.stats import compare as paired
from harness.stats import resampling
from harness.stats.compare import holm
from harness.types import Evidence, GateVerdict, RuleVerdict

ENOUGH = 50
"""Samples from which on every method was found to cover; see docs/statistics.md."""
MOST_RESAMPLES = 200_000
"""Rule sets that would need more replicates of the bootstrap are refused."""


def evaluate_fixed(
    config: GateConfig,
    candidate: ScoredRun,
    baseline: ScoredRun | None,
    metrics: MetricsOfTask,
) -> GateVerdict:
    """Judges every rule on all samples, with Holm–Bonferroni over what would block.

    Each tier is a family of its own: advice never makes a blocking rule less sensitive.

    Raises:
        UnknownNameError: A rule's metric exists nowhere, so the rule could never block.
        ConfigError: A rule cannot be judged as it is written.
    """
    check_rules(config.rules, [candidate, baseline], metrics)
    judge = Judge(config, candidate, baseline, metrics)
    found: dict[Rule, RuleVerdict] = {}
    for tier in TIERS:
        found |= _judge_family(config.of_tier(tier), judge)
    rules = tuple(found[rule] for rule in config.rules)
    refs = [rule.ref(candidate.result.tasks) for rule in config.rules]
    tasks = {ref.task for ref in refs if ref is not None}
    used = {
        name: candidate.result.tasks[name].n for name in candidate.result.tasks if name in tasks
    }
    return conclude(rules, config, used=used, planned=used)


def evaluate_scores(
    config: GateConfig,
    before: Sequence[float],
    after: Sequence[float],
    clusters: Sequence[str | None] | None,
) -> GateVerdict:
    """Judges the one rule of ``config``, on a change, by paired scores that no run holds."""
    (rule,) = config.rules
    try:
        inference = measure.checked(paired.infer_paired(before, after, clusters), rule.name)
        values = (sum(before) / len(before), sum(after) / len(after))
        judged = judge_change(rule, inference, 1.0, values, len(before), config.alpha)
        unit = all(0 <= each <= 1 for each in (*before, *after))
        judged = replace(judged, evidence=replace(judged.evidence, points=unit))
        found = decide(rule, judged, config, judged.p_block)
    except CannotCompare as reason:
        found = blocked(rule, str(reason))
    return conclude([found], config)


def _judge_family(rules: list[Rule], judge: Judge) -> dict[Rule, RuleVerdict]:
    config = judge.config
    resamples = _resamples(rules, judge)
    settled: dict[Rule, RuleVerdict] = {}
    tested: dict[Rule, Judged] = {}
    for rule in rules:
        try:
            judged = judge.judge(rule, config.alpha)
            if judged.p_block <= config.alpha and resamples > resampling.RESAMPLES:
                # A corrected p-value needs a finer one than 1,000 replicates can give.
                judged = judge.judge(rule, config.alpha, resamples)
            tested[rule] = judged
        except CannotCompare as reason:
            settled[rule] = blocked(rule, str(reason))
    corrected = holm([each.p_block for each in tested.values()])
    for (rule, judged), p_block in zip(tested.items(), corrected, strict=True):
        settled[rule] = decide(rule, judged, config, p_block)
    return settled


def _resamples(rules: list[Rule], judge: Judge) -> int:
    """Replicates whose smallest p-value, corrected for k rules, is a twentieth of α.

    Raises:
        ConfigError: They are too many.
    """
    if not any(needs_resampling(rule.metric, judge.metrics) for rule in rules):
        return resampling.RESAMPLES
    needed = paired.resamples_needed(len(rules), judge.config.alpha_to_block)
    if needed > MOST_RESAMPLES:
        raise ConfigError(
            f"{len(rules)} rules at alpha = {judge.config.alpha_to_block:.2g}, corpus metrics "
            f"among them, need {needed:,} resamples (20·rules/alpha), more than {MOST_RESAMPLES:,}",
            "Split the rules over several gates, give some a lower tier, or raise alpha.",
        )
    return needed


def decide(rule: Rule, judged: Judged, config: GateConfig, p_block: float) -> RuleVerdict:
    """The verdict; ``p_block`` may be corrected for other rules."""
    because = f", because {judged.doubt}" if judged.doubt else ""
    if math.isnan(judged.evidence.low):
        because += f"; refused, because no interval can be trusted ({judged.evidence.method})"
        because += _enough(rule, judged.evidence, config.alpha)
    if p_block <= config.alpha_to_block:
        return explain(rule, "block", judged.evidence)
    if rule.pass_unless_broken and not judged.doubt:
        return explain(rule, "pass", judged.evidence)
    if judged.p_block <= config.alpha:
        spent = config.series if judged.p_block > config.alpha_to_block else None
        return explain(rule, "inconclusive", judged.evidence, after=because, corrected=True,
                       series=spent)  # fmt: skip
    if judged.p_pass > config.alpha or judged.doubt:
        return explain(rule, "inconclusive", judged.evidence, after=because)
    return explain(rule, "pass", judged.evidence)


def _enough(rule: Rule, evidence: Evidence, alpha: float) -> str:
    """The number of samples that would suffice, where the method does not give it and it is known.

    A metric that does not vary passes with (1 − margin)ⁿ ≤ α on a scale from 0 to 1: of n samples
    none of which is worse, so many more could be.
    """
    if "takes" in evidence.method:
        return ""
    margin = abs(evidence.value - rule.value)
    if rule.kind == "target":
        margin = abs(rule.tolerance - margin)
    elif rule.kind in DROPS:
        margin = rule.value
        if rule.kind == "max_relative_drop" and evidence.baseline is not None:
            margin *= abs(evidence.baseline)
    needed = ENOUGH
    if 0 < margin < 1:
        needed = max(ENOUGH, math.ceil(math.log(alpha) / math.log1p(-margin)))
    return f": it takes at least {needed:,} samples" if evidence.n < needed else ""
