"""Names beside what is said of them, as ``--help`` shows options: nothing to import for a list."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from typing import Any

import click

from harness.authoring.literal import visible

_LONGEST = 30
"""Characters of a name above which its text begins on the next line."""


def heading(name: str, description: str) -> None:
    """Prints a name and a line about it."""
    print(f"{_styled(name, bold=True)}  {visible(description)}")


def table(title: str, rows: Iterable[tuple[str, str]]) -> None:
    """Prints a title, and names with their texts below; nothing where there are none."""
    shown = [(_styled(name, bold=True, fg="cyan"), visible(text)) for name, text in rows]
    if not shown:
        return
    formatter = click.HelpFormatter(width=shutil.get_terminal_size().columns)
    formatter.indent()
    formatter.write_dl(shown, col_max=_LONGEST)
    print(f"\n{_styled(title, bold=True)}\n{formatter.getvalue()}", end="")


def text(source: str, **style: Any) -> None:
    """Prints a text as it is, such as ``fg="cyan"`` on a terminal."""
    print(_styled(source, **style))


def _styled(source: str, **style: Any) -> str:
    """Visible characters, coloured where a person reads them."""
    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return click.style(visible(source), **style) if coloured else visible(source)
