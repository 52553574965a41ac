"""Sentiment of a text: SST-2, and your own data with labels of your own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from harness.authoring import multiple_choice, options
from harness.authoring.readers.labels import Labels
from harness.authoring.readers.texts import read_labelled
from harness.protocols import Task, TaskOptions
from harness.types import HubDataset
from harness_tasks.specs import spec

if TYPE_CHECKING:
    from harness_tasks.settings import Sst2

VERSION = "2"
"""Version 2: a generated answer that names no label is wrong; of sentiment also: a number names the
label of that numeral, where labels are numerals."""
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


def open_sst2(chosen: TaskOptions) -> Task:
    """SST-2: sentences from film reviews."""
    from harness_tasks.settings import Sst2

    settings = options.read(Sst2, chosen, "sst2")
    return _open("sst2", SST2_LABELS, SST2_TEMPLATES, settings, chosen)


def open_sentiment(chosen: TaskOptions) -> Task:
    """Your own texts and labels."""
    from harness_tasks.settings import Sentiment

    settings = options.read(Sentiment, chosen, "sentiment")
    return _open("sentiment", settings.labels, TEMPLATES, settings, chosen)


def _open(
    name: str,
    labels: tuple[str, ...],
    known: Mapping[str, str],
    settings: Sst2,
    chosen: TaskOptions,
) -> Task:
    from harness_tasks.metrics import choices, classification
    from harness_tasks.metrics.evaluate_library import library_metrics

    names = Labels.of(labels, chosen)
    asking = multiple_choice.asking_for(
        chosen,
        known,
        "text",
        scoring=options.scoring(chosen, multiple_choice.SCORINGS),
        max_tokens=settings.max_tokens,
        stop=("\n",),
        labels=labels,
    )
    graders = [classification.grader()]
    if asking.scoring != "generate":
        graders.append(choices.calibration_grader())
    return multiple_choice.task(
        name,
        lambda data: read_labelled(data, names),
        asking,
        graders,
        library_metrics(chosen, graders),
        settings=multiple_choice.settings_of(asking, read="the label that the text names"),
        version=VERSION,
        decisive=("scoring", "labels", "template"),
    )


SPECS = (
    spec(
        "sentiment/sst2",
        "SST-2: is a sentence from a film review positive or negative",
        open_sst2,
        hub=HubDataset("stanfordnlp/sst2"),
        options="Sst2",
        templates=SST2_TEMPLATES,
    ),
    spec(
        "sentiment/sentiment",
        "sentiment of your own texts, with your own labels",
        open_sentiment,
        options="Sentiment",
        templates=TEMPLATES,
    ),
)
