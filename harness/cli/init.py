"""``harness init``: a commented harness.toml, and a CI workflow on request."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import click

from harness import runfolder
from harness.errors import UsageError
from harness.literal import echo

EPILOG = """\b
Examples:
  harness init
  harness init --github
"""


@click.command("init", epilog=EPILOG)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=".")
@click.option("--github", is_flag=True, help="Write .github/workflows/harness.yml too.")
@click.option("--force", is_flag=True, help="Overwrite files that are there.")
def command(folder: Path, github: bool, force: bool) -> int:
    """Write a commented harness.toml into FOLDER, and a CI workflow on request."""
    wanted = {folder / "harness.toml": "harness.toml"}
    if github:
        wanted[folder / ".github" / "workflows" / "harness.yml"] = "github.yml"
    present = [path for path in wanted if path.exists()]
    if present and not force:
        raise UsageError(f"{present[0]} is there already", "Overwrite it with --force.")
    templates = resources.files("harness.cli") / "templates"
    for path, template in wanted.items():
        runfolder.write_atomically(path, (templates / template).read_text("utf-8"))
        echo(f"Wrote {path}")
    return 0
