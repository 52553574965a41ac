"""The decision: a shown gain on every target, and no shown loss on any guard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from harness.authoring.serialization import estimate_to_json, number
from harness.comparison import measure
from harness.comparison.measure import CannotCompare, MetricsOfTask
from harness.errors import UnknownNameError, UsageError
from harness.gate import GateVerdict
from harness.results.baseline import ScoredRun
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
class Aim:
    """A metric that the alignment is judged by.

    Attributes:
        task: The task.
        metric: Its metric; empty for its first one.
        ideal: Where the best value is neither high nor low: closer is better.
    """

    task: str
    metric: str = ""
    ideal: float | None = None

    @property
    def name(self) -> str:
        """``TASK.METRIC``, or what else is judged."""
        return f"{self.task}.{self.metric}" if self.metric else self.task


def parse_aim(text: str, tasks: Sequence[str]) -> Aim:
    """``TASK``, ``TASK.METRIC`` or ``TASK.METRIC@IDEAL``.

    Raises:
        UnknownNameError: There is no such task.
        UsageError: The ideal is no number.
    """
    name, at, ideal = text.partition("@")
    fitting = [each for each in tasks if name == each or name.startswith(each + ".")]
    task = max(fitting, key=len, default="")
    if not task:
        raise UnknownNameError("task", name, tasks)
    try:
        value = float(ideal) if at else None
    except ValueError as error:
        raise UsageError(
            f"{text!r}: {ideal!r} is not a number", "Expected TASK.METRIC@IDEAL, such as @0.5"
        ) from error
    return Aim(task, name[len(task) + 1 :], value)


@dataclass(frozen=True, slots=True)
class Judgement:
    """One aim: what changed, and what follows from it.

    ``gain`` is positive where the model got better; ``baseline`` and ``candidate`` are the
    metric on the samples that both runs scored.
    """

    aim: Aim
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
    targets: Sequence[Aim],
    guards: Sequence[Aim],
    metrics: MetricsOfTask,
    gate: GateVerdict | None = None,
    reference: str = "",
) -> AlignVerdict:
    """Judges every aim at α = 5 %; losses of guards with Holm–Bonferroni over all guards.

    All targets must show a gain, so they need no correction (an intersection–union test).
    ``reference`` says what ``baseline`` is, where it is not the base.

    Raises:
        UsageError: An aim's metric does not exist, or nothing can be said about it.
    """
    roles: list[tuple[Role, Aim]] = [
        *(("target", named(aim, candidate.result)) for aim in targets),
        *(("guard", named(aim, candidate.result)) for aim in guards),
    ]
    measured = [(role, aim, *_gain(baseline, candidate, aim, metrics)) for role, aim in roles]
    losses = paired.holm(
        [inference.below(0.0) for role, _, inference, _, _ in measured if role == "guard"]
    )
    remaining = iter(losses)
    judgements = []
    for role, aim, inference, old, new in measured:
        loss = inference.below(0.0) if role == "target" else next(remaining)
        n = len(candidate.samples.get(aim.task, {}))
        judgements.append(judgement(aim, role, inference, (old, new), loss, n, reference))
    return AlignVerdict(tuple(judgements), gate)


def named(aim: Aim, result: RunResult) -> Aim:
    """The aim with its metric's name.

    Raises:
        UnknownNameError: The task has no such metric.
        UsageError: No direction of the metric is better, and the aim has no ideal.
    """
    known = list(result.tasks[aim.task].metrics)
    name = aim.metric or known[0]
    if name not in known:
        raise UnknownNameError(f"metric of {aim.task}", name, known)
    ideal = aim.ideal
    reported = result.tasks[aim.task].metrics[name]
    if ideal is None and reported.higher_is_better is None:
        ideal = reported.ideal
    if ideal is None and reported.higher_is_better is None:
        raise UsageError(
            f"{aim.task}.{name} is neither better high nor low",
            f"Say where it should be: {aim.task}.{name}@0.5",
        )
    return Aim(aim.task, name, ideal)


def standing(aim: Aim, result: RunResult) -> tuple[float, float]:
    """(the value of a named aim's metric, how good that is: the higher the better)."""
    metric = result.tasks[aim.task].metrics[aim.metric]
    value = metric.estimate.value
    if aim.ideal is not None:
        return value, -abs(value - aim.ideal)
    return value, -value if metric.higher_is_better is False else value


def _gain(
    baseline: ScoredRun, candidate: ScoredRun, aim: Aim, metrics: MetricsOfTask
) -> tuple[Inference, float, float]:
    """(what is known of the gain, the metric before, the metric after)."""
    old, new = (
        run.result.tasks[aim.task].metrics[aim.metric].estimate.value
        for run in (baseline, candidate)
    )
    try:
        pairs = measure.pair_metric(baseline, candidate, aim.task, aim.metric, metrics)
        if aim.ideal is not None:
            return _Negated(pairs.distance_change(aim.ideal)), old, new
        difference = pairs.difference()
    except CannotCompare as reason:
        raise UsageError(f"{aim.name} cannot be judged: {reason}") from reason
    lower = candidate.result.tasks[aim.task].metrics[aim.metric].higher_is_better is False
    return (_Negated(difference) if lower else difference), old, new


@dataclass(frozen=True, slots=True)
class _Negated:
    """An inference about the negative of a quantity, for metrics where lower is better."""

    original: Inference

    @property
    def value(self) -> float:
        return -self.original.value

    @property
    def stderr(self) -> float:
        return self.original.stderr

    @property
    def method(self) -> str:
        return self.original.method

    def interval(self, confidence: float) -> tuple[float, float]:
        low, high = self.original.interval(confidence)
        return -high, -low

    def below(self, bound: float) -> float:
        return self.original.above(-bound)

    def above(self, bound: float) -> float:
        return self.original.below(-bound)


def judgement(
    aim: Aim,
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
