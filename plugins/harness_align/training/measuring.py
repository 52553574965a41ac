"""The metric that ends a training early: a real task, run by the harness itself."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness import plugins
from harness.config import RunSpec
from harness.run import runner
from harness_align.evaluation import verdict
from harness_align.evaluation.verdict import Aim
from harness_align.spec import AlignSpec


@dataclass(frozen=True, slots=True)
class Look:
    """What a metric says of a checkpoint; ``standing`` is higher where that is better."""

    name: str
    value: float
    standing: float


def measure(spec: AlignSpec) -> Callable[[Path], Look]:
    """A function that measures a checkpoint folder.

    Raises:
        HarnessError: A plugin file or a task does not exist.
    """
    registry = plugins.load([Path(file) for file in spec.plugin_files])
    tasks = [each.name for each in registry.select_tasks(spec.stop_tasks)]
    aim = verdict.parse_aim(spec.stop_metric, tasks) if spec.stop_metric else Aim(tasks[0])
    folder = Path(spec.out) / "stopping" / "run"

    def measured(checkpoint: Path) -> Look:
        shutil.rmtree(folder, ignore_errors=True)
        run = runner.run(
            RunSpec(
                str(checkpoint),
                spec.stop_tasks,
                spec.stop_data,
                limit=spec.stop_limit,
                seed=spec.seed,
                out=folder,
                cache=False,
            ),
            registry,
        )
        found = verdict.named(aim, run.result)
        return Look(found.name, *verdict.standing(found, run.result))

    return measured
