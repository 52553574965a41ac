"""``faithfulness`` and ``halueval``: is this claim supported by the text?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from harness.authoring import multiple_choice, options
from harness.authoring.multiple_choice import Asking, Choice
from harness.authoring.readers.labels import Labels
from harness.protocols import Task, TaskOptions
from harness.types import Classify, ClassProbs, DataSource, Request, Response, Sample
from harness_grounding.tasks.readers import NO, YES, read_faithfulness, read_halueval
from harness_grounding.tasks.templates import ANSWER_TEMPLATES, CLAIM_TEMPLATES

LABELS = (NO, YES)
ENTAILMENT = ("entailment", "neutral", "contradiction")


@dataclass(frozen=True, slots=True)
class _Claims(Asking):
    """Asks about a claim; a classifier of entailment reads text and claim as a pair."""

    def requests(self, sample: Sample, shots: Sequence[Sample] = ()) -> Sequence[Request]:
        """See ``Asking``."""
        if self.scoring != "classify":
            return Asking.requests(self, sample, shots)
        return [Classify(str(sample.metadata["source"]), ENTAILMENT, sample.input)]

    def choice(self, sample: Sample, responses: Sequence[Response]) -> Choice:
        """See ``Asking``; yes is what the text entails."""
        if self.scoring != "classify":
            return Asking.choice(self, sample, responses)
        response = responses[0]
        assert isinstance(response, ClassProbs)
        entailed = response.probabilities[0]
        right = LABELS.index(sample.targets[0])
        chances = (1 - entailed, entailed)
        return Choice(int(entailed >= 0.5), LABELS, right, LABELS, probabilities=chances)


Reader = Callable[[DataSource], Iterable[Sample]]


def _open(name: str, reader: Reader, templates: Mapping[str, str], chosen: TaskOptions) -> Task:
    from harness.authoring.measures.detection import grader
    from harness_grounding.tasks.settings import Claims

    asked = multiple_choice.asking_for(
        chosen,
        templates,
        "claim",
        scoring=options.scoring(chosen, multiple_choice.SCORINGS),
        max_tokens=options.read(Claims, chosen, name).max_tokens,
        stop=("\n",),
        labels=LABELS,
    )
    asking = _Claims(asked.scoring, asked.prompt, asked.sampling, LABELS, asked.lettered)
    settings = multiple_choice.settings_of(asking, read="the yes or no that the text says")
    if asking.scoring == "classify":
        settings["labels"] = "yes: entailment of at least 0.5; no: the rest"
    return multiple_choice.task(
        name,
        reader,
        asking,
        [grader(asking.scoring != "generate")],
        settings=settings,
        decisive=("scoring", "labels", "template"),
        without_hub="FILE",
    )


def open_faithfulness(chosen: TaskOptions) -> Task:
    """Is a claim supported by its source: QAGS, FRANK, XSum's annotations, own rows."""
    reader = partial(read_faithfulness, labels=Labels.of(LABELS, chosen))
    return _open("faithfulness", reader, CLAIM_TEMPLATES, chosen)


def open_halueval(chosen: TaskOptions) -> Task:
    """Is an answer free of hallucinations."""
    return _open("halueval", read_halueval, ANSWER_TEMPLATES, chosen)
