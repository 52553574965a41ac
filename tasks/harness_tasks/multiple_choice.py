"""Choosing among options: your own questions, and HellaSwag."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.authoring import options
from harness.authoring.answers import choices
from harness.protocols import Metric, Task, TaskOptions, TaskSpec
from harness.types import (
    DataSource,
    Generate,
    HubDataset,
    Request,
    Response,
    Sample,
    Sampling,
    ScoreValue,
)
from harness_tasks import prompts
from harness_tasks.base import Grader, completion, grade_all, metrics_of
from harness_tasks.choice_readers import SPLITS, read_hellaswag, read_questions

SAMPLES = Path(__file__).parent / "samples"

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
OPTIONS = {
    "scoring": "loglikelihood of the choices, or generate and read the choice from the text",
    "max_tokens": "longest generated answer in tokens (default 32)",
    "metrics": "further metrics: evaluate:NAME_OR_PATH, separated by commas",
}


def open_multiple_choice(chosen: TaskOptions) -> Task:
    """Your own questions."""
    return _open("multiple_choice", "question", TEMPLATES, read_questions, chosen)


def open_hellaswag(chosen: TaskOptions) -> Task:
    """HellaSwag: which ending continues a text."""
    split = options.one_of(chosen, "split", SPLITS, SPLITS[0])
    return _open(
        "hellaswag", "query", HELLASWAG_TEMPLATES, lambda data: read_hellaswag(data, split), chosen
    )


def _open(
    name: str,
    input_name: str,
    known: Mapping[str, str],
    reader: Callable[[DataSource], Iterable[Sample]],
    chosen: TaskOptions,
) -> Task:
    from harness_tasks.metrics.choices import generated_metrics, metrics, values
    from harness_tasks.metrics.evaluate_library import library_metrics

    scoring = options.scoring(chosen, ["loglikelihood", "generate"])
    default = "lettered" if scoring == "generate" else "default"
    template, source = prompts.choose(known, chosen, default)
    own = metrics() if scoring == "loglikelihood" else generated_metrics()
    lettered = choices.shows_options(source)
    return MultipleChoiceTask(
        name=name,
        scoring=scoring,
        reader=reader,
        lettered=lettered,
        prompt=prompts.Prompt(
            template,
            source,
            input_name,
            lambda sample: _names(sample, lettered)[sample.choices.index(sample.targets[0])],
            more=lambda sample: {"options": choices.lettered(sample.choices)},
        ),
        sampling=Sampling(
            max_tokens=options.integer(chosen, "max_tokens", 32),
            stop=choices.next_question(source),
        ),
        own_metrics=own,
        values=values,
        graders=library_metrics(chosen, {metric.name for metric in own}),
    )


@dataclass(frozen=True, slots=True)
class MultipleChoiceTask:
    """The right one of some choices, by log-probability or read from generated text.

    A template that shows the ``options`` is answered by letter, any other by the choice's text.
    """

    name: str
    scoring: str
    reader: Callable[[DataSource], Iterable[Sample]]
    lettered: bool
    prompt: prompts.Prompt
    sampling: Sampling
    own_metrics: tuple[Metric, ...]
    values: Callable[[Sequence[float], Sequence[str], int], dict[str, ScoreValue]]
    graders: tuple[Grader, ...]
    version: str = "2"

    @property
    def metrics(self) -> Sequence[Metric]:
        """See ``harness.protocols.Task``."""
        return (*self.own_metrics, *metrics_of(self.graders))

    @property
    def scored_by(self) -> tuple[str, ...]:
        """See ``harness.protocols.DeclaresScoring``."""
        return ("scoring", "template", "choice given by")

    @property
    def settings(self) -> Mapping[str, str]:
        """How the model is asked, in words."""
        form = "its letter" if self.lettered else "its text"
        how = {"scoring": self.scoring, "template": self.prompt.name, "choice given by": form}
        if self.scoring == "generate":
            how["max_tokens"] = str(self.sampling.max_tokens)
            how["answer"] = "the option that the text names, by docs/tasks.md; else unread, wrong"
        return how

    def samples(self, data: DataSource) -> Iterable[Sample]:
        """See ``harness.protocols.Task``."""
        return self.reader(data)

    def requests(self, sample: Sample, shots: Sequence[Sample]) -> Sequence[Request]:
        """One request a choice, or one text to generate."""
        prompt = self.prompt(sample, shots)
        if self.scoring == "loglikelihood":
            return choices.loglikelihoods(prompt, _names(sample, self.lettered))
        return [Generate(prompt, self.sampling)]

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, ScoreValue]:
        """The metrics' values of the choice that was made; the first of equal ones."""
        right = sample.choices.index(sample.targets[0])
        if self.scoring == "loglikelihood":
            totals = choices.totals(responses)
            values = self.values(totals, _names(sample, self.lettered), right)
            given = sample.choices[choices.best(totals)]
        else:
            given = completion(responses)
            names = [[choice] for choice in sample.choices]
            predicted = choices.read(given, names, self.lettered)
            values = {"acc": float(predicted == right), "unread": float(predicted is None)}
            given = given if predicted is None else sample.choices[predicted]
        return {**values, **grade_all(self.graders, given, sample)}


def _names(sample: Sample, lettered: bool) -> Sequence[str]:
    """What stands for each choice in an answer."""
    return choices.LETTERS[: len(sample.choices)] if lettered else sample.choices


SPECS = (
    TaskSpec(
        "multiple_choice",
        "your own questions with options to choose from",
        open_multiple_choice,
        sample_data=SAMPLES / "multiple_choice.jsonl",
        sample_shots=SAMPLES / "multiple_choice.shots.jsonl",
        options=OPTIONS,
        templates=TEMPLATES,
    ),
    TaskSpec(
        "hellaswag",
        "HellaSwag: choose the ending that continues a text",
        open_hellaswag,
        sample_data=SAMPLES / "hellaswag.jsonl",
        sample_shots=SAMPLES / "hellaswag.shots.jsonl",
        hub=HubDataset("Rowan/hellaswag"),
        options={
            "split": f"part of the file with both: {' or '.join(SPLITS)} (default {SPLITS[0]})",
            **OPTIONS,
        },
        templates=HELLASWAG_TEMPLATES,
    ),
)
