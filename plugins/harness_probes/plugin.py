"""What this package registers: benchmarks of bias. Metrics are imported when one is opened."""

from __future__ import annotations

from collections.abc import Iterable

import harness
from harness.protocols import TaskSpec
from harness_probes.bias import bbq, crows_pairs


@harness.hookimpl
def harness_register_tasks() -> Iterable[TaskSpec]:
    """BBQ and CrowS-Pairs: the suite ``bias``."""
    return [bbq.SPEC, crows_pairs.SPEC]
