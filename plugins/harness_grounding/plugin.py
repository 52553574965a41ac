"""What this package registers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

import harness
from harness.authoring.io import lazy_commands

if TYPE_CHECKING:
    from harness.authoring.grading import MetricSpec
    from harness.protocols import ProbeSpec, TaskSpec

COMMANDS = {"metric-eval": "Say how far metrics agree with the labels that people gave."}


@harness.hookimpl
def harness_register_tasks() -> Iterable[TaskSpec]:
    """The suite ``groundedness``, and ``grounded``."""
    from harness_grounding.tasks import specs

    return specs.SPECS


@harness.hookimpl
def harness_register_metrics() -> Iterable[MetricSpec]:
    """``grounding.numbers`` and its like."""
    from harness_grounding.metrics import specs

    return specs.SPECS


@harness.hookimpl
def harness_register_probes() -> Iterable[ProbeSpec]:
    """``retrieval``."""
    from harness_grounding.retrieval import specs

    return specs.SPECS


@harness.hookimpl
def harness_commands(app: click.Group) -> None:
    """``metric-eval``."""
    lazy_commands.add(app, COMMANDS, _commands)


def _commands() -> tuple[click.Command, ...]:
    from harness_grounding.meta_evaluation.command import command

    return (command,)
