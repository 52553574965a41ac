"""Tasks that score whole texts by their log-probability."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from harness.authoring.grading import Grader, grade_all, metrics_of
from harness.authoring.tasks import ComposedTask
from harness.protocols import TaskAnswers
from harness.types import DataSource, Logprob, Response, RollingLoglikelihood, Sample, ScoreValue


def task(
    name: str,
    reader: Callable[[DataSource], Iterable[Sample]],
    graders: Sequence[Grader[float]],
    *,
    version: str,
    remark: Callable[[Sequence[Sample]], Iterable[str]] = lambda _: (),
) -> ComposedTask:
    """A task that asks for the log-probability of each text, every token scored once.

    Args:
        name: What users call it.
        reader: Streams the samples of a data source; their input is the text.
        graders: What is computed of the log-probability of a text, in nats.
        version: Changes whenever a score could.
        remark: What a reader must know of scores on just these samples.
    """

    def read(_: Sample, responses: Sequence[Response]) -> float:
        (response,) = responses
        assert isinstance(response, Logprob)
        return response.total

    def grade(sample: Sample, responses: Sequence[Response]) -> Mapping[str, ScoreValue]:
        return grade_all(graders, read(sample, responses), sample)

    return ComposedTask(
        name=name,
        metrics=metrics_of(graders),
        settings={"scoring": "rolling log-likelihood", "words": "split at white space"},
        reader=reader,
        # The text itself; examples have no place before it.
        ask=lambda sample, _: [RollingLoglikelihood(sample.input)],
        grade=grade,
        version=version,
        remark=remark,
        answers=TaskAnswers("perplexity", read),
    )
