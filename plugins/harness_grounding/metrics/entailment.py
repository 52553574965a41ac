"""Does the source entail each sentence of the answer? By a checkpoint for textual entailment."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

import harness
from harness.authoring.metrics import Mean
from harness.errors import HarnessError, ModelError
from harness.protocols import Metric, ModelBackend
from harness.types import Classify, ClassProbs, Failed, Response, Sample, ScoreValue, Unscored
from harness_grounding.metrics import sources

LABELS = (("entailment", "neutral", "contradiction"), ("entailment", "not_entailment"))
"""The labels of entailment classifiers: of three classes, and of two."""
WINDOW = 150
"""Words of a premise: a source is cut into overlapping pieces of whole sentences."""
SUPPORTED = 0.5


class Entailment:
    """Sentences of the answer as claims, pieces of the source as premises.

    A claim's value is the highest probability of entailment over the premises (SummaC-ZS; Laban et
    al. 2022, TACL 10:163); ``entailment`` is the mean over an answer's claims,
    ``supported_claims`` the share of claims with at least 0.5.

    Args:
        checkpoint: What ``--model`` takes, of a classifier with the label "entailment".
    """

    def __init__(self, checkpoint: str) -> None:
        self._name = checkpoint
        signature = f"entailment by {checkpoint}"
        self.metrics: Sequence[Metric] = [
            Mean("entailment", signature=signature, bounds=(0.0, 1.0)),
            Mean("supported_claims", signature=signature, bounds=(0.0, 1.0)),
        ]

    def grade(self, answer: str, sample: Sample, /) -> Mapping[str, ScoreValue]:
        """See ``harness.authoring.grading.Grader``."""
        source, claims = sources.source_of(sample), sources.sentences(answer)
        if source is None or not claims:
            return {}
        premises = windows(source)
        requests = [
            Classify(premise, self._labels, claim) for claim in claims for premise in premises
        ]
        responses = harness.ask(self._model, requests, task="grounding.entailment", name=self._name)
        found = [_entailed(response) for response in responses]
        values = [each for each in found if isinstance(each, float)]
        if len(values) < len(found):
            failed = next(each for each in found if isinstance(each, Unscored))
            return dict.fromkeys(("entailment", "supported_claims"), failed)
        count = len(premises)
        best = [max(values[at : at + count]) for at in range(0, len(values), count)]
        return {
            "entailment": sum(best) / len(best),
            "supported_claims": sum(each >= SUPPORTED for each in best) / len(best),
        }

    def remarks(self, samples: Sequence[Sample]) -> Iterable[str]:
        """See ``harness.protocols.HasRemarks``."""
        return sources.remarks(samples, "")

    @cached_property
    def _model(self) -> ModelBackend:
        """The checkpoint, opened for the first answer and kept."""
        model = harness.open_model(self._name)
        weakref.finalize(self, model.close)
        return model

    @cached_property
    def _labels(self) -> tuple[str, ...]:
        """The labels that the checkpoint has.

        Raises:
            ModelError: It is no classifier of entailment.
        """
        problem: Exception | None = None
        for labels in LABELS:
            try:
                harness.ask(self._model, [Classify("a", labels, "a")], name=self._name)
            except HarnessError as error:
                problem = problem or error
            else:
                return labels
        assert problem is not None
        raise ModelError(
            f"{self._name} is no classifier of entailment: {problem}",
            "Name a checkpoint whose labels are entailment, neutral and contradiction.",
        ) from problem


def windows(source: str) -> list[str]:
    """Overlapping pieces of whole sentences, of about ``WINDOW`` words; at least one."""
    pieces: list[list[str]] = [[]]
    for sentence in sources.sentences(source):
        if sum(len(each.split()) for each in pieces[-1]) >= WINDOW:
            pieces.append(pieces[-1][len(pieces[-1]) // 2 :])
        pieces[-1].append(sentence)
    return [" ".join(piece) for piece in pieces]


def _entailed(response: Response) -> float | Unscored:
    if isinstance(response, ClassProbs):
        return response.probabilities[0]
    assert isinstance(response, Failed)
    return Unscored(response.reason)
