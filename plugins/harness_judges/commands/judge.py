"""``harness judge``: how far a judge can be trusted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.authoring.literal import echo

if TYPE_CHECKING:
    from harness_judges.calibration.calibrate import Calibrated

EPILOG = """\b
Examples:
  harness run --model ./ckpt --judge ./large --tasks judge \
    --data judge=prompts.jsonl --out runs/judged
  harness annotate runs/judged --out scores
  harness judge calibrate runs/judged --labels labels.jsonl --out calibration.json
  harness run --model ./ckpt --judge ./large --tasks judge --data judge=prompts.jsonl \\
    --set judge.calibration=calibration.json
"""


@click.group("judge", epilog=EPILOG)
def command() -> None:
    """Compare a judge with people, and keep what that says of its errors."""


@command.command("calibrate", epilog=EPILOG)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--labels", type=click.Path(path_type=Path), help="JSONL, CSV, or a folder of "
              "`harness annotate`. [llmbar: the data's own]")  # fmt: skip
@click.option("--task", help="Which task of the run: judge, arena or llmbar. [the only one]")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The file to write.")
def calibrate(run: Path, labels: Path | None, task: str | None, out: Path) -> int:
    """Compare the judgements of RUN with labels of people, and write OUT.

    Every figure has a bootstrap interval by item. OUT names the judge, its version
    and the rubric's hash: it is refused for others.
    """
    from harness_judges.calibration import record
    from harness_judges.calibration.calibrate import calibrate as compute

    found = compute(run, labels, task)
    record.write(out, found.calibration)
    _show(found)
    echo(f"Calibration: {out}")
    return 0


def _show(found: Calibrated) -> None:
    from rich.table import Table

    from harness.authoring.io import terminal
    from harness.authoring.literal import one_line

    out = terminal.console()
    for judge in found.calibration.judges:
        echo(one_line(f"judge {judge.model} by {judge.reading}, rubric {found.calibration.rubric}"))
    table = Table("criterion", "figure", "value", "95 % interval", "n", box=None)
    for criterion, figures in found.figures.items():
        for name, value in figures.items():
            missing = value.value != value.value
            ends = f"[{value.low:.3f}, {value.high:.3f}]"
            table.add_row(
                one_line(criterion),
                name,
                "–" if missing else f"{value.value:.3f}",
                ends if value.low == value.low else value.method.partition("; ")[2],
                f"{value.n:,}",
            )
    terminal.print_table(out, table, 2)
    for note in found.calibration.notes:
        echo(f"note: {note}")
