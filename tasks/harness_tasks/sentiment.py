"""Sentiment of a text: SST-2, and your own data with labels of your own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.authoring import options
from harness.authoring.answers import choices
from harness.authoring.measures import predictions
from harness.authoring.metrics import UNREAD
from harness.authoring.readers import rows, text_files
from harness.authoring.readers.labels import OPTION as LABEL_MAP
from harness.authoring.readers.labels import Labels
from harness.authoring.readers.rows import Header, Place
from harness.authoring.readers.text_files import Row
from harness.errors import DataError, UsageError
from harness.protocols import Metric, Task, TaskOptions, TaskSpec
from harness.types import (
    Classify,
    ClassProbs,
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
from harness_tasks.rows import read, shared

SAMPLES = Path(__file__).parent / "samples"
FIELDS = frozenset({"text", "label", "sentence", "idx"})
VERSION = "2"
"""Version 2: a generated answer that names no label is wrong; of sentiment also: a number names the
label of that numeral, where labels are numerals."""
HEADER = Header(FIELDS, absent=("text", "label"))
SST2_LABELS = ("negative", "positive")

SST2_TEMPLATES = {
    "default": "{{ text }}\nQuestion: Is this sentence positive or negative?\nAnswer:",
    "review": "Review: {{ text }}\nSentiment:",
    "instruct": "Is the sentiment of this text positive or negative? "
    "Answer with that one word.\n\n{{ text }}\n\nSentiment:",
}
TEMPLATES = {
    "default": "{{ text }}\nQuestion: Is this sentence "
    "{{ (labels[:0:-1] | join(', ')) ~ ' or ' ~ labels[0] }}?\nAnswer:",
    "review": "Review: {{ text }}\nSentiment:",
    "instruct": "Is the sentiment of this text {{ (labels[:0:-1] | join(', ')) ~ ' or ' "
    "~ labels[0] }}? Answer with one of these.\n\n{{ text }}\n\nSentiment:",
}
OPTIONS = {
    "scoring": "loglikelihood of the labels, classify (a classification head) or generate",
    **LABEL_MAP,
    "max_tokens": "longest generated answer in tokens (default 16)",
    "metrics": "further metrics: evaluate:NAME_OR_PATH, separated by commas",
}


def open_sst2(chosen: TaskOptions) -> Task:
    """SST-2: sentences from film reviews."""
    return _open("sst2", SST2_LABELS, SST2_TEMPLATES, chosen)


def open_sentiment(chosen: TaskOptions) -> Task:
    """Your own texts and labels."""
    text = chosen.values.get("labels", ",".join(SST2_LABELS))
    labels = tuple(label.strip() for label in text.split(","))
    if len(labels) < 2 or len(set(labels)) < len(labels) or not all(labels):
        raise UsageError(f"labels={text} is not a list of at least two different labels")
    return _open("sentiment", labels, TEMPLATES, chosen)


def _open(
    name: str, labels: tuple[str, ...], known: Mapping[str, str], chosen: TaskOptions
) -> Task:
    from harness_tasks.metrics.choices import calibration, calibration_metrics
    from harness_tasks.metrics.classification import metrics, values
    from harness_tasks.metrics.evaluate_library import library_metrics

    template, source = prompts.choose(known, chosen)
    scoring = options.scoring(chosen, ["loglikelihood", "classify", "generate"])
    more = (UNREAD,) if scoring == "generate" else calibration_metrics()
    own = (*metrics(), *more)
    return SentimentTask(
        name=name,
        known=Labels.of(labels, chosen),
        scoring=scoring,
        prompt=prompts.Prompt(
            template,
            source,
            "text",
            lambda sample: sample.targets[0],
            more=lambda _: {"labels": labels},
        ),
        sampling=Sampling(max_tokens=options.integer(chosen, "max_tokens", 16), stop=("\n",)),
        own_metrics=own,
        values=values,
        calibration=calibration,
        graders=library_metrics(chosen, {metric.name for metric in own}),
    )


@dataclass(frozen=True, slots=True)
class SentimentTask:
    """The label of a text, by the labels' log-probabilities, a classification head or text."""

    name: str
    known: Labels
    scoring: str
    prompt: prompts.Prompt
    sampling: Sampling
    own_metrics: tuple[Metric, ...]
    values: Callable[[int, int | None, int], dict[str, ScoreValue]]
    calibration: Callable[[Sequence[float], int], dict[str, ScoreValue]]
    graders: tuple[Grader, ...]
    version: str = VERSION

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels in their order."""
        return self.known.names

    @property
    def metrics(self) -> Sequence[Metric]:
        """See ``harness.protocols.Task``."""
        return (*self.own_metrics, *metrics_of(self.graders))

    @property
    def scored_by(self) -> tuple[str, ...]:
        """See ``harness.protocols.DeclaresScoring``."""
        return ("scoring", "labels", "template")

    @property
    def settings(self) -> Mapping[str, str]:
        """How the model is asked, in words."""
        how = {"scoring": self.scoring, "labels": ", ".join(self.labels)}
        if self.scoring == "classify":
            return how
        how["template"] = self.prompt.name
        if self.scoring == "generate":
            how["max_tokens"] = str(self.sampling.max_tokens)
            how["answer"] = "the label that the text names, by docs/tasks.md; else unread, wrong"
        return how

    def samples(self, data: DataSource) -> Iterable[Sample]:
        """See ``harness.protocols.Task``."""
        return read_texts(data, self.known)

    def requests(self, sample: Sample, shots: Sequence[Sample]) -> Sequence[Request]:
        """One request, or one a label with ``scoring=loglikelihood``."""
        if self.scoring == "classify":
            return [Classify(sample.input, self.labels)]
        prompt = self.prompt(sample, shots)
        if self.scoring == "loglikelihood":
            return choices.loglikelihoods(prompt, self.labels)
        return [Generate(prompt, self.sampling)]

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, ScoreValue]:
        """The metrics' values of the label that was chosen; the first of equal ones."""
        predicted = self._predicted(responses)
        given = completion(responses) if predicted is None else self.labels[predicted]
        truth = self.labels.index(sample.targets[0])
        probabilities = self._probabilities(responses)
        return {
            **self.values(truth, predicted, len(self.labels)),
            **(
                {"unread": float(predicted is None)}
                if probabilities is None
                else self.calibration(probabilities, truth)
            ),
            **grade_all(self.graders, given, sample),
        }

    def _predicted(self, responses: Sequence[Response]) -> int | None:
        if self.scoring == "generate":
            return choices.read(completion(responses), [[label] for label in self.labels])
        if isinstance(responses[0], ClassProbs):
            return choices.best(responses[0].probabilities)
        return choices.best(choices.totals(responses))

    def _probabilities(self, responses: Sequence[Response]) -> Sequence[float] | None:
        """The labels' probabilities; None where the answer is text."""
        if self.scoring == "generate":
            return None
        if isinstance(responses[0], ClassProbs):
            return responses[0].probabilities
        return predictions.softmax(choices.totals(responses))


# --------------------------------------------------------------------------- readers


def read_texts(source: DataSource, labels: Labels) -> Iterator[Sample]:
    """Streams rows of any format (``text`` or ``sentence``, ``label``), or TEXT<TAB>LABEL lines.

    Raises:
        DataError: A file or row cannot be read, or has another label.
    """

    def read_tabbed(path: Path) -> Iterator[Sample] | None:
        _, first = next(text_files.lines(path), (1, ""))
        headed = not FIELDS.isdisjoint(each.strip() for each in first.split("\t"))
        if rows.suffix(path) == ".tsv" and (headed or source.columns):
            return None
        return _read_tabbed(path, labels)

    def read_row(row: Row, place: Place) -> Sample:
        text = place.text(row, "sentence" if "sentence" in row else "text")
        label = place.field(row, "label", (str, int, float, bool))
        if "id" not in row and "idx" in row:
            row = {**row, "id": row["idx"]}
        arguments = shared(row, place, text, FIELDS)
        return Sample(input=text, targets=(labels.name(label, place),), **arguments)

    return read(source, read_row, HEADER, files={".tsv": read_tabbed, ".txt": read_tabbed})


def _read_tabbed(path: Path, labels: Labels) -> Iterator[Sample]:
    """A text a line, and its label after the last tab: a text may hold tabs, too."""
    filled = [(number, line) for number, line in text_files.lines(path) if line.strip()]
    tabs = {line.count("\t") for _, line in filled}
    if len(filled) > 1 and len(tabs) == 1 and tabs != {1} and tabs != {0}:
        raise DataError(
            f"{tabs.pop() + 1} columns without a header",
            path=path,
            line=filled[0][0],
            expected="TEXT<TAB>LABEL, or a first line that names the columns: text, label, …",
        )
    for number, line in filled:
        place = Place(path, number)
        text, tab, label = line.rpartition("\t")
        if not (tab and text.strip()):
            raise place.error(f"no text before a tab: {line[:60]!r}", "TEXT<TAB>LABEL")
        yield Sample(str(number), text, (labels.name(label.strip(), place),))


SPECS = (
    TaskSpec(
        "sst2",
        "SST-2: is a sentence from a film review positive or negative",
        open_sst2,
        sample_data=SAMPLES / "sst2.jsonl",
        sample_shots=SAMPLES / "sst2.shots.jsonl",
        hub=HubDataset("stanfordnlp/sst2"),
        options=OPTIONS,
        templates=SST2_TEMPLATES,
    ),
    TaskSpec(
        "sentiment",
        "sentiment of your own texts, with your own labels",
        open_sentiment,
        sample_data=SAMPLES / "sentiment.jsonl",
        sample_shots=SAMPLES / "sentiment.shots.jsonl",
        options={
            "labels": "the labels, separated by commas (default negative,positive)",
            **OPTIONS,
        },
        templates=TEMPLATES,
    ),
)
