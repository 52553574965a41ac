"""``harness import FILE``: results of another program as a run folder."""

from __future__ import annotations

from pathlib import Path

import click

from harness.authoring.literal import echo
from harness.cli import registry_of

EPILOG = """\b
Examples:
  harness import lm_eval_output --out runs/theirs
  harness import results.csv --out runs/scores
  harness compare results_old.json results_new.json

\b
Formats, told by their content: lm-evaluation-harness, Inspect (.eval, .json), HELM, Every Eval
Ever, promptfoo, deepeval, and tables (id, and a column of numbers a metric). Plugins add more.

\b
compare and gate take the files themselves; every command takes the folder written here.
"""


@click.command("import", epilog=EPILOG)
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Run folder to write.")
@click.option("--model", help="Which model's results, where there are several.")
@click.pass_context
def command(context: click.Context, source: Path, out: Path, model: str | None) -> int:
    """Write SOURCE, the results of another program, as a run folder.

    A metric's samples count only where their mean is the value that the file publishes; else that
    value and its published error stand, and comparisons of it are unpaired.
    """
    from harness.errors import DataError
    from harness.results import imported

    if not source.exists():
        raise DataError("no such file or folder", path=source, expected="results to import")
    if imported.is_own(source):
        raise DataError(
            "it is a run of the harness already", path=source, expected="another program's results"
        )
    found = imported.read(source, registry_of(context), model)
    result = imported.write(found, out)
    echo(f"{out}: {found.result.model['name']}, from {found.result.model['imported_from']}")
    for task in result.tasks.values():
        samples = len(found.records[task.name])
        echo(f"{task.name}: {samples:,} samples in the file, n = {task.n:,}")
        for name, metric in task.metrics.items():
            value = metric.estimate
            echo(
                f"  {name}  {value.value:.4g}  [{value.low:.4g}, {value.high:.4g}]  {value.method}"
            )
        for note in task.notes[1:]:
            echo(f"  Note: {note}")
    return 0
