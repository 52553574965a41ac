"""Commands that are listed without being imported, so that ``harness --help`` stays fast."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import click


class LazyCommand(click.Command):
    """A command that ``harness`` imports when somebody runs it or asks for its help.

    Args:
        name: What users call it.
        short_help: Its line in ``harness --help``.
        imported: Imports commands and returns them, the one of that name among them.
    """

    def __init__(
        self, name: str, short_help: str, imported: Callable[[], Iterable[click.Command]]
    ) -> None:
        super().__init__(name, short_help=short_help)
        self._imported = imported

    def opened(self) -> click.Command:
        """The command itself."""
        return next(each for each in self._imported() if each.name == self.name)


def add(
    app: click.Group,
    lines: Mapping[str, str],
    imported: Callable[[], Iterable[click.Command]],
) -> None:
    """Adds commands to ``harness`` in a plugin's ``harness_commands``.

    Args:
        app: What the hook is given.
        lines: Name → the line of ``harness --help``, the first of the command's own help.
        imported: Imports all of these commands and returns them.
    """
    for name, line in lines.items():
        app.add_command(LazyCommand(name, line, imported))
