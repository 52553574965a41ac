"""The metric that ends a training early: a real task, run by the harness itself."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from harness import plugins, runner
from harness.config import RunSpec
from harness.errors import UnknownNameError
from harness_align.adapter_backend import model_name
from harness_align.spec import AlignSpec


def measure(spec: AlignSpec) -> Callable[[Path], tuple[str, float, bool]]:
    """A function from a checkpoint to (metric's name, its value, whether higher is better).

    Raises:
        HarnessError: A plugin file or a task does not exist.
    """
    registry = plugins.load([Path(file) for file in spec.plugin_files])
    registry.select_tasks(spec.stop_tasks)
    folder = Path(spec.out) / "stopping" / "run"

    def measured(checkpoint: Path) -> tuple[str, float, bool]:
        shutil.rmtree(folder, ignore_errors=True)
        run = runner.run(
            RunSpec(
                model_name(checkpoint),
                spec.stop_tasks,
                spec.stop_data,
                limit=spec.stop_limit,
                seed=spec.seed,
                out=folder,
                cache=False,
            ),
            registry,
        )
        known = {
            f"{task}.{metric}": each
            for task, result in run.result.tasks.items()
            for metric, each in result.metrics.items()
        }
        name = spec.stop_metric or next(iter(known))
        if name not in known:
            raise UnknownNameError("metric in stop_metric", name, known)
        return name, known[name].estimate.value, known[name].higher_is_better is not False

    return measured
