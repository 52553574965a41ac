"""``harness rank``: several systems in order, as far as preferences tell them apart."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.authoring.literal import echo, one_line

if TYPE_CHECKING:
    from harness_judges.rankings.davidson import Ranking

EPILOG = """\b
Examples:
  harness annotate runs/main runs/candidate --out people
  harness rank people
  harness rank runs/arena --format json
  harness rank people --same candidate=new

A run a-b of `arena` judges a's answers against those of the folder b, and names them
a-b and b: in a round robin, --same a-b=a says whose they are.
"""
SCHEMA = 1


@click.command("rank", epilog=EPILOG)
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path),
                metavar="FOLDER…")  # fmt: skip
@click.option("--same", multiple=True, metavar="NAME=SYSTEM",
              help="Count what one source calls NAME as SYSTEM.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Of the resamples.")
@click.option("--format", "form", type=click.Choice(["console", "json"]), default="console")
def command(sources: tuple[Path, ...], same: tuple[str, ...], seed: int, form: str) -> int:
    """Rank the systems that preferences compare: of people, or of judges in runs of `arena`.

    FOLDERs are those of `harness annotate` and run folders. Ranks are ranges where the
    data cannot tell systems apart, with intervals over prompts.
    """
    from harness.authoring.io.run_options import parse_pairs
    from harness_judges.rankings import davidson
    from harness_judges.rankings.preferences import gather

    gathered = gather(sources, parse_pairs(same, "--same", "NAME=SYSTEM"))
    ranking = davidson.rank(gathered.preferences, seed=seed)
    if form == "json":
        echo(_as_json(ranking, gathered.notes))
        return 0
    _show(ranking)
    for note in gathered.notes:
        echo(f"note: {note}")
    return 0


def _as_json(ranking: Ranking, notes: tuple[str, ...]) -> str:
    from dataclasses import asdict

    from harness.authoring.io.serialization import dumps, number

    document = {
        "schema": SCHEMA,
        "systems": [
            {**asdict(each), "low": number(each.low), "high": number(each.high)}
            for each in ranking.systems
        ],
        "prompts": ranking.prompts,
        "tie_parameter": ranking.tie_parameter,
        "method": ranking.method,
        "notes": list(notes),
    }
    return dumps(document, indent=2)


def _show(ranking: Ranking) -> None:
    from rich.table import Table

    from harness.authoring.io import terminal

    table = Table("rank", "system", "strength", "95 % interval", "wins", "ties", "losses", box=None)
    for each in ranking.systems:
        same = each.best == each.worst
        table.add_row(
            str(each.best) if same else f"{each.best}–{each.worst}",
            one_line(each.system),
            f"{each.strength:+.2f}",
            "–" if each.low != each.low else f"[{each.low:+.2f}, {each.high:+.2f}]",
            *(f"{count:,}" for count in (each.wins, each.ties, each.losses)),
        )
    terminal.print_table(terminal.console(), table, 2)
    echo(f"{ranking.method}; systems whose ranks overlap cannot be told apart")
