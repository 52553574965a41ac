"""Writing the reports of a result, and saying where they are."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from harness.authoring.literal import echo
from harness.plugins import Registry
from harness.protocols import CanDetail, Reporter
from harness.types import RunResult

STEP_SUMMARY = "GITHUB_STEP_SUMMARY"
"""Set by GitHub Actions to a file whose Markdown it shows on the job's page."""


def render(
    registry: Registry,
    formats: Sequence[str],
    result: RunResult,
    folder: Path,
    quiet: bool = False,
    full: bool = False,
) -> None:
    """Renders each format; files first, so that what is printed can point to them.

    Where CI shows a summary of the job, the Markdown report is added to it. ``full``: the console
    leaves nothing out.
    """
    written: list[Path] = []
    for name in formats:
        if name != "console":
            path = registry.reporter(name).open().render(result, folder)
            written += [] if path is None else [path]
    if os.environ.get(STEP_SUMMARY):
        _summarize(registry, result, folder)
    if quiet:
        return
    if "console" in formats:
        opened(registry, "console", full).render(result, folder)
    for path in written:
        echo(f"{path.suffix.removeprefix('.').upper()} report: {path}")
    echo(f"Run folder: {folder}")


def opened(registry: Registry, name: str, full: bool) -> Reporter:
    """The reporter of a format; where it can say more and ``full`` is asked, one that does."""
    reporter = registry.reporter(name).open()
    return reporter.detailed() if full and isinstance(reporter, CanDetail) else reporter


def _summarize(registry: Registry, result: RunResult, folder: Path) -> None:
    path = registry.reporter("markdown").open().render(result, folder)
    if path is not None:
        with open(os.environ[STEP_SUMMARY], "a", encoding="utf-8") as summary:
            summary.write(path.read_text(encoding="utf-8") + "\n")
