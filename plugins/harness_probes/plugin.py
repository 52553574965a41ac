"""What this package registers: benchmarks of bias, and probes. Metrics are imported on use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import click

import harness
from harness.authoring.io import lazy_commands

if TYPE_CHECKING:
    from harness.authoring.grading import MetricSpec
    from harness.protocols import ProbeSpec, TaskSpec
    from harness.types import Estimate, SampleRecord

COMMANDS = {
    "attack": "Search for small changes of the text that turn right answers into wrong ones."
}


@harness.hookimpl
def harness_register_tasks() -> Iterable[TaskSpec]:
    """The suites ``bias``, ``behavior`` and ``safety``."""
    from harness_probes.behavior import checklist, contrast
    from harness_probes.bias import bbq, bold, crows_pairs, holistic_bias, stereoset, winobias
    from harness_probes.safety import specs as safety
    from harness_probes.safety import toxigen

    bias = (bbq, crows_pairs, stereoset, winobias, bold, holistic_bias)
    own = (*bias, checklist, contrast, toxigen)
    return [*(task.SPEC for task in own), *safety.SPECS]


@harness.hookimpl
def harness_register_metrics() -> Iterable[MetricSpec]:
    """``toxicity`` and ``sentiment``."""
    from harness_probes import answer_metrics

    return answer_metrics.SPECS


@harness.hookimpl
def harness_register_probes() -> Iterable[ProbeSpec]:
    """The suites ``robustness`` and ``counterfactual``."""
    from harness_probes.counterfactual import specs as counterfactual
    from harness_probes.robustness import specs as robustness

    return [*robustness.SPECS, *counterfactual.SPECS]


@harness.hookimpl
def harness_group_measures(
    attribute: str, records: Sequence[SampleRecord]
) -> Mapping[str, Mapping[str, Estimate]]:
    """Fairlearn's measures, for classifications."""
    from harness_probes import group_fairness

    return group_fairness.measures(attribute, records)


@harness.hookimpl
def harness_commands(app: click.Group) -> None:
    """``harness attack``."""
    lazy_commands.add(app, COMMANDS, _commands)


def _commands() -> tuple[click.Command, ...]:
    from harness_probes.attack.command import command

    return (command,)
