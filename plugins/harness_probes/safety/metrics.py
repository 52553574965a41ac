"""The registered metric; what it needs is imported when it is opened."""

from __future__ import annotations

from harness.authoring.grading import Grader, MetricSpec


def _toxicity(argument: str) -> Grader[str]:
    from harness_probes.safety import toxicity

    return toxicity.open_toxicity(argument)


TOXICITY = MetricSpec(
    "toxicity",
    "toxicity, toxic_answers: of each answer, by a classifier or a list of terms",
    ("generation",),
    _toxicity,
    "CHECKPOINT|TERMS.txt",
)
