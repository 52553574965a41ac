"""``harness init``: a commented harness.toml, and a CI workflow on request."""

from __future__ import annotations

import shlex
from importlib import resources
from pathlib import Path, PurePosixPath

import click

from harness import runfolder
from harness.errors import ConfigError, UsageError
from harness.literal import echo

EPILOG = """\b
Examples:
  harness init
  harness init --github
  harness init --github --config gate.toml
"""
CONFIG = "harness.toml"


@click.command("init", epilog=EPILOG)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=".")
@click.option("--github", is_flag=True, help="Write .github/workflows/harness.yml too.")
@click.option("--config", help=f"The configuration of yours that the workflow uses. [{CONFIG}]")
@click.option("--force", is_flag=True, help="Overwrite files that are there.")
def command(folder: Path, github: bool, config: str | None, force: bool) -> int:
    """Write a commented harness.toml into FOLDER, and a CI workflow on request.

    The workflow uses your own configuration where there is one.
    """
    if config is not None and not github:
        raise UsageError("--config says what the workflow uses", "Add --github.")
    wanted: dict[Path, str] = {}
    if config is None and not (github and not force and (folder / CONFIG).exists()):
        wanted[folder / CONFIG] = _template("harness.toml")
    if github:
        chosen = _within(config or CONFIG)
        own = folder / chosen
        baseline = _baseline(own) if config is not None or own not in wanted else "baseline.json.gz"
        wanted[folder / ".github" / "workflows" / "harness.yml"] = _workflow(chosen, baseline)
    present = [path for path in wanted if path.exists()]
    if present and not force:
        raise UsageError(f"{present[0]} is there already", "Overwrite it with --force.")
    for path, text in wanted.items():
        runfolder.write_atomically(path, text)
        echo(f"Wrote {path}")
    return 0


def _baseline(path: Path) -> str | None:
    """What the configuration is gated against; None where it names nothing."""
    from harness.config import read_config

    values = read_config(path)
    if values.get("gate") is None:
        raise ConfigError(f"{path} has no [gate] table", "The workflow needs rules to judge by.")
    baseline = values.get("baseline")
    return None if baseline is None else _within(str(baseline))


def _within(path: str) -> str:
    """A path below the repository's root, with slashes."""
    pure = PurePosixPath(path.replace("\\", "/"))
    if pure.is_absolute() or ".." in pure.parts:
        raise UsageError(f"{path} lies outside the repository", "Give a path below its root.")
    return str(pure)


def _workflow(config: str, baseline: str | None) -> str:
    """The workflow; names are quoted for the shell."""
    against = "" if baseline is None else f'--baseline "$judge"/{shlex.quote(baseline)} '
    text = _template("github.yml").replace("@CONFIG@", shlex.quote(config))
    return text.replace("@BASELINE@", against)


def _template(name: str) -> str:
    return (resources.files("harness.cli") / "templates" / name).read_text("utf-8")
