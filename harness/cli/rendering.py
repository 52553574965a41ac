"""Writing the reports of a result, and saying where they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from harness.protocols import ReporterSpec
from harness.types import RunResult


def render(
    reporters: Sequence[ReporterSpec], result: RunResult, folder: Path, quiet: bool = False
) -> None:
    """Renders each format; files first, so that what is printed can point to them."""
    written = [
        path
        for spec in reporters
        if spec.name != "console" and (path := spec.open().render(result, folder)) is not None
    ]
    if quiet:
        return
    for spec in reporters:
        if spec.name == "console":
            spec.open().render(result, folder)
    for path in written:
        click.echo(f"{path.suffix.removeprefix('.').upper()} report: {path}")
    click.echo(f"Run folder: {folder}")
