"""Choosing among options: your own questions, and HellaSwag."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from harness.authoring import multiple_choice, options
from harness.authoring.readers.questions import read_questions
from harness.protocols import Task, TaskOptions
from harness.types import DataSource, HubDataset, Sample
from harness_tasks.hellaswag import read_hellaswag
from harness_tasks.specs import spec

if TYPE_CHECKING:
    from harness_tasks.settings import MultipleChoice

TEMPLATES = {
    "default": "Question: {{ question }}\nAnswer:",
    "lettered": "Question: {{ question }}\n{{ options }}\n"
    "Answer with the letter of the right option.\nAnswer:",
}
HELLASWAG_TEMPLATES = {
    "default": "{{ query }}",
    "lettered": "Which of these continues the text best?\n\nText: {{ query }}\n{{ options }}\n"
    "Answer with the letter of the best option.\nAnswer:",
}


def open_multiple_choice(chosen: TaskOptions) -> Task:
    """Your own questions."""
    from harness_tasks.settings import MultipleChoice

    settings = options.read(MultipleChoice, chosen, "multiple_choice")
    return _open("multiple_choice", "question", TEMPLATES, read_questions, settings, chosen)


def open_hellaswag(chosen: TaskOptions) -> Task:
    """HellaSwag: which ending continues a text."""
    from harness_tasks.settings import Hellaswag

    settings = options.read(Hellaswag, chosen, "hellaswag")

    def reader(data: DataSource) -> Iterable[Sample]:
        return read_hellaswag(data, settings.split)

    return _open("hellaswag", "query", HELLASWAG_TEMPLATES, reader, settings, chosen)


def _open(
    name: str,
    input_name: str,
    known: Mapping[str, str],
    reader: Callable[[DataSource], Iterable[Sample]],
    settings: MultipleChoice,
    chosen: TaskOptions,
) -> Task:
    from harness_tasks.metrics import choices
    from harness_tasks.metrics.evaluate_library import library_metrics

    scoring = options.scoring(chosen, ["loglikelihood", "generate"])
    generated = scoring == "generate"
    default = "lettered" if generated else "default"
    asking = multiple_choice.asking_for(
        chosen,
        known,
        input_name,
        scoring=scoring,
        default=default,
        max_tokens=settings.max_tokens,
    )
    graders = [choices.generated_grader() if generated else choices.grader()]
    return multiple_choice.task(
        name,
        reader,
        asking,
        graders,
        library_metrics(chosen, graders),
        settings=multiple_choice.settings_of(asking),
        version="2",
        decisive=("scoring", "template", "choice given by"),
    )


SPECS = (
    spec(
        "multiple_choice/multiple_choice",
        "your own questions with options to choose from",
        open_multiple_choice,
        options="MultipleChoice",
        templates=TEMPLATES,
    ),
    spec(
        "multiple_choice/hellaswag",
        "HellaSwag: choose the ending that continues a text",
        open_hellaswag,
        hub=HubDataset("Rowan/hellaswag"),
        options="Hellaswag",
        templates=HELLASWAG_TEMPLATES,
    ),
)
