"""What this package registers."""

from __future__ import annotations

import click

import harness


@harness.hookimpl
def harness_commands(app: click.Group) -> None:
    """``contamination``, ``data``, ``monitor`` and ``privacy``."""
    from harness_data.contamination.command import command as contamination
    from harness_data.monitoring.command import command as monitor
    from harness_data.preparation.commands import group as data
    from harness_data.privacy.commands import group as privacy

    for command in (contamination, data, monitor, privacy):
        app.add_command(command)
