"""Asking for the label of several texts of one sample, and reading their probabilities.

From generated text, the label that is named has probability 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from harness.authoring import multiple_choice, options
from harness.authoring.answers import choices
from harness.authoring.metrics import UNREAD
from harness.authoring.multiple_choice import Asking
from harness.authoring.tasks import ComposedTask
from harness.errors import UsageError
from harness.protocols import Metric, Task, TaskOptions
from harness.types import DataSource, Request, Response, Sample, ScoreValue

Chances: TypeAlias = tuple[float, ...]

TEMPLATES = {
    "default": "{{ text }}\nQuestion: Is this sentence "
    "{{ (labels[:0:-1] | join(', ')) ~ ' or ' ~ labels[0] }}?\nAnswer:",
    "review": "Review: {{ text }}\nSentiment:",
}


@dataclass(frozen=True, slots=True)
class Labeller:
    """How a text becomes requests, and their responses probabilities of the labels."""

    asking: Asking

    @classmethod
    def of(cls, chosen: TaskOptions, default: tuple[str, ...], task: str) -> Labeller:
        """What the user chose.

        Raises:
            UsageError: The labels are not as many as those of the data, or not different.
        """
        from harness_probes.settings import Labelled

        labels = options.read(Labelled, chosen, task).labels or default
        if len(set(labels)) != len(default) or len(labels) != len(default):
            given = chosen.values.get("labels")
            raise UsageError(f"labels={given} is not a list of {len(default)} different labels")
        scoring = options.scoring(chosen, multiple_choice.SCORINGS)
        return cls(
            multiple_choice.asking_for(
                chosen,
                TEMPLATES,
                "text",
                scoring=scoring,
                max_tokens=16,
                stop=("\n",),
                labels=labels,
            )
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels in their order."""
        return self.asking.labels

    def task(
        self,
        name: str,
        reader: Callable[[DataSource], Iterable[Sample]],
        texts_of: Callable[[Sample], Sequence[str]],
        grade: Callable[[Sample, Sequence[Chances | None]], Mapping[str, ScoreValue]],
        metrics: Sequence[Metric],
        notes: Mapping[str, str] | None = None,
    ) -> Task:
        """A task that asks for the label of each text of a sample.

        Args:
            name: What users call it.
            reader: Streams the samples.
            texts_of: A sample's texts.
            grade: The values of ``metrics`` from each text's probabilities, None where unread.
            metrics: What is reported; for generated text ``unread`` is added, the share of texts
                without a label.
            notes: Further settings, in words.
        """
        how = multiple_choice.settings_of(self.asking)
        generated = self.asking.scoring == "generate"
        if generated:
            del how["max_tokens"]
            how["answer"] = "the label that the text names has probability 1; else unread, wrong"

        def ask(sample: Sample, shots: Sequence[Sample]) -> Sequence[Request]:  # noqa: ARG001
            """The labels of every text; solved examples would change what is tested."""
            texts = map(self._sample, texts_of(sample))
            return [request for each in texts for request in self.asking.requests(each)]

        def score(sample: Sample, responses: Sequence[Response]) -> Mapping[str, ScoreValue]:
            found = self._chances(texts_of(sample), responses)
            unread = sum(each is None for each in found) / len(found)
            return {**grade(sample, found), **({UNREAD.name: unread} if generated else {})}

        return ComposedTask(
            name=name,
            metrics=(*metrics, *([UNREAD] if generated else [])),
            settings={**how, **(notes or {})},
            reader=reader,
            ask=ask,
            grade=score,
            version="2",
            decisive=("scoring", "labels", "template"),
            without_hub="FILE",
        )

    def _sample(self, text: str) -> Sample:
        return Sample("", text, targets=self.labels[:1])

    def _chances(self, texts: Sequence[str], responses: Sequence[Response]) -> list[Chances | None]:
        """Each text's probabilities, in the order of the labels; None where it is unread."""
        step = len(responses) // len(texts)
        found: list[Chances | None] = []
        for place, text in enumerate(texts):
            of_text = responses[place * step : (place + 1) * step]
            choice = self.asking.choice(self._sample(text), of_text)
            if choice.probabilities:
                found.append(tuple(choice.probabilities))
            elif choice.index is None:
                found.append(None)
            else:
                places = range(len(self.labels))
                found.append(tuple(float(place == choice.index) for place in places))
        return found


def best(chances: Sequence[float]) -> int:
    """The number of the likeliest label; the first of equal ones."""
    return choices.best(chances)
