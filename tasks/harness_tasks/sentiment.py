"""Sentiment of a text: SST-2, and your own data with labels of your own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from harness.authoring import multiple_choice, options
from harness.authoring.readers import rows, text_files
from harness.authoring.readers.labels import OPTION as LABEL_MAP
from harness.authoring.readers.labels import Labels
from harness.authoring.readers.rows import Header, Place
from harness.authoring.readers.samples import read, shared
from harness.authoring.readers.text_files import Row
from harness.errors import DataError, UsageError
from harness.protocols import Task, TaskOptions
from harness.types import (
    DataSource,
    HubDataset,
    Sample,
)
from harness_tasks.specs import METRICS, spec

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
    **METRICS,
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
    from harness_tasks.metrics import choices, classification
    from harness_tasks.metrics.evaluate_library import library_metrics

    names = Labels.of(labels, chosen)
    asking = multiple_choice.asking_for(
        chosen,
        known,
        "text",
        scoring=options.scoring(chosen, multiple_choice.SCORINGS),
        max_tokens=16,
        stop=("\n",),
        labels=labels,
    )
    graders = [classification.grader()]
    if asking.scoring != "generate":
        graders.append(choices.calibration_grader())
    return multiple_choice.task(
        name,
        lambda data: read_texts(data, names),
        asking,
        graders,
        library_metrics(chosen, graders),
        settings=multiple_choice.settings_of(asking, read="the label that the text names"),
        version=VERSION,
        decisive=("scoring", "labels", "template"),
    )


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
    spec(
        "sentiment/sst2",
        "SST-2: is a sentence from a film review positive or negative",
        open_sst2,
        hub=HubDataset("stanfordnlp/sst2"),
        options=OPTIONS,
        templates=SST2_TEMPLATES,
    ),
    spec(
        "sentiment/sentiment",
        "sentiment of your own texts, with your own labels",
        open_sentiment,
        options={
            "labels": "the labels, separated by commas (default negative,positive)",
            **OPTIONS,
        },
        templates=TEMPLATES,
    ),
)
