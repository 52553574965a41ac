"""What this package registers."""

from __future__ import annotations

import click

import harness


@harness.hookimpl
def harness_commands(app: click.Group) -> None:
    """``contamination``."""
    from harness_data.contamination.command import command as contamination

    app.add_command(contamination)
