"""What this package registers."""

from __future__ import annotations

from collections.abc import Iterable

import click

import harness
from harness.authoring.grading import MetricSpec
from harness.protocols import ProbeSpec, TaskSpec
from harness_grounding.metrics import specs
from harness_grounding.retrieval import specs as retrieval
from harness_grounding.tasks import judged_claims, support


@harness.hookimpl
def harness_register_tasks() -> Iterable[TaskSpec]:
    """The suite ``groundedness``, and ``grounded``."""
    return (*support.SPECS, judged_claims.SPEC)


@harness.hookimpl
def harness_register_metrics() -> Iterable[MetricSpec]:
    """``grounding.numbers`` and its like."""
    return specs.SPECS


@harness.hookimpl
def harness_register_probes() -> Iterable[ProbeSpec]:
    """``retrieval``."""
    return retrieval.SPECS


@harness.hookimpl
def harness_commands(app: click.Group) -> None:
    """``metric-eval``."""
    from harness_grounding.meta_evaluation.command import command

    app.add_command(command)
