"""Task ``llmbar``: a model as a judge of two answers to an instruction, against people.

Reads the form of LLMBar (Zeng et al. 2024, "Evaluating Large Language Models at Evaluating
Instruction Following", ICLR): ``input``, ``output_1``, ``output_2`` and ``label``, the better one.
The model under test is the judge, and is asked about each pair in both orders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from harness.authoring import option_models, prompts
from harness.authoring.chat import prompt_templates as templates
from harness.authoring.io.serialization import canonical_hash
from harness.authoring.metrics import Mean
from harness.authoring.readers import samples
from harness.authoring.readers.rows import Place
from harness.authoring.readers.text_files import Row
from harness.authoring.tasks import ComposedTask
from harness.protocols import TaskOptions
from harness.types import (
    Completion,
    DataSource,
    Generate,
    Response,
    Sample,
    Sampling,
    ScoreValue,
)
from harness_judges.judging import parsing
from harness_judges.judging.options import llmbar_options
from harness_judges.judging.rubrics import LLMBAR

NAME = "llmbar"
UNIT = (0.0, 1.0)
METRICS = (
    Mean("accuracy", bounds=UNIT),
    Mean("accuracy_given", bounds=UNIT),
    Mean("accuracy_swapped", bounds=UNIT),
    Mean("accuracy_both", bounds=UNIT),
    Mean("consistency", bounds=UNIT),
    Mean("first_position", None, ideal=0.5, bounds=UNIT),
    Mean("preference", None, bounds=UNIT),
    Mean("unread", higher_is_better=False, bounds=UNIT),
)
READERS: Mapping[str, Callable[[str], int | None]] = {
    "last": parsing.preference,
    "published": parsing.named_output,
}


def open_llmbar(chosen: TaskOptions) -> ComposedTask:
    """The task.

    Raises:
        UsageError: An option does not fit.
    """
    values = {key: value for key, value in chosen.values.items() if key != "template"}
    set_by_user = option_models.read(llmbar_options(), values, NAME).model_dump()
    name, source = prompts.choose({"default": LLMBAR}, chosen)
    verdict, room = str(set_by_user["verdict"]), int(set_by_user["max_tokens"])

    def ask(sample: Sample, _: Sequence[Sample]) -> Sequence[Generate]:
        first, second = sample.choices
        return [
            Generate(_shown(source, sample, one, other), Sampling(room))
            for one, other in ((first, second), (second, first))
        ]

    return ComposedTask(
        name=NAME,
        metrics=METRICS,
        settings={
            "template": name,
            "rubric": NAME,
            "rubric_sha256": canonical_hash(source),
            "verdict": verdict,
            "max_tokens": str(room),
        },
        reader=_read,
        ask=ask,
        grade=lambda sample, responses: _grade(sample, responses, READERS[verdict]),
        decisive=("template", "verdict"),
        without_hub="dataset.json",
    )


def _shown(source: str, sample: Sample, first: str, second: str) -> str:
    return templates.render(source, {"input": sample.input, "first": first, "second": second})


def _read(data: DataSource) -> Iterator[Sample]:
    return samples.read(data, _sample)


def _sample(row: Row, place: Place) -> Sample:
    outputs = place.text(row, "output_1"), place.text(row, "output_2")
    label = str(place.field(row, "label", (int, str)))
    if label not in ("1", "2"):
        raise place.error(f"label is {label!r}", "1 or 2: the better output")
    if outputs[0] == outputs[1]:
        raise place.error("the two outputs are the same", "two answers of which one is better")
    return Sample(
        str(row.get("id") or place.ordinal),
        place.text(row, "input"),
        (outputs[int(label) - 1],),
        outputs,
    )


def _grade(
    sample: Sample, responses: Sequence[Response], read: Callable[[str], int | None]
) -> Mapping[str, ScoreValue]:
    """From the judgements in the given and in the swapped order."""
    said = [read(each.text) for each in responses if isinstance(each, Completion)]
    given, swapped = said[0], said[1]
    # In the swapped order what is shown first is the second output.
    chosen = [given, {0: 1, 1: 0}.get(swapped, swapped) if swapped is not None else None]
    right = sample.choices.index(sample.targets[0])
    hits = [float(each == right) for each in chosen]
    both_read = None not in chosen
    scores: dict[str, ScoreValue] = {
        "accuracy": (hits[0] + hits[1]) / 2,
        "accuracy_given": hits[0],
        "accuracy_swapped": hits[1],
        "accuracy_both": hits[0] * hits[1],
        "consistency": float(both_read and chosen[0] == chosen[1]),
        "unread": chosen.count(None) / 2,
    }
    decided = [each for each in said if each in (parsing.FIRST, parsing.SECOND)]
    if decided:
        scores["first_position"] = decided.count(parsing.FIRST) / len(decided)
    if both_read:
        agreed = chosen[0] if chosen[0] == chosen[1] else parsing.TIE
        scores["preference"] = {parsing.FIRST: 1.0, parsing.SECOND: 0.0}.get(agreed or 0, 0.5)
    return scores
