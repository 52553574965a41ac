"""Every metric says between what it lies, so that no interval leaves it."""

import pytest

from harness import plugins
from harness.protocols import TaskOptions, TaskSpec

SPECS = list(plugins.load().tasks.values())


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_every_metric_of_a_task_has_bounds_that_hold_its_ideal(spec: TaskSpec) -> None:
    for metric in spec.open(TaskOptions()).metrics:
        low, high = getattr(metric, "bounds", None) or pytest.fail(f"{metric.name} has none")
        assert low < high
        ideal = getattr(metric, "ideal", None)
        assert ideal is None or low <= ideal <= high
