"""What this package registers."""

from __future__ import annotations

import click

from harness import hookimpl
from harness.authoring.io import lazy_commands

COMMANDS = {
    "view": "Show the run folders below DIR (runs) in the browser: leaderboards, history, samples."
}


@hookimpl
def harness_commands(app: click.Group) -> None:
    """``view``."""
    lazy_commands.add(app, COMMANDS, _commands)


def _commands() -> tuple[click.Command, ...]:
    from harness_view.command import command

    return (command,)
