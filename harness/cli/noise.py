"""``harness noise``: how far scores move when nothing changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.authoring.io import run_options
from harness.authoring.literal import echo, one_line
from harness.cli import registry_of

if TYPE_CHECKING:
    from harness.run.noise import MetricNoise, Noise

EPILOG = """\b
Examples:
  harness noise demo --tasks sst2 --data sample --limit 20
  harness noise demo --tasks gsm8k --data sample --limit 4 --repeats 2 --temperature 0.7
  harness noise demo --tasks gsm8k --data sample --limit 4 --repeats 2 --temperature 0.7 \\
    --reduce pass@2,mean
  harness noise ./ckpt --tasks squad --data squad=dev.json --batch-sizes 1,2 --limit 4 --out noise
"""


@click.command("noise", epilog=EPILOG)
@click.argument("repeated", metavar="[MODEL]", required=False)
@run_options.run_options
@click.option(
    "--batch-sizes",
    type=run_options.Names(),
    default="auto,1",
    show_default=True,
    help="One run each.",
)
@click.option("--quiet", is_flag=True, help="Print only the table.")
@click.pass_context
def command(
    context: click.Context,
    /,
    repeated: str | None,
    batch_sizes: tuple[str, ...],
    quiet: bool,
    **given: Any,
) -> int:
    """Repeat a run, and say how far scores move when nothing changed.

    MODEL is asked the same once for each batch size, and --repeats times in each, without the
    response store. With --reduce it compares what --repeats answers say together, too, and asks
    twice as often. The margin of a metric is the smallest drop that a gate may be set to: what is
    seen between two of the runs, or what 95 % of pairs of runs stay within, whichever is more.
    Besides the table it writes noise.json, which [gate] noise = "FILE" of harness.toml holds rules
    against.
    """
    from harness.authoring.io import files
    from harness.errors import UsageError
    from harness.run import noise

    if repeated is not None:
        if given["model"] is not None:
            raise UsageError("the model is named twice", "Leave out --model.")
        given["model"] = repeated
    folder: Path = given["out"] or Path("noise")
    given["out"] = None
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty", "Give another --out, or remove it first.")
    sizes = [_size(each) for each in batch_sizes]
    spec = run_options.run_spec(given)
    found = noise.measure(spec, registry_of(context), sizes, folder)
    path = folder / "noise.json"
    files.write_json(path, to_json(found))
    _show(found)
    if not quiet:
        echo(f"\n{len(found.replicates)} replicates: {'; '.join(found.replicates)}")
        if found.runs:
            echo(f"Reducers between {len(found.runs)} runs: {'; '.join(found.runs)}")
        echo(f"Written to {path}")
    return 0


def _size(text: str) -> int | None:
    found = run_options.BatchSize().convert(text, None, None)
    return None if found == "auto" else int(found)


def to_json(found: Noise) -> dict[str, Any]:
    """The content of noise.json."""
    from harness.authoring.io.serialization import number

    return {
        "schema": 1,
        "replicates": list(found.replicates),
        "runs": list(found.runs),
        "tasks": {
            task: {
                name: {
                    "values": [number(value) for value in each.values],
                    "largest": number(each.largest),
                    "stderr": number(each.stderr),
                    "changed": each.changed,
                    "margin": number(each.margin),
                    "n": each.n,
                }
                for name, each in metrics.items()
            }
            for task, metrics in found.tasks.items()
        },
    }


def _show(found: Noise) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("task", "metric"):
        table.add_column(name, overflow="fold")  # a name that is cut is nobody's
    for name in ("values", "largest difference", "samples changed", "margin"):
        table.add_column(name, justify="right", no_wrap=True)
    for task, metrics in found.tasks.items():
        for number, (name, each) in enumerate(metrics.items()):
            table.add_row(one_line(task) if number == 0 else "", one_line(name), *_cells(each))
    Console(highlight=False, markup=False).print(table)


def _cells(each: MetricNoise) -> tuple[str, ...]:
    known = [value for value in each.values if value == value]
    if not known:
        return "—", "—", f"— of {each.n:,}", "—"
    low, high = min(known), max(known)
    values = f"{low:.4f}" if low == high else f"{low:.4f} to {high:.4f}"
    return values, f"{each.largest:.4f}", f"{each.changed:.1%} of {each.n:,}", f"{each.margin:.4f}"
