"""What this package registers: benchmarks of bias, and probes. Metrics are imported on use."""

from __future__ import annotations

from collections.abc import Iterable

import harness
from harness.protocols import ProbeSpec, TaskSpec
from harness_probes.bias import bbq, crows_pairs
from harness_probes.counterfactual import specs as counterfactual
from harness_probes.robustness import specs as robustness


@harness.hookimpl
def harness_register_tasks() -> Iterable[TaskSpec]:
    """The suite ``bias``."""
    return [bbq.SPEC, crows_pairs.SPEC]


@harness.hookimpl
def harness_register_probes() -> Iterable[ProbeSpec]:
    """The suites ``robustness`` and ``counterfactual``."""
    return [*robustness.SPECS, *counterfactual.SPECS]
