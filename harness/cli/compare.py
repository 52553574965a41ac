"""``harness compare A B [C …]``: what changed between runs, and whether it could be chance."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.authoring.io.run_options import Names
from harness.authoring.literal import echo
from harness.cli import registry_of
from harness.protocols import ComparisonReporter, ReporterSpec

if TYPE_CHECKING:
    from harness.plugins import Registry
    from harness.types import RunComparison

EPILOG = """\b
Examples:
  harness compare runs/main runs/candidate
  harness compare main.baseline runs/a runs/b --format json --out comparison.json
  harness compare runs/main runs/candidate --format html,markdown --out comparison
  harness compare results_old.json results_new.json
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
    help="Any of console, markdown, html, json, and formats of plugins that compare.",
)
@click.option("--force", is_flag=True, help="Compare although version, data or shots differ.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="File to write; with several formats, each adds its suffix.",
)
@click.option("--full", is_flag=True, help="Print every table, not a screen of them.")
@click.pass_context
def command(
    context: click.Context,
    baseline: Path,
    candidates: tuple[Path, ...],
    formats: tuple[str, ...],
    force: bool,
    out: Path | None,
    full: bool,
) -> int:
    """Compare CANDIDATES with BASELINE, sample by sample.

    Each is a run folder, a baseline file, or the results of another program (harness import
    --help lists them). Only samples that both runs scored are compared.
    """
    from harness.authoring.reporting import progress
    from harness.comparison.run_comparison import adjusted, compare
    from harness.gating.registry_lookup import task_metrics
    from harness.results.imported import load

    registry = registry_of(context)
    _check(formats, out, registry)
    paths = (baseline, *candidates)
    with progress.display() as shown:
        shown.phase("reading", len(paths), "runs")
        runs = []
        for path in paths:
            runs.append(load(path, registry, texts=True))
            shown.update(len(runs), str(path))
        metrics = task_metrics(registry, runs)
        shown.phase("comparing", len(candidates), "runs")
        compared = []
        for each in runs[1:]:
            compared.append(compare(runs[0], each, metrics, force))
            shown.update(len(compared))
    comparisons = adjusted(compared)
    for name in formats:
        file = out
        if out is not None and len(formats) > 1:
            file = out.with_name(out.name + suffix_of(registry.reporter(name)))
        show(name, comparisons, file, registry, full)
    return 0


def _check(formats: Sequence[str], out: Path | None, registry: Registry) -> None:
    """Refuses what would be refused only after the comparison."""
    from harness.errors import UsageError

    if not formats:
        raise UsageError(
            "--format names nothing", f"Expected any of {', '.join(_that_compare(registry))}"
        )
    for name in formats:
        _reporter(name, registry)
        spec = registry.reporter(name)
        if out is None and not spec.prints:
            raise UsageError(
                f"--format {name} needs a file to write", f"Add --out FILE{suffix_of(spec)}"
            )


def suffix_of(spec: ReporterSpec) -> str:
    """What a comparison's file ends with."""
    return spec.suffix or f".{spec.name}"


def show(
    name: str,
    comparisons: Sequence[RunComparison],
    file: Path | None,
    registry: Registry,
    full: bool = False,
) -> None:
    """Shows the comparisons in one format, in ``file`` where there is one."""
    written = _reporter(name, registry, full).render_comparison(comparisons, file)
    path = file if written is None else written
    if path is not None:
        echo(f"{'HTML' if name == 'html' else name} report: {path}")


def _reporter(name: str, registry: Registry, full: bool = False) -> ComparisonReporter:
    from harness.cli.rendering import opened
    from harness.errors import UsageError

    reporter = opened(registry, name, full)
    if not isinstance(reporter, ComparisonReporter):
        raise UsageError(
            f"the installed {name} reporter does not show comparisons",
            f"Use --format {' or '.join(_that_compare(registry))}.",
        )
    return reporter


def _that_compare(registry: Registry) -> list[str]:
    return [
        name
        for name, spec in registry.reporters.items()
        if isinstance(spec.open(), ComparisonReporter)
    ]
