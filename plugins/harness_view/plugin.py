"""What this package registers."""

from __future__ import annotations

import click

from harness import hookimpl


@hookimpl
def harness_commands(app: click.Group) -> None:
    """``view``."""
    from harness_view.command import command

    app.add_command(command)
