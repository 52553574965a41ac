"""The registered metrics; what they need is imported when they are opened."""

from __future__ import annotations

from harness.authoring.grading import Grader, MetricSpec
from harness.errors import UsageError

GENERATION = ("generation",)


def _numbers(field: str) -> Grader[str]:
    from harness_grounding.metrics import overlap

    return overlap.number_precision(field)


def _names(field: str) -> Grader[str]:
    from harness_grounding.metrics import overlap

    return overlap.name_precision(field)


def _entities(field: str) -> Grader[str]:
    from harness_grounding.metrics import overlap

    return overlap.entity_precision(field)


def _overlap(field: str) -> Grader[str]:
    from harness_grounding.metrics import overlap

    return overlap.SourceOverlap(field)


def _entailment(checkpoint: str) -> Grader[str]:
    from harness_grounding.metrics import entailment

    if not checkpoint:
        raise UsageError(
            "grounding.entailment names no checkpoint",
            "Give one: grounding.entailment:CHECKPOINT, a classifier of entailment.",
        )
    return entailment.Entailment(checkpoint)


SPECS = (
    MetricSpec(
        "grounding.numbers",
        "number_precision: share of an answer's numbers that its source has",
        GENERATION,
        _numbers,
        "FIELD",
    ),
    MetricSpec(
        "grounding.names",
        "name_precision: share of the words of names that the source has",
        GENERATION,
        _names,
        "FIELD",
    ),
    MetricSpec(
        "grounding.entities",
        "entity_precision: share of whole names that stand in the source as one",
        GENERATION,
        _entities,
        "FIELD",
    ),
    MetricSpec(
        "grounding.overlap",
        "source_rouge1, source_rouge2, source_rougeL: precision against the source",
        GENERATION,
        _overlap,
        "FIELD",
    ),
    MetricSpec(
        "grounding.entailment",
        "entailment, supported_claims: does the source entail each sentence",
        GENERATION,
        _entailment,
        "CHECKPOINT",
    ),
)
