"""How this package registers a task: with the sample data that ship with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from harness.protocols import Task, TaskOptions, TaskSpec
from harness.types import HubDataset

SAMPLES = Path(__file__).parent / "samples"
METRICS = {"metrics": "further metrics: evaluate:NAME_OR_PATH, separated by commas"}
"""The option of every task whose answers are texts."""


def spec(
    path: str,
    description: str,
    make: Callable[[TaskOptions], Task],
    *,
    options: Mapping[str, str],
    templates: Mapping[str, str],
    hub: HubDataset | None = None,
) -> TaskSpec:
    """The spec of a task whose sample data, and examples for them, lie at ``path`` of samples."""
    return TaskSpec(
        path.rpartition("/")[2],
        description,
        make,
        sample_data=SAMPLES / f"{path}.jsonl",
        sample_shots=SAMPLES / f"{path}.shots.jsonl",
        hub=hub,
        options=options,
        templates=templates,
    )
