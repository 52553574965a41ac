"""``harness report``: render a run again."""

from __future__ import annotations

from pathlib import Path

import click

from harness.authoring.io.run_options import Names
from harness.authoring.literal import echo
from harness.cli import registry_of, rendering

EPILOG = """\b
Examples:
  harness report runs/20260101T120000Z-ckpt
  harness report runs/candidate --format markdown,junit
"""


@click.command("report", epilog=EPILOG)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--format", "formats", type=Names(), default="console,html", help="[console,html]")
@click.option("--full", is_flag=True, help="Print every table, not a screen of them.")
@click.pass_context
def command(context: click.Context, run: Path, formats: tuple[str, ...], full: bool) -> int:
    """Render the reports of RUN (a run folder) again, without the model."""
    from harness.results import runfolder

    folder = run if run.is_dir() else run.parent
    result = runfolder.read_result(run)
    if not runfolder.is_checked(folder):
        note = "an earlier version wrote it, without a manifest: its files cannot be checked"
        echo(f"Note: {folder}: {note}", err=True)
    rendering.render(registry_of(context), formats, result, folder, full=full)
    return 0
