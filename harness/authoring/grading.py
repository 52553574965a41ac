"""Graders: what turns a model's answer into the values of some metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from harness.protocols import Metric
from harness.types import Sample, ScoreValue

Answer = TypeVar("Answer", contravariant=True)
Given = TypeVar("Given")


class Grader(Protocol[Answer]):
    """Some metrics that are computed together from one answer.

    An answer is a text where the model writes one (``Grader[str]``), and a
    ``harness.authoring.multiple_choice.Choice`` where it chooses among options.
    """

    @property
    def metrics(self) -> Sequence[Metric]:
        """What it computes."""
        ...

    def grade(self, answer: Answer, sample: Sample, /) -> Mapping[str, ScoreValue]:
        """Metric name → value; a metric that does not apply is left out."""
        ...


@dataclass(frozen=True, slots=True)
class Graded(Generic[Given]):
    """A grader made of its metrics and a function that computes them."""

    metrics: Sequence[Metric]
    grade: Callable[[Given, Sample], Mapping[str, ScoreValue]]


@dataclass(frozen=True, slots=True)
class Only(Generic[Given]):
    """Some of a grader's metrics."""

    grader: Grader[Given]
    names: tuple[str, ...]

    @property
    def metrics(self) -> Sequence[Metric]:
        """The metrics that are kept."""
        return [metric for metric in self.grader.metrics if metric.name in self.names]

    def grade(self, answer: Given, sample: Sample, /) -> Mapping[str, ScoreValue]:
        """Their values."""
        values = self.grader.grade(answer, sample)
        return {name: values[name] for name in self.names if name in values}


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """Registers a metric under the name by which ``[tasks.NAME]`` of harness.toml lists it.

    Attributes:
        name: What users call it; it may stand for several metrics that are computed together.
        description: One line for ``harness ls``.
        kinds: The kinds of tasks that it fits (``harness.authoring.declaration.KINDS``).
        open: Makes the grader. It is called with what stands after ``NAME:``, else with ``""``;
            the grader gets the text of an answer (generation), a
            ``harness.authoring.multiple_choice.Choice`` (multiple_choice, classification), or the
            log-probability of the text in nats (perplexity).
        argument: What may stand after ``NAME:``, in words; empty where nothing may.
        scorings: The ways of asking that give what it needs; empty: all.
    """

    name: str
    description: str
    kinds: tuple[str, ...]
    open: Callable[[str], Grader[Any]]
    argument: str = ""
    scorings: tuple[str, ...] = ()


def metrics_of(graders: Sequence[Grader[Given]]) -> tuple[Metric, ...]:
    """All metrics of the graders, in order."""
    return tuple(metric for grader in graders for metric in grader.metrics)


def grade_all(
    graders: Sequence[Grader[Given]], answer: Given, sample: Sample
) -> dict[str, ScoreValue]:
    """The values of all graders' metrics."""
    return {
        name: value for grader in graders for name, value in grader.grade(answer, sample).items()
    }
