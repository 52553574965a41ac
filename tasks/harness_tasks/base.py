"""What the tasks are made of: a reader, a prompt, and graders that turn answers into values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from harness.protocols import Metric
from harness.types import (
    Completion,
    DataSource,
    Generate,
    Request,
    Response,
    Sample,
    Sampling,
    ScoreValue,
)
from harness_tasks.prompts import Prompt

CUT_OFF = "[cut off before the answer]"
"""Stands for an answer that the tokens did not reach."""


class Grader(Protocol):
    """Some metrics that are computed together from an answer's text."""

    @property
    def metrics(self) -> Sequence[Metric]:
        """What it computes."""
        ...

    def grade(self, prediction: str, sample: Sample) -> Mapping[str, ScoreValue]:
        """Metric name → value; a metric that does not apply is left out."""
        ...


def metrics_of(graders: Sequence[Grader]) -> tuple[Metric, ...]:
    """All metrics of the graders, in order."""
    return tuple(metric for grader in graders for metric in grader.metrics)


def grade_all(graders: Sequence[Grader], prediction: str, sample: Sample) -> dict[str, ScoreValue]:
    """The values of all graders' metrics."""
    return {
        name: value
        for grader in graders
        for name, value in grader.grade(prediction, sample).items()
    }


@dataclass(frozen=True, slots=True)
class GenerationTask:
    """A task whose answer is generated text."""

    name: str
    reader: Callable[[DataSource], Iterable[Sample]]
    prompt: Prompt
    sampling: Sampling
    graders: tuple[Grader, ...]
    notes: Mapping[str, str]
    version: str = "2"
    remark: Callable[[Sequence[Sample]], Iterable[str]] = lambda _: ()

    @property
    def metrics(self) -> Sequence[Metric]:
        """See ``harness.protocols.Task``."""
        return metrics_of(self.graders)

    @property
    def scored_by(self) -> tuple[str, ...]:
        """See ``harness.protocols.DeclaresScoring``."""
        return ("scoring", "template", *self.notes)

    @property
    def settings(self) -> Mapping[str, str]:
        """How the model is asked, in words."""
        return {
            "scoring": "generate",
            "template": self.prompt.name,
            "max_tokens": str(self.sampling.max_tokens),
            "stop": " ".join(map(repr, self.sampling.stop)),
            **self.notes,
        }

    def samples(self, data: DataSource) -> Iterable[Sample]:
        """See ``harness.protocols.Task``."""
        return self.reader(data)

    def remarks(self, samples: Sequence[Sample]) -> Iterable[str]:
        """See ``harness.protocols.Task``."""
        return self.remark(samples)

    def requests(self, sample: Sample, shots: Sequence[Sample]) -> Sequence[Request]:
        """One text to generate."""
        return [Generate(self.prompt(sample, shots), self.sampling)]

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, ScoreValue]:
        """The graders' values of the generated text."""
        (response,) = responses
        assert isinstance(response, Completion)
        # Where nothing is the right answer, an answer that did not come is not that.
        missing = response.cut_off and not sample.targets
        return grade_all(self.graders, CUT_OFF if missing else response.text, sample)


def completion(responses: Sequence[Response]) -> str:
    """The text of the one generated answer."""
    (response,) = responses
    assert isinstance(response, Completion)
    return response.text
