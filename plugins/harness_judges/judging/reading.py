"""The rows that are answered and then judged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.authoring.chat import prompt_templates as templates
from harness.authoring.readers import samples
from harness.authoring.readers.rows import Place
from harness.authoring.readers.text_files import Row
from harness.errors import UsageError
from harness.types import DataSource, Generate, Sample, Sampling
from harness_judges.judging import turns

INPUTS = ("input", "prompt", "instruction", "question", "message", "brief", "document", "source")
"""Columns that hold what is asked; the first that is there."""
REFERENCES = ("reference", "target", "answer", "summary", "output")
FURTHER = ("policy", "facts")
"""Columns that the ready-made rubrics show where they are there."""


def read(data: DataSource, task: str) -> Iterator[Sample]:
    """Streams rows with an input or turns, a reference and further columns where there are some.

    Raises:
        UsageError: The data are to come from the hub, which has none of the task.
        DataError: A file or row cannot be read, or has no input.
    """
    check_has_file(data, task)
    return samples.read(data, _sample)


def check_has_file(data: DataSource, task: str) -> None:
    """Refuses data that are to come from the hub, which has none.

    Raises:
        UsageError: They are.
    """
    if not data.paths:
        raise UsageError(f"{task} has no data set on the hub", f"Give --data {task}=FILE.")


def _sample(row: Row, place: Place) -> Sample:
    if row.get("turns") is not None:
        return _conversation(row, place)
    column = next((name for name in INPUTS if isinstance(row.get(name), str)), None)
    if column is None:
        raise place.error(
            f"there is no text to answer; the columns are {', '.join(map(repr, row))}",
            f"a column {', '.join(map(repr, INPUTS[:3]))} or the like",
        )
    reference = next((name for name in REFERENCES if isinstance(row.get(name), str)), None)
    shown = {name: str(value) for name, value in row.items() if isinstance(value, str)}
    further = {**dict.fromkeys((*FURTHER, "reference"), ""), **shown}
    if reference is not None:
        further["reference"] = row[reference]
    cluster = row.get("cluster")
    return Sample(
        str(row["id"]) if row.get("id") is not None else str(place.ordinal),
        place.text(row, column),
        () if reference is None else (row[reference],),
        cluster=None if cluster is None else str(cluster),
        metadata=further,
    )


def _conversation(row: Row, place: Place) -> Sample:
    """Of several turns; a rubric sees the reference of the turn that is judged."""
    found = turns.read(row, place)
    system = place.text(row, "system") if row.get("system") is not None else None
    further = {name: value for name, value in row.items() if isinstance(value, str)}
    further = {**dict.fromkeys((*FURTHER, "reference"), ""), **further}
    name = row.get("id", row.get("question_id"))
    cluster = row.get("cluster")
    return Sample(
        str(place.ordinal) if name is None else str(name),
        found[0].user,
        cluster=None if cluster is None else str(cluster),
        metadata={**further, **turns.stored(found, system)},
    )


def question(
    task: str, prompt: str, sample: Sample, shots: Sequence[Sample], tokens: int
) -> Sequence[Generate]:
    """What the evaluated model is asked about a row.

    Args:
        task: Its name, for messages.
        prompt: Jinja2 source.
        sample: The row.
        shots: Solved examples, which such a task does not show.
        tokens: Of the answer.

    Raises:
        UsageError: There are solved examples.
    """
    if shots:
        raise UsageError(f"{task} shows no solved examples", "Leave out num_fewshot.")
    rendered = templates.render(prompt, templates.variables(sample))
    return [Generate(rendered, Sampling(tokens))]
