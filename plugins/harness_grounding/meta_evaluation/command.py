"""``harness metric-eval``: the command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.authoring.io import run_options
from harness.authoring.literal import echo, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.types import Estimate
    from harness_grounding.meta_evaluation.agreement import Agreement
    from harness_grounding.meta_evaluation.tables import Labelled

EPILOG = """\b
Examples:
  harness metric-eval labelled.jsonl --label factual --cluster document
  harness metric-eval labelled.jsonl --label factual --metrics overlap,length --against length
  harness metric-eval labelled.jsonl --label factual --system model --control model --out agreement.json
"""  # noqa: E501


@click.command("metric-eval", epilog=EPILOG)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--label", required=True, metavar="COLUMN", help="What people said, a number.")
@click.option(
    "--scores",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A file of rows, or a run folder, with the metrics' scores. [FILE itself]",
)
@click.option("--task", help="The task of a run folder that holds several.")
@click.option("--on", "keys", type=run_options.Names(), help="Columns that join them. [id]")
@click.option("--metrics", type=run_options.Names(), help="Their columns. [all with numbers]")
@click.option("--system", metavar="COLUMN", help="Who made the text: gives system-level figures.")
@click.option("--cluster", metavar="COLUMN", help="What samples share, such as the document.")
@click.option(
    "--control",
    "controls",
    type=run_options.Names(),
    help="Columns that partial correlations are freed of, such as the system.",
)
@click.option("--positive", metavar="TEXT", help="The label that is positive, where it is text.")
@click.option("--positive-from", type=float, help="The least label that is positive, for AUROC.")
@click.option(
    "--threshold",
    "thresholds",
    multiple=True,
    metavar="METRIC=X",
    help="Scores from X on say positive: gives balanced accuracy.",
)
@click.option("--against", metavar="METRIC", help="Also show what each is better than this one.")
@click.option("--resamples", type=click.IntRange(100), default=1000, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the bootstrap.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the figures as JSON.")
def command(file: Path, scores: tuple[Path, ...], out: Path | None, **given: Any) -> int:
    """Say how far metrics agree with the labels that people gave.

    FILE holds a row a labelled text. Correlations (Pearson, Spearman, Kendall's tau-b) over
    samples, over systems' means and freed of controls; the area under the ROC curve; each
    with a 95 % interval by a bootstrap that draws whole clusters.
    """
    from harness.authoring.io import files
    from harness_grounding.meta_evaluation import agreement, tables

    columns = tables.Columns(
        given["label"],
        given["keys"] or (),
        given["metrics"] or (),
        given["system"],
        given["cluster"],
        given["controls"] or (),
        given["positive"],
    )
    settings = agreement.Settings(
        given["positive_from"],
        _thresholds(given["thresholds"]),
        given["against"],
        given["resamples"],
        given["seed"],
    )
    labelled = tables.read(file, scores, columns, given["task"])
    found = agreement.evaluate(labelled, settings)
    _show(labelled, found, given["against"])
    if out is not None:
        files.write_json(out, _to_json(labelled, found))
        echo(f"Figures: {out}")
    return 0


def _thresholds(given: Sequence[str]) -> Mapping[str, float]:
    """METRIC=X pairs.

    Raises:
        UsageError: One is malformed.
    """
    import math

    from harness.errors import UsageError

    found = {}
    for text in given:
        name, equals, number = text.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not equals or not name or not math.isfinite(value):
            raise UsageError(f"--threshold {text}", "Expected METRIC=X, such as overlap=0.5")
        found[name] = value
    return found


def _show(labelled: Labelled, found: Sequence[Agreement], against: str | None) -> None:
    from harness_grounding.meta_evaluation.agreement import LEVELS

    for level, words in LEVELS.items():
        rows = [each for each in found if each.level == level]
        _table(words, [(each, each.estimate) for each in rows])
        more = [(each, each.difference) for each in rows if each.difference is not None]
        _table(f"{words}: by how much more than {against}", more, "+")
    for note in labelled.notes:
        echo(f"Note: {note}")


def _table(title: str, rows: Sequence[tuple[Agreement, Estimate]], sign: str = "") -> None:
    """A row a metric, a column a coefficient, and below by which methods."""
    from rich.table import Table

    from harness.authoring.io import terminal

    if not rows:
        return
    out = terminal.console()
    coefficients = list(dict.fromkeys(each.coefficient for each, _ in rows))
    table = Table("metric", *coefficients, "n", title=title, title_justify="left")
    for metric in dict.fromkeys(each.metric for each, _ in rows):
        told = {each.coefficient: known for each, known in rows if each.metric == metric}
        cells = [_interval(told[name], sign) if name in told else "" for name in coefficients]
        table.add_row(one_line(metric), *cells, f"{next(iter(told.values())).n:,}")
    terminal.print_table(out, table, 1)
    for method in dict.fromkeys(known.method for _, known in rows):
        out.print(f"  {method}")


def _interval(told: Estimate, sign: str) -> str:
    import math

    if math.isnan(told.value):
        return "—"
    text = f"{told.value:{sign}.4f}"
    if math.isfinite(told.low):
        text += f" [{told.low:{sign}.3f}, {told.high:{sign}.3f}]"
    return text


def _to_json(labelled: Labelled, found: Sequence[Agreement]) -> dict[str, Any]:
    from harness.authoring.io.serialization import estimate_to_json

    return {
        "labels": len(labelled.labels),
        "notes": list(labelled.notes),
        "agreement": [
            {
                "metric": each.metric,
                "level": each.level,
                "coefficient": each.coefficient,
                **estimate_to_json(each.estimate),
                **(
                    {"difference": estimate_to_json(each.difference)}
                    if each.difference is not None
                    else {}
                ),
            }
            for each in found
        ],
    }
