"""Several answers to each sample: one value a sample, and what the answers say together.

A sample is one draw from the data, however often it is asked, so scores that are averages are
averaged within samples first, and others keep their rows in one cluster a sample.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from harness.authoring.measures.repeats import majority, mean_of, pass_all, pass_at
from harness.config import reducer_of
from harness.protocols import GivesAnswers, Metric, Task, bounds_of
from harness.stats import estimates
from harness.types import MODEL, Completion, Estimate, SampleRecord, Score, ScoreValue, Unscored

Answers: TypeAlias = Mapping[str, Sequence[tuple[float, str]]]
"""Sample → (value, what was answered) of each repeat."""

Array: TypeAlias = "NDArray[np.float64]"

WITHIN, BETWEEN = "spread_within", "spread_between"
"""Standard deviations: of the repeats of one sample, and between what samples are on average."""
_RESAMPLES = 2000


def scores(records: Sequence[SampleRecord]) -> Mapping[str, ScoreValue]:
    """A sample's scores over its repeats: means of numbers; else those of the first.

    Unscored only where no repeat has a score.
    """
    if len(records) == 1:
        return records[0].scores
    names = dict.fromkeys(name for record in records for name in record.scores)
    return {
        name: mean_of([each.scores[name] for each in records if name in each.scores])
        for name in names
    }


def rows(found: Sequence[Score]) -> list[Score]:
    """A metric's rows, of which each sample counts once: averaged, or as one cluster."""
    if any(isinstance(each.value, tuple) for each in found):
        return [replace(each, cluster=each.cluster or each.sample_id) for each in found]
    grouped: dict[tuple[str, int], list[Score]] = defaultdict(list)
    for each in found:
        grouped[each.sample_id, each.variant].append(each)
    return [_averaged(group) for group in grouped.values()]


def _averaged(group: Sequence[Score]) -> Score:
    predictions = {each.prediction for each in group}
    return replace(
        group[0],
        value=mean_of([each.value for each in group]),
        repeat=0,
        prediction=predictions.pop() if len(predictions) == 1 else None,
    )


# --------------------------------------------------------------------------- reducers


def measures(
    task: Task, records: Sequence[SampleRecord], reducers: Sequence[str]
) -> dict[str, dict[str, Estimate]]:
    """Metric → reducer or spread → estimate, of metrics that are numbers.

    Args:
        task: Whose metrics.
        records: The original samples, all repeats.
        reducers: What to compute of metrics that are 0 or 1; see ``harness.config.reducer_of``.
    """
    clusters = {record.sample.id: record.sample.cluster for record in records}
    found: dict[str, dict[str, Estimate]] = {}
    for metric in task.metrics:
        answers = _answers(task, metric, records)
        if not answers or max(map(len, answers.values())) < 2:
            continue
        found[metric.name] = {
            **_reduced(metric, answers, clusters, reducers),
            **_spread(answers),
        }
    return found


def _answers(task: Task, metric: Metric, records: Iterable[SampleRecord]) -> Answers:
    found: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for record in records:
        value = record.scores.get(metric.name)
        if value is None or isinstance(value, Unscored | tuple):
            continue
        found[record.sample.id].append((float(value), _answered(task, record)))
    return found


def _answered(task: Task, record: SampleRecord) -> str:
    """What counts as the same answer: what the task says; else the text without its white space."""
    answers = task.answers if isinstance(task, GivesAnswers) else None
    if answers is not None and answers.final is not None:
        given = answers.final(record.sample, record.responses)
        if given is not None:
            return given
    said = (each for asked in record.rounds for each in asked.of(MODEL))
    texts = [each.text for each in said if isinstance(each, Completion)]
    return " ".join(" ".join(texts).casefold().split())


def _reduced(
    metric: Metric,
    answers: Answers,
    clusters: Mapping[str, str | None],
    reducers: Sequence[str],
) -> dict[str, Estimate]:
    graded = all(value in (0.0, 1.0) for each in answers.values() for value, _ in each)
    found: dict[str, Estimate] = {}
    for name in reducers:
        kind, k = reducer_of(name)
        if kind in ("pass@", "pass^", "at_least_one") and not graded:
            continue
        reduce = _REDUCERS[kind]
        usable = {key: each for key, each in answers.items() if len(each) >= k}
        values = [reduce(each, k) for each in usable.values()]
        of_samples = [clusters[key] for key in usable]
        bounds = (0.0, 1.0) if graded else bounds_of(metric)
        found[name] = estimates.mean(values, of_samples, bounds=bounds)
    return found


_Reduce: TypeAlias = Callable[[Sequence[tuple[float, str]], int], float]
_REDUCERS: Mapping[str, _Reduce] = {
    "mean": lambda each, _: fmean(value for value, _ in each),
    "pass@": lambda each, k: pass_at(len(each), _right(each), k),
    "pass^": lambda each, k: pass_all(len(each), _right(each), k),
    "majority": lambda each, _: majority(each),
    "at_least_one": lambda each, _: float(_right(each) > 0),
}


def _right(each: Sequence[tuple[float, str]]) -> int:
    return sum(value == 1.0 for value, _ in each)


def _spread(answers: Answers) -> dict[str, Estimate]:
    """Standard deviations within samples and between them, by analysis of variance.

    Between samples: the variance of their means, less what the repeats alone add to it (the mean
    of the variances within, each over its number of repeats); not below 0. Intervals are
    percentiles of a bootstrap over samples.
    """
    several = [np.array([value for value, _ in each]) for each in answers.values()]
    several = [each for each in several if len(each) > 1]
    within = np.array([each.var(ddof=1) for each in several])
    added = within / np.array([len(each) for each in several])
    means = np.array([each.mean() for each in several])
    n = len(several)
    draws = np.random.default_rng(0).integers(0, n, (_RESAMPLES, n))

    def between(m: Array, a: Array) -> Array:
        squared: Array = m.var(axis=-1, ddof=1) - a.mean(axis=-1)
        return np.sqrt(np.maximum(0.0, squared))

    def estimate(value: float, resampled: Array) -> Estimate:
        if n < 2:
            return Estimate(value, math.nan, math.nan, math.nan, n, "analysis of variance")
        low, high = np.quantile(resampled, (0.025, 0.975))
        error = float(resampled.std(ddof=1))
        return Estimate(
            value, error, float(low), float(high), n, "analysis of variance, bootstrap by sample"
        )

    of_within = estimate(float(np.sqrt(within.mean())), np.sqrt(within[draws].mean(axis=1)))
    if n < 2:
        return {WITHIN: of_within}
    of_between = estimate(float(between(means, added)), between(means[draws], added[draws]))
    return {WITHIN: of_within, BETWEEN: of_between}
