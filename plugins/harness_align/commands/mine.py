"""``harness mine``: failures of a stored run as training data."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import click

from harness.authoring.io import run_options
from harness.authoring.literal import echo

EPILOG = """\b
Examples:
  harness mine runs/base --out pairs.jsonl
  harness mine runs/base --out queue.jsonl --by uncertain --tasks sst2 --limit 200 --balance
  harness mine runs/probed --out pairs.jsonl --by perturbation
  harness mine runs/behavior --out pairs.jsonl --by contrast --tasks contrast_sets,checklist
  harness mine runs/attacked --out pairs.jsonl --by attack
  harness mine runs/base --out pairs.jsonl --by bias --tasks crows_pairs
  harness align --method dpo --model ./ckpt --data pairs.jsonl
"""


@click.command("mine", epilog=EPILOG)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The JSONL to write.")
@click.option(
    "--by",
    type=click.Choice(["wrong", "uncertain", "perturbation", "contrast", "attack", "bias"]),
    default="wrong",
    show_default=True,
    help="What makes a sample worth learning from.",
)
@click.option("--tasks", type=run_options.Names(), help="Only these tasks of the run.")
@click.option("--metric", help="The metric that says what is wrong. [each task's first]")
@click.option("--limit", type=click.IntRange(1), help="Only the N most valuable samples.")
@click.option(
    "--balance",
    is_flag=True,
    help="As many samples of each right answer, where these are labels.",
)
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def command(
    run: Path,
    out: Path,
    by: str,
    tasks: tuple[str, ...] | None,
    metric: str | None,
    limit: int | None,
    balance: bool,
    quiet: bool,
) -> int:
    """Pick samples of RUN, the most valuable first, as preference pairs.

    RUN is a run folder, or for --by attack the folder of `harness attack`.
    Where the right answer is not known, the sample goes to the annotation queue
    OUT.queue.jsonl, to be filled in: `chosen` and `rejected` are empty there.
    """
    from harness_align.mining import balancing, failures

    found = failures.mine(run, cast(failures.By, by), tasks or (), metric)
    mined = balancing.balanced(found, limit) if balance else found[:limit]
    pairs, queue = failures.write(out, mined)
    if not quiet:
        for task, count in failures.by_task(mined).items():
            click.echo(f"{task}: {count:,} samples")
        click.echo(f"Pairs: {pairs:,} in {out}")
        if one_sided := balancing.warning(mined):
            echo(f"Warning: {one_sided}")
        if queue:
            click.echo(f"For annotators: {queue:,} in {failures.queue_path(out)}")
    return 0
