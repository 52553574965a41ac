"""Several answers to each sample: one value a sample, and what the answers say together.

A sample is one draw from the data, however often it is asked, so scores that are averages are
averaged within samples first, and others keep their rows in one cluster a sample.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from harness.authoring.measures.repeats import majority, mean_of, pass_all, pass_at
from harness.authoring.metrics import Mean
from harness.config import reducer_of
from harness.protocols import GivesAnswers, Metric, Task, bounds_of
from harness.stats import estimates
from harness.types import MODEL, Completion, Estimate, SampleRecord, Score, ScoreValue, Unscored

Answers: TypeAlias = Mapping[str, Sequence[tuple[float, str]]]
"""Sample → (value, what was answered) of each repeat."""

Array: TypeAlias = "NDArray[np.float64]"

_OF_RIGHT = ("pass@", "pass^", "at_least_one")
"""Reducers of scores that are 0 or 1."""

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


# --------------------------------------------------------------------------- as metrics


@dataclass(frozen=True, slots=True)
class ReducedMetric:
    """A reducer of one of a task's metrics as a metric of its own, with a value a sample.

    Attributes:
        metric: Its name, direction and bounds. It is a mean over samples.
        of: The name of the metric that is reduced.
        kind: See ``harness.config.reducer_of``.
        k: How many answers it takes at least.
    """

    metric: Mean
    of: str
    kind: str
    k: int


def reduced_metrics(own: Sequence[Metric], reducers: Sequence[str]) -> list[ReducedMetric]:
    """The reducers of a task's metrics that are metrics themselves.

    They are those of means with a direction: named after the reducer alone where they are of the
    task's first metric (``pass@2``), after both else (``f1.majority``).

    Args:
        own: The task's metrics, in their order.
        reducers: See ``harness.config.reducer_of``.
    """
    taken = {metric.name for metric in own}
    found = []
    for place, metric in enumerate(own):
        if not isinstance(metric, Mean) or metric.higher_is_better is None:
            continue
        for name in reducers:
            kind, k = reducer_of(name)
            if kind == "mean" or (kind in _OF_RIGHT and metric.bounds not in (None, (0.0, 1.0))):
                continue
            short = place == 0 and name not in taken
            bounds = (0.0, 1.0) if kind in _OF_RIGHT else metric.bounds
            reduced = replace(
                metric, name=name if short else f"{metric.name}.{name}", bounds=bounds
            )
            found.append(ReducedMetric(reduced, metric.name, kind, k))
    return found


def with_reduced(
    task: Task, records: Sequence[SampleRecord], reducers: Sequence[str]
) -> list[SampleRecord]:
    """The records with each sample's reduced scores, which stand in that of its first repeat.

    A reducer that takes scores of 0 and 1 is left out as a whole where a sample has others, and
    every one of samples that were asked once. It is unscored where too few answers are scored.
    """
    originals: dict[str, list[SampleRecord]] = defaultdict(list)
    for record in records:
        if record.probe is None:
            originals[record.sample.id].append(record)
    several = {key: each for key, each in originals.items() if len(each) > 1}
    every = [record for each in several.values() for record in each]
    found: dict[str, dict[str, ScoreValue]] = defaultdict(dict)
    for each in reduced_metrics(task.metrics, reducers):
        answers = _answers(task, each.of, every)
        if not answers or (each.kind in _OF_RIGHT and not _graded(answers)):
            continue
        for key, asked in several.items():
            given = answers.get(key, ())
            if any(each.of in record.scores for record in asked):  # else it does not apply
                value = _reduced_value(each.kind, each.k, given, len(asked))
                found[key][each.metric.name] = _unscored(given, asked) if value is None else value
    return [
        replace(record, scores={**record.scores, **found[record.sample.id]})
        if record.probe is None and record.repeat == 0 and record.sample.id in found
        else record
        for record in records
    ]


def _unscored(given: Sequence[object], asked: Sequence[SampleRecord]) -> Unscored:
    why = next((record.error for record in asked if record.error is not None), "")
    return Unscored(f"{len(given)} of {len(asked)} answers could be scored: {why}".rstrip(": "))


# --------------------------------------------------------------------------- over all samples


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
    asked = Counter(record.sample.id for record in records)
    found: dict[str, dict[str, Estimate]] = {}
    for metric in task.metrics:
        answers = _answers(task, metric.name, records)
        if not answers or max(map(len, answers.values())) < 2:
            continue
        found[metric.name] = {
            **_reduced(metric, answers, clusters, asked, reducers),
            **_spread(answers),
        }
    return found


def _answers(task: Task, metric: str, records: Iterable[SampleRecord]) -> Answers:
    found: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for record in records:
        value = record.scores.get(metric)
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


def _graded(answers: Answers) -> bool:
    return all(value in (0.0, 1.0) for each in answers.values() for value, _ in each)


def _reduced(
    metric: Metric,
    answers: Answers,
    clusters: Mapping[str, str | None],
    asked: Mapping[str, int],
    reducers: Sequence[str],
) -> dict[str, Estimate]:
    graded = _graded(answers)
    found: dict[str, Estimate] = {}
    for name in reducers:
        kind, k = reducer_of(name)
        if kind in _OF_RIGHT and not graded:
            continue
        values = {
            key: value
            for key, each in answers.items()
            if (value := _reduced_value(kind, k, each, asked[key])) is not None
        }
        of_samples = [clusters[key] for key in values]
        bounds = (0.0, 1.0) if graded else bounds_of(metric)
        found[name] = estimates.mean(list(values.values()), of_samples, bounds=bounds)
    return found


def _reduced_value(
    kind: str, k: int, answers: Sequence[tuple[float, str]], asked: int
) -> float | None:
    """One sample's value, of the answers that are scored; None where these do not tell it."""
    if len(answers) < k:
        return None
    value = _REDUCERS[kind](answers, k)
    if kind == "at_least_one" and value == 0.0 and len(answers) < asked:
        return None  # one that is not scored may be right
    return value


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
