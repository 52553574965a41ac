"""What this package registers."""

from __future__ import annotations

import click

from harness import hookimpl
from harness.protocols import TaskSpec
from harness_judges.judging import llmbar


@hookimpl
def harness_register_tasks() -> list[TaskSpec]:
    """The tasks in which a model judges."""
    return [
        TaskSpec(
            llmbar.NAME,
            "a model as judge of two answers in both orders, against people's preferences",
            llmbar.open_llmbar,
            suites=("judges",),
            options=llmbar.options,
            templates=llmbar.TEMPLATES,
        )
    ]


@hookimpl
def harness_commands(app: click.Group) -> None:
    """``annotate``."""
    from harness_judges.commands import annotate

    for command in (annotate.command,):
        app.add_command(command)
