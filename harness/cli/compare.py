"""``harness compare A B [C …]``: what changed between runs, and whether it could be chance."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from harness.authoring.io.run_options import Names
from harness.authoring.literal import echo
from harness.cli import registry_of

if TYPE_CHECKING:
    from harness.comparison.values import ComparisonReporter, RunComparison
    from harness.plugins import Registry

SUFFIXES = {"console": ".txt", "markdown": ".md", "html": ".html", "json": ".json"}
EPILOG = """\b
Examples:
  harness compare runs/main runs/candidate
  harness compare main.baseline runs/a runs/b --format json --out comparison.json
  harness compare runs/main runs/candidate --format html,markdown --out comparison
"""


@click.command("compare", epilog=EPILOG)
@click.argument("baseline", type=click.Path(path_type=Path))
@click.argument("candidates", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option(
    "--format",
    "formats",
    type=Names(),
    default="console",
    show_default=True,
    help="Any of console, markdown, html, json.",
)
@click.option("--force", is_flag=True, help="Compare although version, data or shots differ.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="File to write; with several formats, each adds its suffix.",
)
@click.pass_context
def command(
    context: click.Context,
    baseline: Path,
    candidates: tuple[Path, ...],
    formats: tuple[str, ...],
    force: bool,
    out: Path | None,
) -> int:
    """Compare CANDIDATES with BASELINE, sample by sample.

    Each is a run folder or a baseline file. Only samples that both runs scored are compared.
    """
    from harness.comparison.run_comparison import adjusted, compare
    from harness.gating.registry_lookup import task_metrics
    from harness.results.baseline import load_run

    _check(formats, out)
    registry = registry_of(context)
    runs = [load_run(path, texts=True) for path in (baseline, *candidates)]
    metrics = task_metrics(registry, runs)
    comparisons = adjusted([compare(runs[0], each, metrics, force) for each in runs[1:]])
    for name in formats:
        file = out
        if out is not None and len(formats) > 1:
            file = out.with_name(out.name + SUFFIXES[name])
        show(name, comparisons, file, registry)
    return 0


def _check(formats: Sequence[str], out: Path | None) -> None:
    from harness.errors import UnknownNameError, UsageError

    for name in formats:
        if name not in SUFFIXES:
            raise UnknownNameError("format", name, SUFFIXES)
    if not formats:
        raise UsageError("--format names nothing", f"Expected any of {', '.join(SUFFIXES)}")
    if "html" in formats and out is None:
        raise UsageError("--format html needs a file to write", "Add --out FILE.html")


def show(
    name: str, comparisons: Sequence[RunComparison], file: Path | None, registry: Registry
) -> None:
    """Shows the comparisons in one format, in ``file`` where there is one."""
    import json

    from harness.authoring.io.files import write_atomically
    from harness.cli import comparison
    from harness.comparison.values import comparison_to_json

    if name == "html":
        assert file is not None  # _check
        _html_reporter(registry).render_comparison(comparisons, file)
        echo(f"HTML report: {file}")
        return
    if name == "console" and file is None:
        comparison.print_tables(comparisons)
        return
    if name == "json":
        documents = [comparison_to_json(each) for each in comparisons]
        text = json.dumps(documents, allow_nan=False, indent=2)
    else:
        text = "\n\n".join(comparison.markdown(each) for each in comparisons)
    if file is None:
        print(text)  # escaped already
    else:
        write_atomically(file, text + "\n")
        echo(f"{name} report: {file}")


def _html_reporter(registry: Registry) -> ComparisonReporter:
    from harness.errors import UsageError

    reporter = registry.reporter("html").open()
    if not hasattr(reporter, "render_comparison"):
        raise UsageError(
            "the installed html reporter does not show comparisons",
            "Use --format markdown or --format json.",
        )
    return cast("ComparisonReporter", reporter)
