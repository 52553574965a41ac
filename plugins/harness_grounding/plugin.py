"""What this package registers."""

from __future__ import annotations

import click

import harness


@harness.hookimpl
def harness_commands(app: click.Group) -> None:
    """``metric-eval``."""
    from harness_grounding.meta_evaluation.command import command

    app.add_command(command)
