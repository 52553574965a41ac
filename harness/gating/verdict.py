"""From rules' verdicts to the gate's: what decides, in one sentence, with which exit code."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from harness.authoring.metrics import MetricRef
from harness.gating.config import GateConfig, Rule
from harness.types import Decision, GateVerdict, RuleVerdict, RunResult

SAID: Mapping[Decision, str] = {
    "pass": "passed",
    "block": "blocked",
    "inconclusive": "inconclusive",
}
NOTHING = "nothing was judged"
Mapped = Literal["fail", "warn", "pass"] | None


def conclude(
    rules: Sequence[RuleVerdict],
    config: GateConfig,
    seed: int = 0,
    used: Mapping[str, int] | None = None,
    planned: Mapping[str, int] | None = None,
) -> GateVerdict:
    """The gate's verdict.

    Args:
        rules: The rules' verdicts, in the order of the configuration.
        config: The gate.
        seed: Of the committed order of samples.
        used: Task → samples the verdict rests on.
        planned: Task → samples there are.
    """
    used, planned = used or {}, planned or {}
    verdict = overall(rules)
    return GateVerdict(
        verdict,
        _sentence(verdict, rules, planned),
        _exit_code(verdict, rules, config.inconclusive),
        config.mode,
        config.alpha,
        config.alpha_to_block,
        config.series,
        config.population,
        config.inconclusive,
        config.baseline,
        seed,
        config.sha256(planned),
        dict(used),
        dict(planned),
        tuple(rules),
    )


def join_verdicts(verdicts: Sequence[GateVerdict]) -> GateVerdict:
    """Several gates' verdicts on one candidate as one; nothing is judged anew.

    Its settings and its exit code are those of the worst; of none it is inconclusive.
    """
    order = ("pass", "inconclusive", "block")
    nothing = GateVerdict("inconclusive", NOTHING, 4)
    worst = max(
        verdicts, key=lambda each: (order.index(each.verdict), each.exit_code), default=nothing
    )
    rules = [rule for each in verdicts for rule in each.rules]
    planned = {task: n for each in verdicts for task, n in each.samples_planned.items()}
    return replace(
        worst,
        sentence=_sentence(worst.verdict, rules, planned),
        rules=tuple(rules),
        samples_used={task: n for each in verdicts for task, n in each.samples_used.items()},
        samples_planned=planned,
        notes=tuple(dict.fromkeys(note for each in verdicts for note in each.notes)),
    )


def overall(rules: Iterable[RuleVerdict]) -> Decision:
    """By the blocking rules: block if any blocks, pass if all pass and there are any."""
    verdicts = {each.verdict for each in rules if each.decides}
    if "block" in verdicts:
        return "block"
    return "pass" if verdicts == {"pass"} else "inconclusive"


def _sentence(verdict: Decision, rules: Sequence[RuleVerdict], tasks: Iterable[str]) -> str:
    """The first rule that decided the verdict, and how many others."""
    blocking = [each for each in rules if each.decides]
    deciding = [each for each in blocking if each.verdict == verdict]
    if not deciding:
        return NOTHING
    first, others = deciding[0].sentence, len(deciding) - 1
    refs = [MetricRef.find(each.metric, tasks) for each in blocking]
    count = len({ref.task for ref in refs if ref is not None})
    over = f" on {count} tasks" if count > 1 else ""
    if verdict == "pass" and others:
        first = f"all {len(blocking)} rules{over} passed; {first}"
    elif verdict != "pass" and over:
        said = SAID[verdict]
        are = "is" if len(deciding) == 1 else "are"
        verb = f"{are} {said}" if verdict == "inconclusive" else said
        first = f"{len(deciding)} of {len(blocking)} rules{over} {verb}; {first}"
    elif verdict != "pass" and others:
        first += f" (and {others} more {'rule' if others == 1 else 'rules'})"
    return first + _beside(rules)


def _beside(rules: Iterable[RuleVerdict]) -> str:
    """How the rules that decide nothing came out, where they did not pass."""
    counts = []
    for tier in ("supporting", "advisory"):
        of_tier = [each for each in rules if each.tier == tier]
        for verdict, verb in (("block", "broken"), ("inconclusive", "inconclusive")):
            n = sum(each.verdict == verdict for each in of_tier)
            if n:
                counts.append(f"{n} of {len(of_tier)} {tier} rules {verb}")
    return f" [{', '.join(counts)}]" if counts else ""


def _exit_code(verdict: Decision, rules: Iterable[RuleVerdict], mapped: Mapped) -> int:
    """2 where a blocking rule asks for what these samples cannot show at any margin: that is a
    mistake in the gate, and no mapping hides it.
    """
    if verdict != "inconclusive":
        return {"pass": 0, "block": 1}[verdict]
    unclear = [each.evidence for each in rules if each.decides and each.verdict == verdict]
    if any(found is not None and math.isnan(found.low) for found in unclear):
        return 2
    return {None: 4, "fail": 1, "warn": 0, "pass": 0}[mapped]


def blocked(rule: Rule, reason: str) -> RuleVerdict:
    """A block because there is nothing to judge by: never a silent pass."""
    sentence = f"{rule.name}: {reason}: blocked"
    return RuleVerdict(rule.name, str(rule), rule.tier, "block", sentence)


def differences(baseline: RunResult, ours: GateVerdict) -> tuple[str, ...]:
    """How α, margins and N differ from those that the baseline itself was gated with."""
    theirs = baseline.gate
    if theirs is None:
        return ()
    notes = []
    if theirs.alpha != ours.alpha:
        notes.append(f"alpha is {ours.alpha}, the baseline was gated with {theirs.alpha}")
    before, after = ({f"{each.metric} {each.rule}" for each in of.rules} for of in (theirs, ours))
    notes += [f"rule not in the baseline's gate: {each}" for each in sorted(after - before)]
    notes += [f"rule of the baseline's gate left out: {each}" for each in sorted(before - after)]
    planned = theirs.samples_planned
    for task, n in ours.samples_planned.items():
        if planned.get(task, n) != n:
            notes.append(f"{task}: {n} samples planned, {planned[task]} for the baseline's gate")
        held = baseline.tasks[task].n if task in baseline.tasks else n
        if held < planned.get(task, held):
            notes.append(
                f"{task}: the baseline was ended early by its own gate, after {held} of "
                f"{planned[task]} samples"
            )
    return tuple(notes)
