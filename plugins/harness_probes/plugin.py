"""What this package registers."""

from __future__ import annotations

from harness import hookimpl
from harness.protocols import ProbeSpec


@hookimpl
def harness_register_probes() -> list[ProbeSpec]:
    """The probes that ship with the harness."""
    from harness_probes.robustness import specs as robustness

    return [*robustness.SPECS]
