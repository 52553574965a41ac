"""Tables that keep names beside values, on narrow terminals and in pipes alike."""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

_UNLIMITED = 10_000
_NARROW = 60
"""Columns below which names are not folded into pieces."""
_UNLABELLED = ("value", "before → after")
"""Columns whose cells say by their form what they are; intervals do, too."""
_LEAST_SHARE = 0.75
"""Share of its natural width below which a table is not folded."""


def console(file: IO[str] | None = None, stderr: bool = False) -> Console:
    """A console that takes text as it is, and never cuts what goes into a pipe or a file."""
    from rich.console import Console

    made = Console(file=file, stderr=stderr, highlight=False, emoji=False, markup=False)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = _UNLIMITED
    return made


def print_table(out: Console, table: Table, names: int) -> None:
    """Prints a table, as lines where it is far too wide; no cell is cut.

    Args:
        out: Where to.
        table: The table; its cells are ``Text`` or plain strings.
        names: How many of its first columns say what a row is about.
    """
    from rich.measure import Measurement

    natural = Measurement.get(out, out.options.update_width(_UNLIMITED), table).maximum
    if natural <= out.width or (out.width >= _NARROW and out.width >= _LEAST_SHARE * natural):
        for column in table.columns:
            column.overflow = "fold"
        out.print(table)
        return
    if table.title:
        out.print(table.title)
    headers = [str(column.header) for column in table.columns]
    for cells in zip(*(column.cells for column in table.columns), strict=True):
        for line in _lines(headers, [_plain(cell) for cell in cells], names):
            out.print(line)


def _lines(headers: list[str], cells: list[Text], names: int) -> list[Text]:
    from rich.text import Text

    lines = [Text("  " * place).append_text(cells[place]) for place in range(names - 1)]
    lines.append(Text("  " * (names - 1)).append_text(cells[names - 1]))
    if len(cells) > names and cells[names].plain:
        label = "" if _says_itself(headers[names]) else f"{headers[names]} "
        lines[-1].append(f"  {label}").append_text(cells[names])
    rest = [
        Text(f"{header} ").append_text(cell) if header and not _says_itself(header) else cell
        for header, cell in zip(headers[names + 1 :], cells[names + 1 :], strict=True)
        if cell.plain.strip()
    ]
    lines.append(Text("  " * names).append_text(Text(", ").join(rest)) if rest else Text())
    return [line for line in lines if line.plain.strip()]


def _says_itself(header: str) -> bool:
    return header in _UNLABELLED or header.endswith("interval")


def _plain(cell: object) -> Text:
    from rich.text import Text

    return cell if isinstance(cell, Text) else Text(str(cell))
