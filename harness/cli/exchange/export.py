"""``harness export RUN --to NAME``: a run in another form, or at a service."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.authoring.io.run_options import Names
from harness.authoring.literal import echo
from harness.cli import registry_of

if TYPE_CHECKING:
    from harness.plugins import Registry
    from harness.protocols import Exporter

EPILOG = """\b
Examples:
  harness export runs/main --to csv --out metrics.csv
  harness export runs/main --to eee,hf --out exported
  harness export results.csv --to eee --out record

\b
`harness ls` lists the exporters, `harness ls NAME` the options of one.
"""


@click.command("export", epilog=EPILOG)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--to", "names", type=Names(), required=True, help="Exporters, comma-separated.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="File or folder to write; with several exporters, each adds its suffix.",
)
@click.option(
    "--set", "settings", multiple=True, metavar="NAME.KEY=VALUE", help="An option of exporter NAME."
)
@click.pass_context
def command(
    context: click.Context,
    run: Path,
    names: tuple[str, ...],
    out: Path | None,
    settings: tuple[str, ...],
) -> int:
    """Write RUN (a run folder, a baseline file, another program's results) in another form."""
    from harness.errors import plugin_call
    from harness.results import exported

    registry = registry_of(context)
    opened = open_exporters(registry, names, settings, out)
    found = exported.load(run, registry)
    for name, exporter in opened.items():
        with plugin_call(exporter, f"the exporter {name!r} failed"):
            told = exporter.export(found)
        echo(f"{name}: {told}")
    return 0


def open_exporters(
    registry: Registry, names: tuple[str, ...], settings: tuple[str, ...], out: Path | None
) -> Mapping[str, Exporter]:
    """The exporters, each with its options; what one lacks is said before anything is written.

    Raises:
        UsageError: None is named, one needs ``--out``, or an option is of none of them.
        MissingExtraError: One needs packages that are not installed.
    """
    from harness.authoring import option_models
    from harness.config import parse_settings
    from harness.errors import UsageError
    from harness.protocols import ExportOptions

    if not names:
        raise UsageError("--to names nothing", f"Expected any of {', '.join(registry.exporters)}")
    plain, of_exporter = parse_settings(settings)
    for key in [*plain, *(name for name in of_exporter if name not in names)]:
        raise UsageError(f"--set {key}", f"Expected NAME.KEY=VALUE, NAME one of {', '.join(names)}")
    opened: dict[str, Exporter] = {}
    for name in names:
        spec = registry.exporter(name)
        if spec.suffix and out is None:
            raise UsageError(f"--to {name} needs a path to write", "Add --out PATH")
        path = out
        if out is not None and spec.suffix and len(names) > 1:
            path = out.with_name(out.name + spec.suffix)
        values = of_exporter.get(name, {})
        option_models.check_names(spec.options, values, f"the exporter {name}")
        opened[name] = spec.open(ExportOptions(values, path))
    return opened
