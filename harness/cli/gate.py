"""``harness gate RUN``: pass, block or inconclusive, with the evidence."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.authoring.io.run_options import Names
from harness.authoring.literal import echo
from harness.cli import gate_power, registry_of

if TYPE_CHECKING:
    from harness.gating import GateConfig, GateVerdict
    from harness.plugins import Registry

EPILOG = """\b
Examples:
  harness gate runs/candidate --baseline runs/main
  harness gate runs/candidate --config gates/release.toml --quiet
  harness gate runs/candidate --format junit,markdown
  harness gate runs/main --power --discordance 0.1

Exit codes: 0 pass, 1 block, 2 usage or data error, 4 inconclusive
(`inconclusive` under [gate] maps it: "fail" to 1, "warn" to 0 with a warning, "pass" to 0).
"""
SAID = {"pass": "Pass", "block": "Blocked", "inconclusive": "Inconclusive"}
STYLES = {"pass": "green", "block": "red", "inconclusive": "yellow"}


@click.command("gate", epilog=EPILOG)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--baseline", type=click.Path(path_type=Path), help="Run folder or baseline file.")
@click.option(
    "--config",
    "file",
    type=click.Path(path_type=Path),
    default=Path("harness.toml"),
    show_default=True,
    help="The file with the [gate] table.",
)
@click.option("--format", "formats", type=Names(), default="", help="Reports to write into RUN.")
@click.option("--quiet", is_flag=True, help="Print only the verdict's sentence.")
@click.option("--full", is_flag=True, help="Print every rule's evidence in a sentence, too.")
@click.option(
    "--power",
    is_flag=True,
    help="Judge nothing: say how often this gate will pass, block or be inconclusive.",
)
@gate_power.options("--power")
@click.pass_context
def command(
    context: click.Context,
    run: Path,
    baseline: Path | None,
    file: Path,
    formats: tuple[str, ...],
    quiet: bool,
    full: bool,
    power: bool,
    discordance: float | None,
    repeat: Path | None,
) -> int:
    """Decide whether RUN (a run folder) may ship, by the rules under [gate].

    The verdict is written into the run folder's results.json, and into the reports named by
    --format; where $GITHUB_STEP_SUMMARY is set, it is added to the job's summary.
    """
    from harness.api import gate
    from harness.errors import UsageError
    from harness.results.imported import is_own

    config = _config(file, baseline)
    if power:
        gate_power.of_run(config, run, registry_of(context), discordance, repeat)
        return 0
    registry = registry_of(context)
    for name in formats:
        registry.reporter(name)
    if formats and run.exists() and not (run.is_dir() and is_own(run)):
        raise UsageError(
            f"--format {','.join(formats)} writes into a run folder, and {run} is none",
            "Name the run's folder.",
        )
    verdict = gate(run, config=config, registry=registry)
    show(verdict, quiet, full)
    annotate(verdict)
    _record(registry_of(context), run, verdict, formats)
    return verdict.exit_code


def _config(file: Path, baseline: Path | None) -> GateConfig:
    from dataclasses import replace

    from harness.config import read_gate
    from harness.gating import parse_gate

    config = parse_gate(read_gate(file))
    return config if baseline is None else replace(config, baseline=str(baseline))


def _record(registry: Registry, run: Path, verdict: GateVerdict, formats: tuple[str, ...]) -> None:
    """Keeps the verdict beside the results; a baseline file is left as it is."""
    from dataclasses import replace

    from harness.cli import rendering
    from harness.results import runfolder
    from harness.results.imported import is_own

    if not run.is_dir() or not is_own(run):
        return
    result = replace(runfolder.read_result(run), gate=verdict)
    try:
        with runfolder.locked(run):
            runfolder.write_result(run, result)
    except OSError as error:  # the verdict stands all the same
        echo(f"Note: the verdict is not kept in {run}: {error.strerror or error}", err=True)
        if not formats:
            return
    rendering.render(registry, formats, result, run, quiet=True)


def show(verdict: GateVerdict, quiet: bool = False, full: bool = False) -> None:
    """Prints the answer, then the rules in a table; with ``quiet`` the sentence alone.

    With ``full`` every rule says its evidence in a sentence, too.
    """
    if quiet:
        echo(verdict.sentence)
        return
    from harness.cli import gate_table

    click.secho(f"{SAID[verdict.verdict]}: ", fg=STYLES[verdict.verdict], bold=True, nl=False)
    echo(verdict.sentence)
    gate_table.show(verdict, full)
    for note in verdict.notes:
        echo(f"Note: {note}")
    for task, planned in verdict.samples_planned.items():
        used = verdict.samples_used.get(task, 0)
        if used < planned:
            saved = 1 - used / planned
            echo(f"{task}: {used} of {planned} samples were needed ({saved:.0%} saved)")


def annotate(verdict: GateVerdict) -> None:
    """Warns where the build goes on although nothing was shown."""
    import os

    if verdict.annotation is None:
        return
    if os.environ.get("GITHUB_ACTIONS") == "true":
        click.echo(f"::warning title=harness gate::{verdict.annotation}")
    else:
        click.echo(f"Warning: {verdict.annotation}", err=True)
