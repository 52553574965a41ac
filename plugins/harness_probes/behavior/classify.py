"""Asking for the label of several texts of one sample, and reading their probabilities.

From generated text, the label that is named has probability 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from harness.authoring import options, templates
from harness.authoring.answers import choices
from harness.authoring.measures import predictions
from harness.authoring.metrics import UNREAD
from harness.errors import UsageError
from harness.protocols import Metric, TaskOptions
from harness.types import (
    Classify,
    Completion,
    Generate,
    Request,
    Response,
    Sample,
    Sampling,
    ScoreValue,
)

Chances: TypeAlias = tuple[float, ...]

TEMPLATES = {
    "default": "{{ text }}\nQuestion: Is this sentence "
    "{{ (labels[:0:-1] | join(', ')) ~ ' or ' ~ labels[0] }}?\nAnswer:",
    "review": "Review: {{ text }}\nSentiment:",
}
OPTIONS = {
    "labels": "the labels' words in the order of their numbers, separated by commas",
    "scoring": "loglikelihood of the labels, classify (a classification head), or generate",
}


@dataclass(frozen=True, slots=True)
class Labeller:
    """How a text becomes requests, and their responses probabilities of the labels."""

    labels: tuple[str, ...]
    scoring: str
    template: str
    source: str

    @classmethod
    def of(cls, chosen: TaskOptions, default: tuple[str, ...]) -> Labeller:
        """What the user chose.

        Raises:
            UsageError: The labels are not as many as those of the data, or not different.
        """
        given = chosen.values.get("labels")
        labels = default if given is None else tuple(each.strip() for each in given.split(","))
        if len(set(labels)) != len(default) or not all(labels):
            raise UsageError(f"labels={given} is not a list of {len(default)} different labels")
        name, source = templates.choose(TEMPLATES, chosen.templates, chosen.values.get("template"))
        scoring = options.scoring(chosen, ["loglikelihood", "classify", "generate"])
        return cls(labels, scoring, name, source)

    @property
    def settings(self) -> dict[str, str]:
        """How the model is asked, in words."""
        how = {"scoring": self.scoring, "labels": ", ".join(self.labels)}
        if self.scoring == "generate":
            how["answer"] = "the label that the text names has probability 1; else unread, wrong"
        return how if self.scoring == "classify" else {**how, "template": self.template}

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What generated text adds to a task's metrics."""
        return (UNREAD,) if self.scoring == "generate" else ()

    def unread(self, chances: Sequence[Chances | None]) -> dict[str, ScoreValue]:
        """The value of ``metrics``: the share of the texts without a label."""
        if self.scoring != "generate":
            return {}
        return {UNREAD.name: sum(each is None for each in chances) / len(chances)}

    def requests(self, texts: Sequence[str]) -> list[Request]:
        """All texts' requests, one after the other."""
        return [request for text in texts for request in self._of_text(text)]

    def probabilities(
        self, texts: Sequence[str], responses: Sequence[Response]
    ) -> list[Chances | None]:
        """Each text's probabilities, in the order of the labels; None where it is unread."""
        if self.scoring == "generate":
            return [self._read(response) for response in responses]
        found: list[Chances | None] = []
        step = len(responses) // len(texts)
        for place, text in enumerate(texts):
            answers = responses[place * step : (place + 1) * step]
            chances = predictions.distribution(Sample("", ""), self._of_text(text), answers)
            assert chances is not None
            found.append(tuple(chances.values()))
        return found

    def _of_text(self, text: str) -> list[Request]:
        if self.scoring == "classify":
            return [Classify(text, self.labels)]
        prompt = templates.render(self.source, {"text": text, "labels": self.labels})
        if self.scoring == "generate":
            return [Generate(prompt, Sampling(max_tokens=16, stop=("\n",)))]
        return list(choices.loglikelihoods(prompt, self.labels))

    def _read(self, response: Response) -> Chances | None:
        assert isinstance(response, Completion)
        named = choices.read(response.text, [[label] for label in self.labels])
        if named is None:
            return None
        return tuple(float(index == named) for index in range(len(self.labels)))


def best(chances: Sequence[float]) -> int:
    """The number of the likeliest label; the first of equal ones."""
    return choices.best(chances)
