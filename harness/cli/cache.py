"""``harness cache``: the response store's size and models; pruning, verifying, shrinking it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.authoring.literal import echo

if TYPE_CHECKING:
    from harness.run.cache import ResponseStore

EPILOG = """\b
Examples:
  harness cache
  harness cache prune --older-than 30d
  harness cache prune --model ./ckpt
  harness cache verify
  harness cache vacuum
"""
_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class Age(click.ParamType[float]):
    """A number with a unit, as seconds."""

    name = "30d"

    def convert(
        self, value: object, param: click.Parameter | None, context: click.Context | None
    ) -> float:
        """Reads it."""
        if isinstance(value, int | float):
            return float(value)
        match = re.fullmatch(r"(\d{1,6})([mhdw])", str(value))
        if match is None:
            self.fail(f"{value!r} is no age; expected such as 30d, 12h or 2w", param, context)
        return int(match[1]) * _SECONDS[match[2]]


@click.group("cache", epilog=EPILOG, invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> int:
    """Show the response store; with a subcommand, look after it.

    It lies in $HARNESS_CACHE, else in the user's cache folder.
    """
    if context.invoked_subcommand is not None:
        return 0
    from harness.run import cache_care

    path = _path()
    if not path.is_file():
        echo(f"{path}: no responses are stored")
        return 0
    with _open(path) as store:
        held = cache_care.models(store)
    rows = sum(each.rows for each in held)
    echo(f"{path}: {_size(path):,} bytes, {rows:,} responses of {len(held)} models")
    for each in held:
        dates = f"{_date(each.oldest)} to {_date(each.newest)}"
        name = each.name or "(name not known)"
        echo(f"{each.rows:>10,}  {each.size:>14,} bytes  {dates}  {each.fingerprint[:12]}  {name}")
    return 0


@command.command("prune")
@click.option("--older-than", type=Age(), help="Only what was stored longer ago: 30d, 12h, 2w.")
@click.option("--model", help="Only one model's: its name, or its fingerprint or the start of it.")
def prune(older_than: float | None, model: str | None) -> int:
    """Delete responses by age, by model, or by both."""
    from harness.errors import UsageError
    from harness.run import cache_care

    if older_than is None and not model:
        raise UsageError(
            "nothing says what to delete", "Give --older-than, --model or both; see --help."
        )
    with _open(_path()) as store:
        deleted = cache_care.prune(store, older_than, model or None)
    echo(f"{deleted:,} responses deleted; `harness cache vacuum` gives their space back")
    return 0


@command.command("verify")
def verify() -> int:
    """Examine the file and every response; delete those that are none.

    Exit code 2 where the file itself is damaged.
    """
    from harness.errors import HarnessError
    from harness.run import cache_care

    path = _path()
    with _open(path) as store:
        found = cache_care.verify(store)
    if found.damage:
        raise HarnessError(
            f"{path} is damaged: {'; '.join(found.damage)}",
            "Delete the file; what it held is asked again when it is needed.",
        )
    echo(f"{path}: {found.rows:,} rows examined, {found.removed:,} were no responses: deleted")
    return 0


@command.command("vacuum")
def vacuum() -> int:
    """Give the space of deleted responses back to the disk."""
    from harness.run import cache_care

    path = _path()
    with _open(path) as store:
        before = _size(path)
        cache_care.vacuum(store)
        echo(f"{path}: {before:,} bytes before, {_size(path):,} after")
    return 0


def _path() -> Path:
    from harness.run.cache import default_path

    return default_path()


def _open(path: Path) -> ResponseStore:
    from harness.errors import UsageError
    from harness.run.cache import ResponseStore

    if not path.is_file():
        raise UsageError(f"{path}: there is no response store", "A run makes it.")
    return ResponseStore(path)


def _size(path: Path) -> int:
    """Of the file and of what SQLite has not merged into it yet."""
    files = (path, path.with_name(path.name + "-wal"))
    return sum(each.stat().st_size for each in files if each.is_file())


def _date(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"
