"""How this package registers a task: with the sample data that ship with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from harness.authoring.options import lazily
from harness.protocols import Task, TaskOptions, TaskSpec
from harness.types import HubDataset

SAMPLES = Path(__file__).parent / "samples"


def spec(
    path: str,
    description: str,
    make: Callable[[TaskOptions], Task],
    *,
    options: str,
    templates: Mapping[str, str],
    hub: HubDataset | None = None,
) -> TaskSpec:
    """The spec of a task.

    Args:
        path: Where its sample data, and examples for them, lie under samples.
        description: One line for ``harness ls``.
        make: Opens it.
        options: Name of its model in ``settings``.
        templates: Name → source.
        hub: Where the full set lies.
    """
    return TaskSpec(
        path.rpartition("/")[2],
        description,
        make,
        sample_data=SAMPLES / f"{path}.jsonl",
        sample_shots=SAMPLES / f"{path}.shots.jsonl",
        hub=hub,
        options=lazily("harness_tasks.settings", options),
        templates=templates,
    )
