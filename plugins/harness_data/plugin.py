"""What this package registers."""

from __future__ import annotations

import click

import harness


@harness.hookimpl
def harness_commands(app: click.Group) -> None:
    """``contamination`` and ``data``."""
    from harness_data.contamination.command import command as contamination
    from harness_data.preparation.commands import group as data

    for command in (contamination, data):
        app.add_command(command)
