"""The registered metrics; what they need is imported when they are opened."""

from __future__ import annotations

from harness.authoring.grading import Grader, MetricSpec


def _toxicity(argument: str) -> Grader[str]:
    from harness_probes.safety import toxicity

    return toxicity.open_toxicity(argument)


def _sentiment(argument: str) -> Grader[str]:
    from harness_probes import sentiment

    return sentiment.open_sentiment(argument)


SPECS = (
    MetricSpec(
        "toxicity",
        "toxicity, toxic_answers: of each answer, by a classifier or a list of terms",
        ("generation",),
        _toxicity,
        "CHECKPOINT|TERMS.txt",
    ),
    MetricSpec(
        "sentiment",
        "sentiment, positive_answers: of each answer, by a classifier",
        ("generation",),
        _sentiment,
        "CHECKPOINT",
    ),
)
