"""GSM8K: word problems whose answer is a number (Cobbe et al. 2021), and your own in its manner."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harness.authoring import generation, options, prompts
from harness.authoring.answers import choices
from harness.authoring.grading import Graded
from harness.authoring.metrics import UNREAD, Mean
from harness.authoring.readers.rows import Header, Place
from harness.authoring.readers.samples import read, shared
from harness.authoring.readers.text_files import Row
from harness.protocols import Task, TaskOptions
from harness.types import DataSource, HubDataset, Sample, Sampling, ScoreValue
from harness_tasks.specs import spec

FIELDS = frozenset({"question", "answer"})
HEADER = Header(FIELDS)
MARK = "####"
"""Stands before the number at a solution's end."""

TEMPLATES = {
    "default": "Question: {{ question }}\nAnswer:",
    "instruct": "Question: {{ question }}\nSolve this step by step. Then give the number alone "
    f"on a last line that begins with {MARK}.\nAnswer:",
}


def open_gsm8k(chosen: TaskOptions) -> Task:
    """Word problems, solved step by step; the last number stated is the answer."""
    from harness_tasks.metrics.evaluate_library import with_library_metrics
    from harness_tasks.settings import Gsm8k

    settings = options.read(Gsm8k, chosen, "gsm8k")
    template, source = prompts.choose(TEMPLATES, chosen)
    return generation.task(
        name="gsm8k",
        reader=read_problems,
        prompt=prompts.Prompt(template, source, "question", _solution),
        sampling=Sampling(
            max_tokens=settings.max_tokens,
            stop=choices.next_question(source),
        ),
        graders=with_library_metrics([FINAL_NUMBER], chosen),
        notes={"answer": "the final number of the text, by docs/tasks.md; else unread, wrong"},
        version="2",
        answer=_final,
    )


def _final(answer: str) -> str | None:
    from harness.authoring.answers import numbers

    given = numbers.read(answer)
    return None if given is None else str(given)


def _grade(answer: str, sample: Sample) -> Mapping[str, ScoreValue]:
    from harness.authoring.answers import numbers  # its patterns would slow a listing

    given = numbers.read(answer)
    right = given is not None and given == numbers.value(sample.targets[0])
    return {"accuracy": float(right), "unread": float(given is None)}


FINAL_NUMBER = Graded((Mean("accuracy", bounds=(0.0, 1.0)), UNREAD), _grade)
"""``accuracy``: whether the number that the answer ends in is the right one; ``unread``."""


def _solution(sample: Sample) -> str:
    """What a solved example shows: the steps where the data has them, and the number."""
    return str(sample.metadata.get("solution", f"{MARK} {sample.targets[0]}"))


# --------------------------------------------------------------------------- readers


def read_problems(source: DataSource) -> Iterator[Sample]:
    """Streams rows of any format, GSM8K's published JSONL and the hub's among them.

    Raises:
        DataError: A file or row cannot be read.
    """
    return read(source, read_row, HEADER)


def read_row(row: Row, place: Place) -> Sample:
    """A problem with its ``answer``: a solution that ends in ``#### NUMBER``, or a number alone."""
    from harness.authoring.answers import numbers

    question = place.text(row, "question")
    answer = str(place.field(row, "answer", (str, int, float))).strip()
    steps, mark, number = answer.rpartition(MARK)
    if numbers.value(number) is None:
        raise place.error(
            f"field 'answer' ends in no number: {answer[-60:]!r}",
            f"a number, or a solution that ends in {MARK} and a number",
        )
    arguments = shared(row, place, question, FIELDS)
    if mark and steps.strip():
        arguments["metadata"]["solution"] = answer
    return Sample(input=question, targets=(number.strip(),), **arguments)


SPECS = (
    spec(
        "question_answering/gsm8k",
        "GSM8K: word problems of school mathematics, answered by a number",
        open_gsm8k,
        hub=HubDataset("openai/gsm8k", "main", split="test"),
        options="Gsm8k",
        templates=TEMPLATES,
    ),
)
