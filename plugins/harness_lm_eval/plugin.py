"""What this package registers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from harness import hookimpl
from harness.authoring.io import lazy_commands

if TYPE_CHECKING:
    from pydantic import BaseModel

    from harness.protocols import TaskSource, TaskSpec

COMMANDS = {
    "lm-eval": "Run lm-evaluation-harness's own command with this engine as one of its models."
}


@hookimpl
def harness_register_task_sources() -> list[TaskSource]:
    """The source ``lm_eval``."""
    from harness.protocols import TaskSource

    return [
        TaskSource(
            "lm_eval",
            "tasks, groups and tags of lm-evaluation-harness: harness ls 'lm_eval:*arc*'",
            _names,
            _find,
            _options,
        )
    ]


@hookimpl
def harness_commands(app: click.Group) -> None:
    """Adds ``harness lm-eval``, which imports lm-evaluation-harness only when it runs."""
    lazy_commands.add(app, COMMANDS, _commands)


def _commands() -> tuple[click.Command, ...]:
    from harness_lm_eval.command import command

    return (command,)


def _names(settings: Mapping[str, str]) -> Mapping[str, str]:
    from harness_lm_eval.catalogue import index

    if not settings:  # the common case needs no pydantic, which takes a moment to import
        return index.told([])
    from harness_lm_eval import source

    return source.names(settings)


def _find(name: str, settings: Mapping[str, str]) -> Sequence[TaskSpec]:
    from harness_lm_eval import source

    return source.find(name, settings)


def _options() -> type[BaseModel]:
    from harness_lm_eval.settings import SourceSettings

    return SourceSettings
