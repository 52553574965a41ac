"""The evidence for and against one rule, from all samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np

from harness.authoring.metrics import ScoreColumn, values_of
from harness.comparison import comparability, measure, unpaired
from harness.comparison.comparability import TaskIdentity
from harness.comparison.measure import (
    AlignedTask,
    CannotCompare,
    MetricsOfTask,
    PairedMetric,
    Pairs,
    Unbounded,
)
from harness.comparison.metric_kinds import MeanScores
from harness.comparison.unpaired import UnpairedMetric
from harness.gating.config import CHANGES, DROPS, GateConfig, Rule
from harness.gating.names import direction, ideal_of, measured, reported
from harness.results.baseline import ScoredRun
from harness.results.score_table import ScoredSample, ScoreTable
from harness.stats import resampling
from harness.stats.inference import Inference
from harness.types import Evidence, MetricResult, Score, TaskResult, Unscored

Found = TypeVar("Found")
NEGLIGIBLE = 1e-4
"""The least gain that counts, as a share of the metric: below it lie rounding errors and trainings
that do nothing, which can move all samples the same way."""
NO_PAIRS = Pairs(ScoreColumn("", (), ()), ScoreColumn("", (), ()))
"""What is left out of a comparison that pairs nothing."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A rule's evidence with the p-values for blocking and for passing it.

    ``doubt`` says why it may not pass whatever its p-value: too much is missing.
    """

    evidence: Evidence
    p_block: float
    p_pass: float
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class Judge:
    """What rules are judged by.

    Attributes:
        config: The gate.
        candidate: The run that is judged.
        baseline: What it is compared with; None where no rule needs one.
        metrics: Task → metric objects.
        aligned: Task → its samples in both runs, kept from one rule to the next.
    """

    config: GateConfig
    candidate: ScoredRun
    baseline: ScoredRun | None
    metrics: MetricsOfTask
    aligned: dict[str, AlignedTask] = field(default_factory=dict)

    def judge(self, rule: Rule, alpha: float, resamples: int = resampling.RESAMPLES) -> Judged:
        """Evidence for and against one rule.

        Args:
            rule: The rule.
            alpha: The interval shown has coverage 1 − 2·alpha (1 − alpha for a target).
            resamples: Of the bootstrap.

        Raises:
            CannotCompare: Something is missing, NaN or not comparable; the rule then blocks.
        """
        if self.candidate.result.status != "complete":
            raise CannotCompare("the run is incomplete")
        ref = rule.ref(self.candidate.result.tasks)
        if ref is None:
            raise CannotCompare("the run did not evaluate its task")
        task, name = ref.task, ref.metric
        self._check_calibration(rule, task, name)
        if rule.kind in CHANGES:
            return self._changed(rule, task, name, alpha, resamples)
        judged = self._level(rule, task, name, alpha, resamples)
        return replace(judged, doubt=judged.doubt or self._too_few(task, name))

    def _check_calibration(self, rule: Rule, task: str, name: str) -> None:
        """Refuses a judge that nobody has checked, or no better than chance, for a blocking rule.

        Raises:
            CannotCompare: The metric rests on one, and the gate does not allow it.
        """
        for run in filter(None, (self.candidate, self.baseline if rule.kind in DROPS else None)):
            found = run.result.tasks.get(task)
            result = None if found is None else found.metrics.get(measured(name))
            calibration = None if result is None else result.calibration
            if why := self.config.distrusted(rule, calibration):
                raise CannotCompare(why)

    def _too_few(self, task: str, name: str) -> str:
        """Why what the candidate did not run of the baseline's samples forbids a pass."""
        if self.baseline is None or task not in self.baseline.samples:
            return ""
        aligned = self._aligned(task)
        scored = aligned.baseline.columns.values(name).scored
        if not scored.any():  # a probe's measure: every sample counts
            scored = ~scored
        missing = int(scored[aligned.missing].sum())
        return too_many_missing(missing, int(scored.sum()), self.config.max_missing)

    def _aligned(self, task: str) -> AlignedTask:
        """The task's samples in both runs; none where a run has none."""
        if task not in self.aligned:
            runs = [{} if run is None else run.samples.get(task, {}) for run in self._runs]
            self.aligned[task] = measure.align(*runs)
        return self.aligned[task]

    @property
    def _runs(self) -> tuple[ScoredRun | None, ScoredRun]:
        return self.baseline, self.candidate

    # ----------------------------------------------------------------- levels

    def _level(self, rule: Rule, task: str, name: str, alpha: float, resamples: int) -> Judged:
        measured = _probe_estimate(self.candidate.result.tasks[task], name)
        failed: list[Score] = []
        doubt = ""
        if measured is not None:
            inference, n = measured
        else:
            failed = self._failed(task, name)
            (inference, n), doubt = _cautiously(
                lambda whole: measure.infer_metric(
                    self.candidate, task, name, self.metrics, failed if whole else (), resamples
                )
            )
        p_block, p_pass = level_p_values(rule, inference)
        confidence = 1 - alpha if rule.kind == "target" else 1 - 2 * alpha
        low, high = inference.interval(confidence)
        evidence = Evidence(
            inference.value, low, high, confidence, n, inference.method, missing=len(failed)
        )
        doubt = doubt or self._too_unscored(len(failed), n)
        return Judged(evidence, p_block, p_pass, doubt)

    def _failed(self, task: str, name: str) -> list[Score]:
        """Rows, without a value, of the samples that the candidate failed on."""
        known = self.baseline.samples.get(task, {}) if self.baseline is not None else {}
        table = ScoreTable.of(self.candidate.samples.get(task, {}))
        without = np.flatnonzero(~table.columns.values(name).scored)
        return [
            Score(sample.id, name, 0.0, cluster=sample.cluster)
            for sample in map(table.at, without.tolist())
            if _failed_on(sample, name, known)
        ]

    def _too_unscored(self, failed: int, n: int) -> str:
        if failed <= self.config.max_unscored * (n + failed):
            return ""
        return f"{failed} of {n + failed} samples could not be scored"

    # ----------------------------------------------------------------- changes

    def _changed(self, rule: Rule, task: str, name: str, alpha: float, resamples: int) -> Judged:
        assert self.baseline is not None  # check_rules
        pairs = self._pairs(task, name, resamples)
        runs = [self.candidate, self.baseline]
        ideal = ideal_of(rule, runs, self.metrics)
        sign = 1.0 if direction(rule.metric, runs, self.metrics) is not False else -1.0
        if ideal is not None:
            sign = -1.0
        inference, doubt = _changed(rule, pairs, ideal, sign)
        rows = NO_PAIRS if isinstance(pairs, UnpairedMetric) else pairs.pairs
        n = pairs.n if isinstance(pairs, UnpairedMetric) else len(rows.baseline)
        if rule.kind == "max_relative_drop":
            check_share(rule, _level_before(pairs))
        judged = judge_change(rule, inference, sign, pairs.values(), n, alpha)
        evidence = replace(
            judged.evidence,
            missing=rows.left_out,
            ideal=ideal,
            points=in_points(pairs, reported(self.candidate, rule.metric)),
        )
        doubt = doubt or self._too_unscored(rows.candidate_unscored, n)
        of = n + rows.candidate_unscored + rows.missing
        doubt = doubt or too_many_missing(rows.missing, of, self.config.max_missing)
        return replace(judged, evidence=evidence, doubt=doubt)

    def _pairs(self, task: str, name: str, resamples: int) -> PairedMetric | UnpairedMetric:
        assert self.baseline is not None
        if task not in self.baseline.result.tasks:
            raise CannotCompare(f"the baseline did not evaluate {task}")
        reason = comparability.incomparable(
            TaskIdentity.of_result(self.baseline.result.tasks[task]),
            TaskIdentity.of_result(self.candidate.result.tasks[task]),
        )
        if reason:
            raise CannotCompare(f"not comparable with the baseline ({reason})")
        before, after = (run.result.tasks[task] for run in (self.baseline, self.candidate))
        if unpaired.applies((before, after), name):
            return UnpairedMetric.of(before, after, name)
        return measure.pair_metric(
            self.baseline, self.candidate, task, name, self.metrics, resamples=resamples,
            aligned=self._aligned(task),
        )  # fmt: skip


def check_share(rule: Rule, before: Inference) -> None:
    """A share of a baseline that may be almost 0 is no margin.

    Raises:
        CannotCompare: The baseline's value may be less than half of what it seems.
    """
    if before.value <= 0 or not before.interval(0.95)[0] >= before.value / 2:
        raise CannotCompare(
            f"the baseline's value, {before.value:.3g}, is too near 0 for a share of it to be a "
            f"margin ({rule}); give max_drop"
        )


def _failed_on(sample: ScoredSample, name: str, baseline: Mapping[str, ScoredSample]) -> bool:
    """Whether the sample has no value of the metric although the metric applies to it."""
    value = sample.scores.get(name)
    if measure.number(value):
        return False
    old = baseline.get(sample.id)
    if old is not None and old.error is None:
        return measure.number(old.scores.get(name))
    return isinstance(value, Unscored) or sample.error is not None


def judge_change(
    rule: Rule,
    inference: Inference,
    sign: float,
    values: tuple[float, float],
    n: int,
    alpha: float,
) -> Judged:
    """The evidence for and against a rule on a change.

    Args:
        rule: One of the kinds in ``CHANGES``.
        inference: What is known of candidate − baseline, or of what ``_change`` says.
        sign: 1 where higher is better, else −1.
        values: The metric before and after.
        n: Samples that it rests on.
        alpha: The interval shown has coverage 1 − 2·alpha.
    """
    before, after = values
    least = enough = 0.0  # the changes, better positive, that break the rule and that keep it
    if rule.kind == "max_drop":
        least = enough = -rule.value
    elif rule.kind == "min_gain":
        least, enough = rule.value, max(rule.value, NEGLIGIBLE * max(map(abs, values)))
    if sign > 0:
        p_block, p_pass = inference.below(least), inference.above(enough)
    else:
        p_block, p_pass = inference.above(-least), inference.below(-enough)
    low, high = inference.interval(1 - 2 * alpha)
    value = inference.value
    if (sign > 0) == (rule.kind in DROPS):
        value, low, high = -value, -high, -low
    if rule.kind == "max_relative_drop":
        value, low, high = (rule.value + each / abs(before) for each in (value, low, high))
    evidence = Evidence(
        value, low, high, 1 - 2 * alpha, n, inference.method, before, after,
        higher_is_better=sign > 0, stderr=inference.stderr,
    )  # fmt: skip
    return Judged(evidence, p_block, p_pass)


def _changed(
    rule: Rule, pairs: PairedMetric | UnpairedMetric, ideal: float | None, sign: float
) -> tuple[Inference, str]:
    """How much the metric changed, and why it may not pass whatever that is."""
    if isinstance(pairs, UnpairedMetric):
        return _change(rule, pairs, ideal, sign), ""
    return _cautiously(lambda whole: _change(rule, replace(pairs, whole=whole), ideal, sign))


def _level_before(pairs: PairedMetric | UnpairedMetric) -> Inference:
    """What is known of the metric before."""
    if isinstance(pairs, UnpairedMetric):
        return measure.from_estimate(pairs.baseline, pairs.name)
    return pairs.metric.level(pairs.pairs.baseline, pairs.resamples)


def _change(
    rule: Rule, pairs: PairedMetric | UnpairedMetric, ideal: float | None, sign: float
) -> Inference:
    if ideal is not None:
        return pairs.distance_change(ideal)
    if rule.kind == "max_relative_drop":
        return pairs.less_than_share(1 - sign * rule.value)
    return pairs.difference()


def _cautiously(infer: Callable[[bool], Found]) -> tuple[Found, str]:
    """What ``infer`` gives with failures at their worst; where that fails, without and why."""
    try:
        return infer(True), ""
    except Unbounded as reason:
        return infer(False), f"samples could not be scored, and {reason}"


def level_p_values(rule: Rule, inference: Inference) -> tuple[float, float]:
    """The p-values for blocking and for passing a rule on the metric itself."""
    below, above = inference.below, inference.above
    if rule.kind == "target":
        # Both sides of the target can block: two-sided tests, hence the factors of 2.
        least, most = rule.value - rule.tolerance, rule.value + rule.tolerance
        p_block = min(1.0, 2 * min(below(least), above(most)))
        return p_block, min(1.0, 2 * max(above(least), below(most)))
    at_least, at_most = above(rule.value), below(rule.value)
    return (at_most, at_least) if rule.kind == "min" else (at_least, at_most)


def too_many_missing(missing: int, of: int, allowed: float) -> str:
    """Why a candidate that did not run some of the baseline's samples may not pass."""
    if missing <= allowed * of:
        return ""
    share = f" (max_missing = {allowed:g})" if allowed else ""
    return f"the candidate did not run {missing} of the baseline's {of} samples{share}"


def _probe_estimate(result: TaskResult, name: str) -> tuple[Inference, int] | None:
    probe, _, rest = name.partition(".")
    metric, _, measured = rest.partition(".")
    found = result.probes.get(probe, {}).get(metric, {}).get(measured)
    if found is None:
        return None
    return measure.from_estimate(found, f"{result.name}.{name}"), found.n


def in_points(pairs: PairedMetric | UnpairedMetric, result: MetricResult | None) -> bool:
    """Whether a difference is best read in percentage points: the metric is a share or a mean
    of scores in [0, 1], not sacrebleu's 0–100 (those carry a signature) nor unbounded.
    """
    if isinstance(pairs, UnpairedMetric):
        return result is not None and result.bounds == (0.0, 1.0)
    if isinstance(pairs.metric, MeanScores):
        rows = (pairs.pairs.baseline, pairs.pairs.candidate)
        return all(((each >= 0) & (each <= 1)).all() for each in map(values_of, rows))
    return (
        result is not None
        and result.signature is None
        and result.higher_is_better is not False
        and abs(result.estimate.value) <= 1
    )
