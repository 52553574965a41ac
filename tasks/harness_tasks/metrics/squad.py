"""Exact match and F1 as the official SQuAD scripts define them.

Rajpurkar et al. 2016 (evaluate-v1.1.py) and Rajpurkar, Jia and Liang 2018 (evaluate-v2.0.py).
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.metrics import Mean
from harness.protocols import Metric
from harness.types import Sample, ScoreValue

UNANSWERABLE = "unanswerable"

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalize(text: str) -> str:
    """Lower case, ASCII punctuation dropped, then the articles; white space folded."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def exact_match(prediction: str, reference: str) -> float:
    """1 where the normalized texts are equal, else 0."""
    return float(normalize(prediction) == normalize(reference))


def f1(prediction: str, reference: str, empty_can_match: bool) -> float:
    """Harmonic mean of precision and recall on multisets of normalized tokens, in [0, 1].

    Args:
        prediction: The answer.
        reference: The accepted answer.
        empty_can_match: Version 2's rule, by which two empty texts match; in version 1 they
            share no token and score 0.
    """
    ours, theirs = normalize(prediction).split(), normalize(reference).split()
    if empty_can_match and not (ours and theirs):
        return float(ours == theirs)
    common = sum((Counter(ours) & Counter(theirs)).values())
    if common == 0:
        return 0.0
    precision, recall = common / len(ours), common / len(theirs)
    return 2 * precision * recall / (precision + recall)


@dataclass(frozen=True, slots=True)
class SquadV1:
    """``exact_match`` and ``f1``, the best over the references.

    A question without an answer (a version 2 file) is graded by version 2's rule.
    """

    metrics: Sequence[Metric] = (
        Mean("exact_match", bounds=(0.0, 1.0)),
        Mean("f1", bounds=(0.0, 1.0)),
    )

    def grade(self, prediction: str, sample: Sample) -> Mapping[str, ScoreValue]:
        """See ``harness_tasks.base.Grader``."""
        if not sample.targets:
            return SquadV2(split=False).grade(prediction, sample)
        return {
            "exact_match": max(exact_match(prediction, each) for each in sample.targets),
            "f1": max(f1(prediction, each, empty_can_match=False) for each in sample.targets),
        }


@dataclass(frozen=True, slots=True)
class SquadV2:
    """As ``SquadV1`` with unanswerable questions: there only an empty prediction is right.

    A prediction of the word "unanswerable" counts as empty: a model that writes text has no
    other way to say so. ``split`` adds the answerable and unanswerable questions' own metrics.
    """

    split: bool = True

    @property
    def metrics(self) -> Sequence[Metric]:
        """See ``harness_tasks.base.Grader``."""
        names = ["exact_match", "f1"]
        if self.split:
            names += ["hasans_exact_match", "hasans_f1", "noans_exact_match"]
        return [Mean(name, bounds=(0.0, 1.0)) for name in names]

    def grade(self, prediction: str, sample: Sample) -> Mapping[str, ScoreValue]:
        """See ``harness_tasks.base.Grader``."""
        if normalize(prediction) == UNANSWERABLE:
            prediction = ""
        references = [each for each in sample.targets if normalize(each)]
        exact = max(exact_match(prediction, each) for each in references or [""])
        overlap = max(f1(prediction, each, empty_can_match=True) for each in references or [""])
        values: dict[str, ScoreValue] = {"exact_match": exact, "f1": overlap}
        if not self.split:
            return values
        if sample.targets:
            return {**values, "hasans_exact_match": exact, "hasans_f1": overlap}
        return {**values, "noans_exact_match": exact}
