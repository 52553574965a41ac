"""The metric that ends a training early: a real task, run by the harness itself."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness import evaluate, load_plugins
from harness.authoring.metrics import MetricRef
from harness_align.evaluation import verdict
from harness_align.spec import AlignSpec


@dataclass(frozen=True, slots=True)
class Look:
    """A metric's value for a checkpoint; ``standing`` is higher where that is better."""

    name: str
    value: float
    standing: float


def measure(spec: AlignSpec) -> Callable[[Path], Look]:
    """A function that measures a checkpoint folder.

    Raises:
        HarnessError: A plugin file or a task does not exist.
    """
    registry = load_plugins([Path(file) for file in spec.plugin_files])
    tasks = [each.name for each in registry.select_tasks(spec.stop_tasks)]
    aim = MetricRef.parse(spec.stop_metric or tasks[0], tasks)
    folder = Path(spec.out) / "stopping" / "run"

    def measured(checkpoint: Path) -> Look:
        shutil.rmtree(folder, ignore_errors=True)
        result = evaluate(
            checkpoint,
            spec.stop_tasks,
            spec.stop_data,
            registry=registry,
            limit=spec.stop_limit,
            seed=spec.seed,
            out=folder,
            cache=False,
            **spec.stop_evaluation,
        )
        found = verdict.named(aim, result)
        return Look(found.name, *verdict.standing(found, result))

    return measured
