"""The decision: a shown gain on every target, and no shown loss on any guard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from harness import GateVerdict, Registry, ScoredRun, gain
from harness.authoring.io.serialization import estimate_to_json, number
from harness.authoring.metrics import MetricRef
from harness.stats import compare as paired
from harness.stats.inference import Inference, estimate
from harness.types import Estimate, RunResult

Decision = Literal["pass", "block", "inconclusive"]
Role = Literal["target", "guard"]
ALPHA = 0.05
NEGLIGIBLE = 1e-4
"""The least gain that counts, as a share of the metric: below it lie rounding errors and trainings
that do nothing, which can move all samples the same way."""
_EXIT_CODES: Mapping[Decision, int] = {"pass": 0, "block": 1, "inconclusive": 4}


@dataclass(frozen=True, slots=True)
class Judgement:
    """One aim: what changed, and what follows from it.

    ``gain`` is positive where the model got better; ``baseline`` and ``candidate`` are the
    metric on the samples that both runs scored.
    """

    aim: MetricRef
    role: Role
    decision: Decision
    sentence: str
    gain: Estimate
    baseline: float
    candidate: float
    detectable: float

    def to_json(self) -> dict[str, Any]:
        """An entry of align.json."""
        return {
            "metric": self.aim.name,
            "ideal": self.aim.ideal,
            "role": self.role,
            "decision": self.decision,
            "sentence": self.sentence,
            "gain": estimate_to_json(self.gain),
            "baseline": number(self.baseline),
            "candidate": number(self.candidate),
            "minimum_detectable": number(self.detectable),
        }


@dataclass(frozen=True, slots=True)
class AlignVerdict:
    """The decision over all aims, and the gate's own where [gate] has rules."""

    judgements: tuple[Judgement, ...]
    gate: GateVerdict | None = None

    @property
    def decision(self) -> Decision:
        """Block if anything blocks, else inconclusive if anything is or nothing was judged."""
        decisions: list[Decision] = [each.decision for each in self.judgements]
        if self.gate is not None:
            decisions.append(self.gate.verdict)
        if "block" in decisions:
            return "block"
        return "inconclusive" if "inconclusive" in decisions or not decisions else "pass"

    @property
    def sentence(self) -> str:
        """The reason: the judgements that decided it."""
        deciding = [each.sentence for each in self.judgements if each.decision == self.decision]
        if self.gate is not None and self.gate.verdict == self.decision:
            deciding.append(self.gate.sentence)
        return " ".join(deciding) or "Nothing was judged."

    @property
    def exit_code(self) -> int:
        """0 pass, 1 block, 4 inconclusive."""
        if self.gate is not None and self.gate.verdict == self.decision == "inconclusive":
            return self.gate.exit_code
        return _EXIT_CODES[self.decision]


def judge(
    baseline: ScoredRun,
    candidate: ScoredRun,
    targets: Sequence[MetricRef],
    guards: Sequence[MetricRef],
    registry: Registry,
    gate: GateVerdict | None = None,
    reference: str = "",
) -> AlignVerdict:
    """Judges every aim at α = 5 %; losses of guards with Holm–Bonferroni over all guards.

    All targets must show a gain, so they need no correction (an intersection–union test).
    ``reference`` says what ``baseline`` is, where it is not the base.

    Raises:
        UsageError: An aim's metric does not exist, or nothing can be said about it.
    """
    roles: list[tuple[Role, MetricRef]] = [
        *(("target", named(aim, candidate.result)) for aim in targets),
        *(("guard", named(aim, candidate.result)) for aim in guards),
    ]
    measured = [(role, aim, gain(baseline, candidate, aim, registry)) for role, aim in roles]
    losses = paired.holm(
        [inference.below(0.0) for role, _, inference in measured if role == "guard"]
    )
    remaining = iter(losses)
    judgements = []
    for role, aim, inference in measured:
        loss = inference.below(0.0) if role == "target" else next(remaining)
        n = len(candidate.samples.get(aim.task, {}))
        old, new = (
            run.result.tasks[aim.task].metrics[aim.metric].estimate.value
            for run in (baseline, candidate)
        )
        judgements.append(judgement(aim, role, inference, (old, new), loss, n, reference))
    return AlignVerdict(tuple(judgements), gate)


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


def judgement(
    aim: MetricRef,
    role: Role,
    inference: Inference,
    values: tuple[float, float],
    loss: float,
    n: int,
    reference: str = "",
) -> Judgement:
    """What follows from one aim's gain.

    Args:
        aim: What was judged.
        role: Target or guard.
        inference: What is known of the gain, positive where better.
        values: The metric before and after.
        loss: p-value of "no loss", corrected for other guards.
        n: Samples it rests on.
        reference: What the first value is of, where it is not the base.
    """
    least = NEGLIGIBLE * max(map(abs, values))
    gained = inference.above(least) <= ALPHA / 2  # the 95 % interval excludes such gains
    lost = loss <= ALPHA / 2
    decision: Decision
    if lost:
        decision = "block"
    elif role == "guard" or gained:
        decision = "pass"
    else:
        decision = "inconclusive"
    gain = estimate(inference, n)
    detectable = paired.minimum_detectable_effect(inference)
    old, new = values
    toward = f" (best at {aim.ideal:g})" if aim.ideal is not None else ""
    went = f"{aim.name}{toward} went from {old:.4g} to {new:.4g}"
    if reference:
        went = f"{aim.name} is {new:.4g}, and {old:.4g} by {reference}"
    interval = f"gain {gain.value:+.4g} [{gain.low:+.4g}, {gain.high:+.4g}]"
    verdicts = {
        ("target", "pass"): "a gain is shown",
        ("target", "block"): "a loss is shown on the target",
        ("target", "inconclusive"): "no gain is shown",
        ("guard", "pass"): f"no loss is shown (one of {detectable:.2g} would be)",
        ("guard", "block"): "a loss is shown on a guard metric: the alignment tax is too high",
    }
    sentence = f"{went}, {interval}: {verdicts[role, decision]}."
    return Judgement(aim, role, decision, sentence, gain, old, new, detectable)
