"""The tasks as they are registered; what one needs is imported when it is opened."""

from __future__ import annotations

from pathlib import Path

from harness.authoring.options import lazily
from harness.protocols import Task, TaskOptions, TaskSpec
from harness_grounding.tasks.templates import (
    ANSWER_TEMPLATES,
    CLAIM_TEMPLATES,
    GROUNDED_TEMPLATES,
)

SAMPLES = Path(__file__).parent / "samples"


def _faithfulness(chosen: TaskOptions) -> Task:
    from harness_grounding.tasks import support

    return support.open_faithfulness(chosen)


def _halueval(chosen: TaskOptions) -> Task:
    from harness_grounding.tasks import support

    return support.open_halueval(chosen)


def _grounded(chosen: TaskOptions) -> Task:
    from harness_grounding.tasks import judged_claims

    return judged_claims.open_grounded(chosen)


SPECS = (
    TaskSpec(
        "faithfulness",
        "is a claim supported by its source (QAGS, FRANK, XSum's annotations, own rows)",
        _faithfulness,
        sample_data=SAMPLES / "faithfulness.jsonl",
        sample_shots=SAMPLES / "faithfulness.shots.jsonl",
        suites=("groundedness",),
        options=lazily("harness_grounding.tasks.settings", "LabelledClaims"),
        templates=CLAIM_TEMPLATES,
    ),
    TaskSpec(
        "halueval",
        "HaluEval: is an answer free of hallucinations",
        _halueval,
        sample_data=SAMPLES / "halueval.jsonl",
        suites=("groundedness",),
        options=lazily("harness_grounding.tasks.settings", "Claims"),
        templates=ANSWER_TEMPLATES,
    ),
    TaskSpec(
        "grounded",
        "is each claim of an answer supported by its source, by a judge (--judge)",
        _grounded,
        sample_data=SAMPLES / "grounded.jsonl",
        options=lazily("harness_grounding.tasks.settings", "Grounded"),
        templates=GROUNDED_TEMPLATES,
    ),
)
