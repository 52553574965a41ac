"""From a task's samples to training rows: prompts and right answers.

A task that compares choices by their log-likelihood gives preference pairs, the right choice
before each wrong one. A task that generates gives an answer to learn, or a prompt for RL that
carries its sample, so that the task can score what the model says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness import Registry
from harness.authoring.io import serialization
from harness.authoring.readers import sources
from harness.errors import DataError, HarnessError, UnknownNameError
from harness.protocols import Task, TaskOptions
from harness.types import Generate, Loglikelihood, Prompt, Request, Sample
from harness_align.dataset.training_rows import Kind, Row, Rows
from harness_align.dataset.validation import SuiteText
from harness_align.mining import known_labels
from harness_align.rewards import SAMPLE_FACT, TASK_FACT


def rows_of_task(
    name: str, data: str | None, kind: Kind, registry: Registry, seed: int = 0
) -> Rows:
    """A task's samples as rows, of the wanted kind where the task can give it.

    Args:
        name: The task.
        data: A path, ``sample``, or None for the hub, as for ``harness run --data``.
        kind: ``preference`` asks by log-likelihood, everything else by generation.
        registry: The loaded plugins.
        seed: Of the task's own choices.

    Raises:
        UnknownNameError: There is no such task.
        DataError: Its data cannot be read, or give no rows of any kind.
    """
    if name not in registry.tasks:
        raise UnknownNameError("task", name, registry.tasks)
    spec = registry.tasks[name]
    wanted: type = Loglikelihood if kind == "preference" else Generate
    task = _open(spec.open, wanted, seed)
    source = sources.resolve(spec, {} if data is None else {name: data})
    labels = words_of_labels(getattr(task, "settings", {}))
    rows: list[Row] = []
    for line, sample in enumerate(task.samples(source), start=1):
        requests = task.requests(sample, ())
        of_texts = list(_rows_of_texts(task.name, sample, requests, labels, line))
        rows += of_texts or rows_of_sample(task.name, sample, requests, line)
    if not rows:
        raise DataError(
            f"{name} gives no training rows: its samples have no answer that is known",
            expected="a task that generates, or that compares choices with one right answer; or "
            "texts with a label, which of CheckList's cases MFTs have, and INV and DIR do not",
        )
    found: Kind = "preference" if rows[0].rejected is not None else "completion"
    rows = [row for row in rows if (row.rejected is not None) == (found == "preference")]
    return Rows(found, tuple(rows), f"task {name}", unit="sample")


def _open(opener: object, wanted: type, seed: int) -> Task:
    """The task, asked in the wanted way where it can be, else in its own."""
    assert callable(opener)
    try:
        task: Task = opener(TaskOptions(supports=frozenset({wanted}), seed=seed))
    except HarnessError:
        task = opener(TaskOptions(seed=seed))
    return task


def rows_of_sample(
    task: str, sample: Sample, requests: Sequence[Request], line: int
) -> Iterator[Row]:
    """The rows of one sample; none where the right answer is not known."""
    facts = _facts(task, sample)
    choices = [request for request in requests if isinstance(request, Loglikelihood)]
    if len(choices) > 1 and len({repr(request.context) for request in choices}) == 1:
        right = [each for each in choices if each.continuation.strip() in sample.targets]
        for wrong in choices:
            if len(right) == 1 and wrong is not right[0]:
                yield Row(
                    line, wrong.context, right[0].continuation, wrong.continuation, facts=facts
                )
        return
    asked = next((each for each in requests if isinstance(each, Generate)), None)
    if asked is not None and sample.targets and sample.targets[0]:
        answer = spaced(asked.prompt, sample.targets[0])
        yield Row(line, asked.prompt, answer, facts=facts)


def words_of_labels(settings: Mapping[str, object]) -> list[str]:
    """The words of a task's labels, as its settings have them; none where they do not."""
    told = settings.get("labels", "")
    return [each.strip() for each in str(told).split(",") if each.strip()]


def _rows_of_texts(
    task: str, sample: Sample, requests: Sequence[Request], labels: Sequence[str], line: int
) -> Iterator[Row]:
    """The rows of a sample that holds several texts; none where their labels are not known.

    Each right label before each wrong one; or the right one as the answer, where it is one alone.
    """
    for text in known_labels.of_texts(sample, requests):
        asked, right = requests[text.place], text.right
        facts = _facts(task, text.sample)
        choices = [each for each in asked if isinstance(each, Loglikelihood)]
        if len(choices) > 1 and len(choices) == len(asked):
            for good in (choices[at] for at in sorted(right) if at < len(choices)):
                for wrong in (each for at, each in enumerate(choices) if at not in right):
                    yield Row(
                        line, wrong.context, good.continuation, wrong.continuation, facts=facts
                    )
        elif isinstance(asked[0], Generate) and len(right) == 1 and max(right) < len(labels):
            prompt = asked[0].prompt
            yield Row(line, prompt, spaced(prompt, labels[min(right)]), facts=facts)


def _facts(task: str, sample: Sample) -> dict[str, Any]:
    """Of what sample a row is made."""
    return {
        TASK_FACT: task,
        SAMPLE_FACT: serialization.dumps(serialization.sample_to_json(sample)),
        "sample_id": sample.id,
    }


def spaced(prompt: Prompt, answer: str) -> Prompt:
    """An answer in the form that follows the prompt: a text after a space, or a message."""
    if not isinstance(prompt, str):
        from harness.types import Message

        return (Message("assistant", answer),)
    return answer if not prompt or prompt[-1].isspace() else " " + answer.lstrip()


def suite_texts(
    tasks: Sequence[str], data: Mapping[str, str], registry: Registry
) -> Iterator[SuiteText]:
    """All that an evaluation asks about; for the check of overlaps.

    Raises:
        HarnessError: A task does not exist or its data cannot be read.
    """
    for spec in registry.select_tasks(tasks):
        task = spec.open(TaskOptions())
        for sample in task.samples(sources.resolve(spec, data)):
            name = f"{spec.name}/{sample.id}"
            yield SuiteText(name, sample.input)
            for request in task.requests(sample, ()):
                if isinstance(request, Loglikelihood) and isinstance(request.context, str):
                    yield SuiteText(name, request.context, templated=True)
                elif isinstance(request, Generate) and isinstance(request.prompt, str):
                    yield SuiteText(name, request.prompt, templated=True)
