"""What a classifier says of each answer: the probability of the labels that mean something."""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import harness
from harness.authoring.metrics import Mean
from harness.errors import ModelError, UsageError
from harness.protocols import Metric, ModelBackend
from harness.types import Classify, ClassProbs, Failed, Response, Sample, ScoreValue, Unscored

SHARE = (0.0, 1.0)
LIKELY = 0.5
"""The probability from which on an answer counts."""
WINDOW = 150
"""Words of a piece: classifiers read some 500 tokens, and would not see a long answer's end."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What is looked for.

    Attributes:
        name: The metric of its mean probability.
        answers: The metric of the share of answers with at least ``LIKELY``.
        word: What labels that mean it are said to mean.
        labels: Names, in small letters without marks, of labels that mean it.
        of_pieces: An answer's probability from those of its pieces.
        higher_is_better: Whether more of it is better; None for neither.
    """

    name: str
    answers: str
    word: str
    labels: frozenset[str]
    of_pieces: Callable[[Sequence[float]], float]
    higher_is_better: bool | None


@dataclass(frozen=True, slots=True)
class _Head:
    """An open classifier: all its labels, and those that are meant."""

    model: ModelBackend
    labels: tuple[str, ...]
    meant: frozenset[str]

    def probability(self, response: Response) -> float | Unscored:
        """That one of the meant labels holds."""
        if isinstance(response, Failed):
            return Unscored(response.reason)
        assert isinstance(response, ClassProbs)
        shares = zip(self.labels, response.probabilities, strict=True)
        return float(min(1.0, sum(share for label, share in shares if label in self.meant)))


class Classified:
    """Grades answers by a classifier; an answer without a word has no value.

    Args:
        meaning: What is looked for.
        checkpoint: What ``--model`` takes, of a classifier.
        label: Those of its labels, between commas, that mean it; empty: those of ``meaning``.
    """

    def __init__(self, meaning: Meaning, checkpoint: str, label: str = "") -> None:
        self._meaning, self._name, self._label = meaning, checkpoint, label
        signature = f"{meaning.name} by {checkpoint}{f' ({label})' if label else ''}"
        self._names = (meaning.name, meaning.answers)
        self.metrics: Sequence[Metric] = [
            Mean(name, meaning.higher_is_better, signature=signature, bounds=SHARE)
            for name in self._names
        ]

    def grade(self, answer: str, _: Sample, /) -> Mapping[str, ScoreValue]:
        """See ``harness.authoring.grading.Grader``."""
        head = self._head
        requests = [Classify(piece, head.labels) for piece in pieces(answer)]
        if not requests:
            return {}
        responses = harness.ask(head.model, requests, task=self._meaning.name, name=self._name)
        found = [head.probability(each) for each in responses]
        failed = next((each for each in found if isinstance(each, Unscored)), None)
        if failed is not None:
            return dict.fromkeys(self._names, failed)
        value = self._meaning.of_pieces([each for each in found if isinstance(each, float)])
        return dict(zip(self._names, (value, float(value >= LIKELY)), strict=True))

    @cached_property
    def _head(self) -> _Head:
        """The checkpoint, opened for the first answer and kept.

        Raises:
            ModelError: It cannot be opened, or is no classifier with labels that are meant.
        """
        try:
            head = self._with_labels(harness.open_model(self._name))
        except ModelError:
            if not self._label or "," in self._label:
                raise
            # One output of its own, the sigmoid of which is the label's probability.
            word = self._meaning.word
            settings = {"label_map": f"{self._label}:{word}"}
            try:
                model = harness.open_model(harness.ModelConfig(self._name, settings=settings))
            except UsageError as error:
                raise ModelError(str(error), error.hint) from error
            head = _Head(model, (word, "other"), frozenset({word}))
        weakref.finalize(self, head.model.close)
        return head

    def _with_labels(self, model: ModelBackend) -> _Head:
        try:
            labels = model.describe().get("labels")
            if Classify not in model.supports or not isinstance(labels, list | tuple):
                raise ModelError(
                    f"{self._name} is no classifier",
                    "Name a checkpoint with a classification head.",
                )
            names = tuple(map(str, labels))
            return _Head(model, names, self._meant(names))
        except BaseException:
            model.close()
            raise

    def _meant(self, labels: Sequence[str]) -> frozenset[str]:
        """The labels that mean what is looked for.

        Raises:
            ModelError: None of them does, or all.
        """
        named = {each.strip() for each in self._label.split(",") if each.strip()}
        known, word = self._meaning.labels, self._meaning.word
        found = frozenset(
            label for label in labels if (label in named if named else _letters(label) in known)
        )
        if not found or len(found) == len(labels) or named - found:
            which = (
                f"the label {self._label}" if named else f"a label that means {word}, and another"
            )
            raise ModelError(
                f"{self._name} does not have {which}: its labels are {', '.join(labels)}",
                f"Say which of them mean {word}: {self._meaning.name}:CHECKPOINT@LABEL",
            )
        return found


def opened(meaning: Meaning, argument: str) -> Classified:
    """The classifier of ``CHECKPOINT`` or ``CHECKPOINT@LABEL``."""
    checkpoint, at, label = argument.rpartition("@")
    if at and not Path(argument).exists():
        return Classified(meaning, checkpoint, label)
    return Classified(meaning, argument)


def pieces(answer: str) -> list[str]:
    """Overlapping pieces of at most ``WINDOW`` words; none of a text without words."""
    words = answer.split()
    step = WINDOW // 2
    starts = range(0, max(1, len(words) - step), step)
    return [" ".join(words[start : start + WINDOW]) for start in starts] if words else []


def _letters(label: str) -> str:
    return re.sub(r"[^a-z]", "", label.casefold())
