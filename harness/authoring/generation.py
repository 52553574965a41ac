"""Tasks whose answer is generated text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from harness.authoring.grading import Grader, grade_all, metrics_of
from harness.authoring.prompts import Prompt
from harness.authoring.tasks import ComposedTask
from harness.protocols import TaskAnswers
from harness.types import (
    Completion,
    DataSource,
    Generate,
    Request,
    Response,
    Sample,
    Sampling,
    ScoreValue,
    Unscored,
)

CUT_OFF = "[cut off before the answer]"
"""Stands for an answer that the tokens did not reach."""


def task(
    name: str,
    reader: Callable[[DataSource], Iterable[Sample]],
    prompt: Callable[[Sample, Sequence[Sample]], str],
    sampling: Sampling,
    graders: Sequence[Grader[str]],
    *,
    notes: Mapping[str, str],
    version: str = "1",
    remark: Callable[[Sequence[Sample]], Iterable[str]] = lambda _: (),
    unscored: Callable[[Completion], str | None] = lambda _: None,
    without_hub: str = "",
    answer: Callable[[str], str | None] | None = None,
) -> ComposedTask:
    """A task that asks for one text a sample and grades it.

    Args:
        name: What users call it.
        reader: Streams the samples of a data source.
        prompt: The text that the model continues; a ``Prompt`` for one made of a template.
        sampling: How the answer is decoded.
        graders: What is computed of the answer.
        notes: Further settings, in words; runs that differ in one are not compared.
        version: Changes whenever a score could.
        remark: What a reader must know of scores on just these samples.
        unscored: Why an answer cannot be graded; None where it can.
        without_hub: See ``ComposedTask``.
        answer: The final answer in one form, of a text; for majorities over repeats.
    """
    metrics = metrics_of(graders)

    def ask(sample: Sample, shots: Sequence[Sample]) -> Sequence[Request]:
        return [Generate(prompt(sample, shots), sampling)]

    def ask_in_turns(sample: Sample, shots: Sequence[Sample]) -> Sequence[Request]:
        assert isinstance(prompt, Prompt)
        return [Generate(prompt.turns(sample, shots), sampling)]

    def read(sample: Sample, responses: Sequence[Response]) -> str | Unscored:
        response = responses[0]
        assert isinstance(response, Completion)
        reason = unscored(response)
        if reason is not None:
            return Unscored(reason)
        # Where nothing is the right answer, an answer that did not come is not that.
        missing = response.cut_off and not sample.targets
        return CUT_OFF if missing else response.text

    def grade(sample: Sample, responses: Sequence[Response]) -> Mapping[str, ScoreValue]:
        answer = read(sample, responses)
        if isinstance(answer, Unscored):
            return dict.fromkeys((metric.name for metric in metrics), answer)
        return grade_all(graders, answer, sample)

    def final(_: Sample, responses: Sequence[Response]) -> str | None:
        return None if answer is None else answer(completion(responses))

    settings = {"scoring": "generate", "max_tokens": str(sampling.max_tokens)}
    if isinstance(prompt, Prompt):
        settings |= {"template": prompt.name, "stop": " ".join(map(repr, sampling.stop))}
    return ComposedTask(
        name=name,
        metrics=metrics,
        settings={**settings, **notes},
        reader=reader,
        ask=ask,
        grade=grade,
        version=version,
        decisive=("scoring", "template", *notes),
        remark=remark,
        without_hub=without_hub,
        ask_in_turns=ask_in_turns if isinstance(prompt, Prompt) else None,
        answers=TaskAnswers("generation", read, final=None if answer is None else final),
    )


def completion(responses: Sequence[Response]) -> str:
    """The text of the one generated answer."""
    (response,) = responses
    assert isinstance(response, Completion)
    return response.text
