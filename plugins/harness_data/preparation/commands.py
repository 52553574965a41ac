"""``harness data check``, ``clean`` and ``split``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from harness import registry_of
from harness.authoring.io import run_options
from harness.authoring.literal import echo, one_line
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness_data.preparation.findings import Findings
    from harness_data.preparation.table import Table
    from harness_data.preparation.toxicity import Toxicity

Function = TypeVar("Function", bound=Callable[..., Any])
_SHOWN = 5


@click.group("data")
def group() -> None:
    """Look at training data, clean it, and split it without leaks."""


def _shared(function: Function) -> Function:
    """Options that all of them have."""
    for option in (
        click.option("--region", default="US", show_default=True,
                     help="Whose telephone numbers need no country code."),
        click.option("--similarity", type=click.FloatRange(0.3, 1), default=0.8, show_default=True,
                     help="Share of common three-word pieces that makes a near duplicate."),
        click.option("--language", metavar="CODE", help="Of the rows. [that of most]"),
        click.option("--label", metavar="COLUMN", help="The column of labels."),
        click.option("--texts", type=run_options.Names(), help="Columns with texts. [all]"),
        click.argument("file", type=click.Path(path_type=Path)),
    ):  # fmt: skip
        function = option(function)
    return function


def _toxicity(function: Function) -> Function:
    option = click.option(
        "--toxicity",
        metavar="CHECKPOINT|TERMS.txt",
        help="Also look for toxic rows, by a classifier or a list of terms.",
    )
    return option(click.pass_context(function))  # type: ignore[return-value]


def _found(
    file: Path, given: Mapping[str, Any], toxicity: Toxicity | None = None
) -> tuple[Table, Findings]:
    from harness_data.preparation import findings, table

    read = table.read(file, given["texts"] or ())
    found = findings.find(
        read,
        label=given["label"],
        language=given["language"],
        similarity=given["similarity"],
        region=given["region"],
        toxicity=toxicity,
    )
    return read, found


def _opened(context: click.Context, argument: str | None) -> Toxicity | None:
    from harness_data.preparation import toxicity

    return None if argument is None else toxicity.opened(registry_of(context).metrics, argument)


CHECK_EPILOG = """\b
Examples:
  harness data check training.jsonl
  harness data check training.jsonl --label label --card card.md --gate
  harness data check training.jsonl --toxicity terms.txt
"""


@group.command("check", epilog=CHECK_EPILOG)
@_shared
@_toxicity
@click.option("--card", type=click.Path(path_type=Path), help="Write a data card; .md or .json.")
@click.option("--gate", is_flag=True, help="Exit with 1 where something was found.")
def check(
    context: click.Context,
    file: Path,
    card: Path | None,
    gate: bool,
    toxicity: str | None,
    **given: Any,
) -> int:
    """Report duplicates, odd lengths and languages, personal data, labels and toxicity of FILE.

    FILE holds rows of any format: prompts and answers, pairs, messages, texts, labels.
    """
    table, found = _found(file, given, _opened(context, toxicity))
    told = _show(table, found)
    if card is not None:
        _write_card(card, told)
    return 1 if gate and found.problems else 0


CLEAN_EPILOG = """\b
Examples:
  harness data clean training.jsonl --out clean.jsonl
  harness data clean training.jsonl --out clean.jsonl --keep near_duplicate --drop length,language
"""


@group.command("clean", epilog=CLEAN_EPILOG)
@_shared
@_toxicity
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The JSONL to write.")
@click.option("--keep", type=run_options.Names(), default="",
              help="Of empty, exact_duplicate, near_duplicate: not to drop. [none]")  # fmt: skip
@click.option("--drop", type=run_options.Names(), default="",
              help="Of language, length, personal_data, toxic: to drop, too. [none]")  # fmt: skip
@click.option("--no-mask", is_flag=True, help="Leave personal data as they are.")
def clean(
    context: click.Context,
    file: Path,
    out: Path,
    keep: tuple[str, ...],
    drop: tuple[str, ...],
    no_mask: bool,
    toxicity: str | None,
    **given: Any,
) -> int:
    """Write FILE without empty and duplicate rows, personal data masked.

    Beside OUT, OUT.about.json says which rows were dropped or changed, and why.
    """
    from harness_data.preparation import cleaning

    dropped_kinds = cleaning.kinds(keep, drop)
    if ("toxic" in drop) != (toxicity is not None):
        raise UsageError(
            "--drop toxic and --toxicity go together",
            "Name a classifier or a list of terms: --drop toxic --toxicity terms.txt",
        )
    cleaning.check_out(file, out)
    table, found = _found(file, given, _opened(context, toxicity))
    cleaned = cleaning.clean(table, found, dropped_kinds, not no_mask, given["region"])
    cleaning.write(out, table, cleaned)
    for kind, count in cleaned.counts.items():
        echo(f"{count:,} rows dropped: {kind}")
    echo(f"{len(cleaned.masked):,} rows with personal data masked")
    echo(f"{len(cleaned.rows):,} of {len(table.lines):,} rows: {out}")
    return 0


SPLIT_EPILOG = """\b
Examples:
  harness data split training.jsonl --out parts
  harness data split training.jsonl --out parts --group prompt --label label --shares 0.7,0.15,0.15
"""


@group.command("split", epilog=SPLIT_EPILOG)
@_shared
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The folder to write.")
@click.option("--group", "by", metavar="COLUMN", help="Rows that must stay together.")
@click.option("--shares", default="0.8,0.1,0.1", show_default=True, help="Train, dev and test.")
@click.option("--seed", type=int, default=0, show_default=True)
def split(file: Path, out: Path, by: str | None, shares: str, seed: int, **given: Any) -> int:
    """Write train.jsonl, dev.jsonl and test.jsonl of FILE into a folder, without leaks.

    Rows of one group, and duplicates, exact and near, come into the same part.
    """
    from harness_data.preparation import cleaning, splitting

    parsed = cleaning.parse_shares(shares)
    cleaning.check_folder(out)
    table, found = _found(file, given)
    table.check(by)
    parts = splitting.split(table, parsed, found.links, group=by, label=given["label"], seed=seed)
    counts = cleaning.write_parts(out, table, parts)
    for name, count in counts.items():
        echo(f"{count:,} rows: {out / name}.jsonl")
    return 0


def _show(table: Table, found: Findings) -> dict[str, Any]:
    """Prints the findings; returns the card."""
    from rich.table import Table as Grid

    from harness.authoring.io import terminal
    from harness_data.preparation import card

    told = card.to_json(table, found)
    console = terminal.console()
    grid = Grid("found", "rows", "where")
    for kind in told["found"]:
        words, places = card.WORDS[kind], found.places[kind]
        where = [
            f"row {table.lines[place].number} ({one_line(found.details[place][kind], 60)})"
            for place in places[:_SHOWN]
        ]
        more = [f"and {len(places) - _SHOWN:,} more"] if len(places) > _SHOWN else []
        grid.add_row(words, f"{len(places):,}", ", ".join(where + more))
    terminal.print_table(console, grid, 1)
    for line in card.to_markdown(told).splitlines()[2:]:
        if line and not line.startswith("|"):
            echo(line)
    return told


def _write_card(path: Path, told: dict[str, Any]) -> None:
    from harness.authoring.io import files
    from harness_data.preparation import card

    if path.suffix == ".json":
        files.write_json(path, told)
    else:
        files.write_atomically(path, card.to_markdown(told))
    echo(f"Data card: {path}")
