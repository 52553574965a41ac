"""From scored runs to inferences: which samples count, paired with which, by which method.

Comparisons and gates both ask here, so that they cannot disagree.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from harness.baseline import ScoredRun, ScoredSample
from harness.metrics import Resamplable, clusters_of, statistics_of, values_of
from harness.protocols import Metric
from harness.stats import compare as paired
from harness.stats import estimates
from harness.stats.bounded import BoundedMean
from harness.stats.inference import Inference, StudentT, Unknown
from harness.types import Estimate, MetricResult, Score, ScoreValue, TaskResult, Unscored

MetricsOfTask: TypeAlias = Mapping[str, Sequence[Metric]]
"""Task → its metric objects; needed for corpus metrics, which scores alone cannot rebuild."""


class NotMeasurable(Exception):  # noqa: N818 — an outcome that callers turn into words
    """There is no honest number; the message says why."""


# --------------------------------------------------------------------------- comparability


@dataclass(frozen=True, slots=True)
class TaskIdentity:
    """What must agree for two runs' scores of a task to be comparable."""

    version: str
    data_sha256: str
    num_fewshot: str | None = None
    template: str | None = None
    scoring: str | None = None
    samples: str | None = None

    @classmethod
    def of(cls, version: str, data_sha256: str, settings: Mapping[str, str]) -> TaskIdentity:
        """From what a plan or a result says of a task."""
        asked = {
            name: settings.get(name) for name in ("num_fewshot", "template", "scoring", "samples")
        }
        return cls(version, data_sha256, **asked)

    @classmethod
    def of_result(cls, task: TaskResult) -> TaskIdentity:
        """From a task's result."""
        return cls.of(task.version, task.data_sha256, task.settings)


def incomparable(baseline: TaskIdentity, candidate: TaskIdentity) -> str | None:
    """Why the two cannot be compared, in words; None where they can."""
    names = {
        "version": "task version",
        "data_sha256": "data (SHA-256)",
        "num_fewshot": "number of few-shot examples",
        "template": "prompt template",
        "scoring": "scoring",
        "samples": "samples",
    }
    reasons = []
    for attribute, name in names.items():
        before, after = getattr(baseline, attribute), getattr(candidate, attribute)
        if attribute == "samples" and None in (before, after):
            continue  # all of the data: what they have in common can be compared
        if before != after:
            length = 12 if attribute == "data_sha256" else None
            before, after = ("none" if each is None else each[:length] for each in (before, after))
            reasons.append(f"{name} {before} in the baseline, {after} in the candidate")
    return "; ".join(reasons) or None


# --------------------------------------------------------------------------- rows


def number(value: ScoreValue | None) -> bool:
    """Whether a score is there (a number or statistics) and not ``Unscored``."""
    return value is not None and not isinstance(value, Unscored)


def rows(samples: Iterable[ScoredSample], metric: str) -> list[Score]:
    """The scored samples' rows of one metric."""
    return [
        Score(sample.id, metric, sample.scores[metric], cluster=sample.cluster)
        for sample in samples
        if number(sample.scores.get(metric))
    ]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Rows of the samples that both runs scored, in the same order; and what is left out.

    ``baseline_unscored``: the candidate scored them, the baseline tried and could not;
    ``candidate_unscored`` the other way round. ``not_shared``: samples only one run has.
    """

    baseline: list[Score]
    candidate: list[Score]
    baseline_unscored: int = 0
    candidate_unscored: int = 0
    not_shared: int = 0


def pair(
    baseline: Mapping[str, ScoredSample], candidate: Mapping[str, ScoredSample], metric: str
) -> Pairs:
    """Pairs two runs of a task by sample id."""
    before: list[Score] = []
    after: list[Score] = []
    missing_before = missing_after = 0
    shared = [name for name in baseline if name in candidate]
    for name in shared:
        old, new = baseline[name], candidate[name]
        values = old.scores.get(metric), new.scores.get(metric)
        if number(values[0]) and number(values[1]):
            cluster = old.cluster if old.cluster is not None else new.cluster
            before.append(Score(name, metric, old.scores[metric], cluster=cluster))
            after.append(Score(name, metric, new.scores[metric], cluster=cluster))
        else:
            # A metric in neither does not apply to the sample: nothing is missing.
            missing_before += number(values[1])
            missing_after += number(values[0])
    only_one = len(baseline) + len(candidate) - 2 * len(shared)
    return Pairs(before, after, missing_before, missing_after, only_one)


# --------------------------------------------------------------------------- inferences


@dataclass(frozen=True, slots=True)
class Difference:
    """What the shared samples say about candidate − baseline.

    ``bootstrap_p_value`` is the paired bootstrap's as sacrebleu defines it, for corpus metrics.
    """

    pairs: Pairs
    inference: Inference
    bootstrap_p_value: float | None = None


def metric_object(metrics: MetricsOfTask, task: str, name: str) -> Metric | None:
    """The task's metric of that name, where it is at hand."""
    return next((metric for metric in metrics.get(task, ()) if metric.name == name), None)


def is_mean(scores: Sequence[Score], result: MetricResult | None) -> bool:
    """Whether the metric is the plain mean of the rows, by what the run reported for them."""
    if not scores or not all(isinstance(row.value, float | int) for row in scores):
        return False
    centre = float(np.mean([row.value for row in scores]))
    value = centre if result is None else result.estimate.value
    return math.isnan(centre) or math.isclose(centre, value, rel_tol=1e-6, abs_tol=1e-9)


def infer_metric(
    run: ScoredRun, task: str, name: str, metrics: MetricsOfTask
) -> tuple[Inference, int]:
    """What one run says about a metric, and from how many samples.

    From the samples' scores where they allow it, else from the reported estimate and its
    standard error.

    Raises:
        NotMeasurable: The metric is missing, NaN, or has no error to judge it by.
    """
    result = run.result.tasks[task].metrics.get(name)
    scores = rows(run.samples.get(task, {}).values(), name)
    metric = metric_object(metrics, task, name)
    if scores and (isinstance(metric, Resamplable) or is_mean(scores, result)):
        return checked(infer_rows(scores, metric), f"{task}.{name}"), len(scores)
    if result is None:
        raise NotMeasurable(f"{task}.{name} is missing from the run")
    return from_estimate(result.estimate, f"{task}.{name}"), result.estimate.n


def infer_rows(scores: Sequence[Score], metric: Metric | None) -> Inference:
    """The inference from rows: bootstrap where the metric can be resampled, else a mean."""
    clusters = clusters_of(scores)
    if isinstance(metric, Resamplable):
        return estimates.infer_bootstrap(statistics_of(scores, metric), metric.compute, clusters)
    return estimates.infer_mean(values_of(scores), clusters, getattr(metric, "bounds", None))


def from_estimate(reported: Estimate, name: str) -> Inference:
    """An inference from a reported value and its standard error, by the normal distribution."""
    if math.isfinite(reported.value) and math.isfinite(reported.stderr):
        method = f"normal approximation to {reported.method}"
        return StudentT(reported.value, reported.stderr, math.inf, method)
    return checked(Unknown(reported.value, reported.method), name)


def infer_difference(
    baseline: ScoredRun, candidate: ScoredRun, task: str, name: str, metrics: MetricsOfTask
) -> Difference:
    """The paired difference of a metric, candidate − baseline.

    Raises:
        NotMeasurable: There are no pairs, a score is NaN, or the metric's object is missing.
    """
    full = f"{task}.{name}"
    for run, role in ((baseline, "baseline"), (candidate, "candidate")):
        if task not in run.samples:
            raise NotMeasurable(f"the {role} holds no samples of {task}")
    pairs = pair(baseline.samples[task], candidate.samples[task], name)
    if not pairs.baseline:
        raise NotMeasurable(f"no sample has {full} in both runs")
    metric = metric_object(metrics, task, name)
    if not isinstance(metric, Resamplable):
        everything = rows(baseline.samples[task].values(), name)
        if not is_mean(everything, baseline.result.tasks[task].metrics.get(name)):
            raise NotMeasurable(
                f"{full} is not a mean of its samples' scores, and its task is not installed"
            )
    return difference_of(pairs, metric, full)


def difference_of(pairs: Pairs, metric: Metric | None, full: str) -> Difference:
    """The difference of pairs; ``full`` names the metric in errors.

    Raises:
        NotMeasurable: It is NaN.
    """
    clusters = clusters_of(pairs.baseline)
    if isinstance(metric, Resamplable):
        before = statistics_of(pairs.baseline, metric)
        after = statistics_of(pairs.candidate, metric)
        inference, p_value = paired.paired_bootstrap(before, after, metric.compute, clusters)
        return Difference(pairs, checked(inference, full), p_value)
    bounds = getattr(metric, "bounds", None)
    before, after = values_of(pairs.baseline), values_of(pairs.candidate)
    inference = paired.infer_paired(before, after, clusters, bounds)
    return Difference(pairs, checked(inference, full))


def significance(difference: Difference, metric: Metric | None) -> tuple[float, str]:
    """The p-value of no difference, and the test's name.

    The test that belongs to the interval (McNemar's exact one for 0/1 scores of independent
    samples); for corpus metrics approximate randomization, because the paired bootstrap's p-value
    calls twice as many equal systems different as it says.
    """
    pairs, inference = difference.pairs, difference.inference
    if isinstance(metric, Resamplable):
        before = statistics_of(pairs.baseline, metric)
        after = statistics_of(pairs.candidate, metric)
        clusters = clusters_of(pairs.baseline)
        p_value = paired.approximate_randomization(before, after, metric.compute, clusters)
        return p_value, "approximate randomization"
    test = inference.test if isinstance(inference, BoundedMean) else "t test"
    return paired.two_sided(inference), test


def checked(inference: Inference, name: str) -> Inference:
    """The inference, if its value can be read; it may still lack an interval.

    Raises:
        NotMeasurable: Its value is NaN or infinite.
    """
    if not math.isfinite(inference.value):
        raise NotMeasurable(f"{name} is {inference.value} ({inference.method})")
    return inference
