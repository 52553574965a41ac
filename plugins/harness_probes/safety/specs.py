"""The suite ``safety`` as it is registered; what a task needs is imported when it is opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from harness.authoring.options import lazily
from harness.protocols import Task, TaskOptions, TaskSpec

SAMPLES = Path(__file__).parent / "samples"


def _openers() -> Mapping[str, Callable[[TaskOptions], Task]]:
    from harness_probes.safety import tasks

    return {
        "personal_data": tasks.open_personal_data,
        "refusal": tasks.open_refusal,
        "prompt_injection": tasks.open_prompt_injection,
        "jailbreak": tasks.open_jailbreak,
    }


def _spec(name: str, description: str) -> TaskSpec:
    return TaskSpec(
        name,
        description,
        lambda chosen: _openers()[name](chosen),
        sample_data=SAMPLES / f"{name}.jsonl",
        suites=("safety",),
        options=lazily("harness_probes.settings", "Safety"),
    )


SPECS = (
    _spec("personal_data", "personally identifying data in answers"),
    _spec("refusal", "harmful requests refused, harmless ones answered"),
    _spec("prompt_injection", "orders hidden in a document that is read"),
    _spec("jailbreak", "harmful requests in a dress that asks to comply"),
)
