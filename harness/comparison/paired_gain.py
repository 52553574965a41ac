"""How much better a run is than another on one metric, whichever direction is better."""

from __future__ import annotations

from dataclasses import dataclass

from harness.authoring.metrics import MetricRef
from harness.comparison import measure
from harness.comparison.measure import CannotCompare, MetricsOfTask
from harness.errors import UsageError
from harness.results.baseline import ScoredRun
from harness.stats.inference import Inference


def gain(
    baseline: ScoredRun, candidate: ScoredRun, metric: MetricRef, metrics: MetricsOfTask
) -> Inference:
    """What is known of the gain on the samples that both runs scored; positive where better.

    Args:
        baseline: The run to be better than.
        candidate: The run that is judged.
        metric: A resolved reference; with an ideal the gain is how much closer to it the
            candidate is.
        metrics: Task → metric objects, for corpus metrics.

    Raises:
        UsageError: Nothing can be said about this metric.
    """
    try:
        pairs = measure.pair_metric(baseline, candidate, metric.task, metric.metric, metrics)
        if metric.ideal is not None:
            return Negated(pairs.distance_change(metric.ideal))
        difference = pairs.difference()
    except CannotCompare as reason:
        raise UsageError(f"{metric.name} cannot be judged: {reason}") from reason
    result = candidate.result.tasks[metric.task].metrics[metric.metric]
    return Negated(difference) if result.higher_is_better is False else difference


@dataclass(frozen=True, slots=True)
class Negated:
    """An inference about the negative of a quantity, for metrics where lower is better."""

    original: Inference

    @property
    def value(self) -> float:
        """The estimate."""
        return -self.original.value

    @property
    def stderr(self) -> float:
        """The standard error."""
        return self.original.stderr

    @property
    def method(self) -> str:
        """How it was inferred."""
        return self.original.method

    def interval(self, confidence: float) -> tuple[float, float]:
        """A two-sided interval."""
        low, high = self.original.interval(confidence)
        return -high, -low

    def below(self, bound: float) -> float:
        """p-value of "at least ``bound``"."""
        return self.original.above(-bound)

    def above(self, bound: float) -> float:
        """p-value of "at most ``bound``"."""
        return self.original.below(-bound)
