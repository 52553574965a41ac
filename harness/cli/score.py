"""``harness score``: further metrics of a finished run."""

from __future__ import annotations

from pathlib import Path

import click

from harness.authoring.io.run_options import Names
from harness.authoring.literal import echo
from harness.cli import registry_of, rendering

EPILOG = """\b
Examples:
  harness score runs/main --metrics grounding.numbers
  harness score runs/main --metrics rouge:unicode,grounding.numbers --tasks squad --format console
  harness score runs/repeated --reduce pass@2,majority
"""


@click.command("score", epilog=EPILOG)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--metrics", type=Names(), default="", help="Registered metrics; see `harness ls`.")
@click.option(
    "--reduce",
    "reducers",
    type=Names(),
    default="",
    help="What to compute of repeats: pass@K, pass^K, majority, at_least_one, mean.",
)
@click.option("--tasks", type=Names(), default="", help="The run's tasks. [all that they fit]")
@click.option("--format", "formats", type=Names(), default="console,html", help="[console,html]")
@click.pass_context
def command(
    context: click.Context,
    run: Path,
    metrics: tuple[str, ...],
    reducers: tuple[str, ...],
    tasks: tuple[str, ...],
    formats: tuple[str, ...],
) -> int:
    """Add metrics, or reducers of its repeats, to RUN, a finished run folder, without its model.

    Samples, results and manifest are written anew; what the run had stays as it was.
    """
    from harness.errors import UsageError
    from harness.scoring import finished_run

    if not metrics and not reducers:
        raise UsageError(
            "--metrics names nothing, and --reduce does not", "`harness ls` lists the metrics."
        )
    registry = registry_of(context)
    for name in formats:
        registry.reporter(name)
    scored = finished_run.score(run, metrics, registry, tasks, reducers)
    for task, left_out in scored.left_out.items():
        for metric, why in left_out.items():
            echo(f"Note: {task} without {metric}: {why}", err=True)
    rendering.render(registry, formats, scored.result, run)
    return 0
