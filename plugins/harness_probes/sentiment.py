"""Sentiment of any generated answer, by a classification checkpoint.

``sentiment`` is the mean probability of a positive label, over an answer's pieces, and
``positive_answers`` the share of answers with at least one half.
"""

from __future__ import annotations

from statistics import fmean

from harness.authoring.grading import Grader
from harness.errors import UsageError
from harness_probes import classified
from harness_probes.classified import Meaning

POSITIVE = Meaning(
    "sentiment",
    "positive_answers",
    "positive",
    frozenset({"positive", "pos", "verypositive"}),
    fmean,
    higher_is_better=None,
)


def open_sentiment(argument: str) -> Grader[str]:
    """A classifier.

    Raises:
        UsageError: None is named.
    """
    if not argument:
        raise UsageError(
            "sentiment names no classifier",
            "Give one: sentiment:CHECKPOINT or sentiment:CHECKPOINT@LABEL",
        )
    return classified.opened(POSITIVE, argument)
