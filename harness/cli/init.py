"""``harness init``: a commented harness.toml, and a CI workflow on request."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path, PurePosixPath

import click

from harness.authoring.io import files
from harness.authoring.literal import echo
from harness.cli import CONFIG
from harness.errors import ConfigError, UsageError

EPILOG = """\b
Examples:
  harness init
  harness init --github
  harness init --github --config gate.toml
  harness init --github --weekly
  harness init --samples 200 --margin 0.02 --discordance 0.1 --inconclusive warn
"""
CHOICES = ("fail", "warn", "pass")


@click.command("init", epilog=EPILOG)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=".")
@click.option("--github", is_flag=True, help="Write .github/workflows/harness.yml too.")
@click.option(
    "--weekly",
    is_flag=True,
    help="With --github: a workflow that evaluates each week and alarms on drift.",
)
@click.option("--config", help=f"The configuration of yours that the workflow uses. [{CONFIG}]")
@click.option("--force", is_flag=True, help="Overwrite files that are there.")
@click.option(
    "--samples",
    type=click.IntRange(min=2),
    help="Say how often a gate on so many samples would pass, block or be inconclusive.",
)
@click.option(
    "--margin",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.02,
    show_default=True,
    help="The drop that the gate allows.",
)
@click.option(
    "--discordance",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.1,
    show_default=True,
    help="For --samples: the share of samples whose score changes between harmless versions.",
)
@click.option(
    "--inconclusive",
    type=click.Choice(CHOICES),
    default=CHOICES[0],
    show_default=True,
    help="What a verdict that shows nothing does to a build: fail it, warn, or let it pass.",
)
def command(
    folder: Path,
    github: bool,
    weekly: bool,
    config: str | None,
    force: bool,
    samples: int | None,
    margin: float,
    discordance: float,
    inconclusive: str,
) -> int:
    """Write a commented harness.toml into FOLDER, and a CI workflow on request.

    The workflow uses your own configuration where there is one. With --samples it says beforehand
    what a gate would decide; `harness gate --power` and `harness plan --gate` do so for the rules
    as they are written. On a terminal it asks for what is not given.
    """
    if config is not None and not github:
        raise UsageError("--config says what the workflow uses", "Add --github.")
    if weekly and not github:
        raise UsageError("--weekly is a workflow for GitHub", "Add --github.")
    wanted: dict[Path, str] = {}
    if config is None and not (github and not force and (folder / CONFIG).exists()):
        wanted[folder / CONFIG] = ""
    if github:
        chosen = _within(config or CONFIG)
        own = folder / chosen
        gate = _gate(own) if config is not None or own not in wanted else Gate("baseline.json.gz")
        wanted[folder / ".github" / "workflows" / "harness.yml"] = _workflow(chosen, gate)
        if weekly:
            text = _template("weekly.yml").replace("@CONFIG@", shlex.quote(chosen))
            wanted[folder / ".github" / "workflows" / "harness-weekly.yml"] = text
    present = [path for path in wanted if path.exists()]
    if present and not force:
        raise UsageError(f"{present[0]} is there already", "Overwrite it with --force.")
    if folder / CONFIG in wanted:
        if samples is None and sys.stdin.isatty() and sys.stdout.isatty():
            samples, margin, discordance, inconclusive = _ask(margin, discordance, inconclusive)
        wanted[folder / CONFIG] = _configuration(margin, inconclusive)
    for path, text in wanted.items():
        files.write_atomically(path, text, files.SHARED)
        echo(f"Wrote {path}")
    _say_next(wanted, folder / CONFIG)
    if samples is not None:
        _show_power(samples, margin, discordance)
    return 0


def _say_next(written: Mapping[Path, str], config: Path) -> None:
    """What to do with the files."""
    if config in written:
        echo("Next: put your model, data and rules into it; then a first baseline and a candidate:")
        echo(f"  harness run --config {config} --no-gate --out runs/main")
        echo("  harness baseline save runs/main baseline.json.gz")
        echo(f"  harness run --config {config} --out runs/candidate")
    if len(written) > (config in written):
        echo("Next: commit it with the configuration and the baseline that this names")


def _ask(
    margin: float, discordance: float, inconclusive: str
) -> tuple[int | None, float, float, str]:
    """Asks for what decides how often a gate says nothing; 0 samples: not known yet."""
    positive = click.FloatRange(0, 1, min_open=True)
    samples = click.prompt("Samples of the gated task (0: not known)", 0, type=click.IntRange(0))
    margin = click.prompt("Drop that the gate allows (0.02: 2 points)", margin, type=positive)
    if samples >= 2:
        text = "Share of samples whose score changes between harmless versions"
        discordance = click.prompt(text, discordance, type=positive)
        _show_power(samples, margin, discordance)
    echo(
        "An inconclusive verdict means that there are too few samples. fail: the build stops;\n"
        "warn: it continues with a warning, and smaller drops are missed; pass: it continues "
        "without one."
    )
    inconclusive = click.prompt("Inconclusive", inconclusive, type=click.Choice(CHOICES))
    return None, margin, discordance, inconclusive


def _configuration(margin: float, inconclusive: str) -> str:
    """The commented configuration with what was chosen."""
    text = _template(CONFIG).replace("max_drop = 0.02", f"max_drop = {margin:g}")
    return text.replace('inconclusive = "fail"', f'inconclusive = "{inconclusive}"')


def _show_power(samples: int, margin: float, discordance: float) -> None:
    from harness.cli.gate_power import lines
    from harness.gating import GateConfig, Rule
    from harness.gating.power import power

    rule = Rule("TASK.METRIC", "max_drop", margin)
    echo(
        f"With {samples:,} samples, a margin of {margin:g} and {discordance:.0%} of the samples "
        "changing:"
    )
    for line in lines(power(GateConfig((rule,)), rule, samples, discordance)):
        echo(f"  {line}")


@dataclass(frozen=True, slots=True)
class Gate:
    """What the workflow must know of the gate: paths below the repository's root."""

    baseline: str | None
    series: bool = False
    series_folder: str = "gate-series"


def _gate(path: Path) -> Gate:
    """The gate that the configuration names."""
    from harness.config import read_config
    from harness.gating import parse_gate

    values = read_config(path)
    if values.get("gate") is None:
        raise ConfigError(f"{path} has no [gate] table", "The workflow needs rules to judge by.")
    found = parse_gate(values["gate"])
    baseline = values.get("baseline")
    return Gate(
        None if baseline is None else _within(str(baseline)),
        found.series is not None,
        _within(found.series_folder),
    )


def _within(path: str) -> str:
    """A path below the repository's root, with slashes."""
    pure = PurePosixPath(path.replace("\\", "/"))
    if pure.is_absolute() or ".." in pure.parts:
        raise UsageError(f"{path} lies outside the repository", "Give a path below its root.")
    return str(pure)


def _workflow(config: str, gate: Gate) -> str:
    """The workflow; names are quoted for the shell."""
    against = "" if gate.baseline is None else f'--baseline "$judge"/{shlex.quote(gate.baseline)} '
    chosen = {
        "@CONFIG@": shlex.quote(config),
        "@BASELINE@": against,
        "@SERIES@": shlex.quote(gate.series_folder),
        "@GROUP@": "harness-series" if gate.series else "harness-${{ github.ref }}",
        "@CANCEL@": "false" if gate.series else "true",
    }
    text = _template("github.yml")
    for name, value in chosen.items():
        text = text.replace(name, value)
    return text


def _template(name: str) -> str:
    return (resources.files("harness.cli") / "templates" / name).read_text("utf-8")
