"""``harness plugins``: what is loaded, and what failed."""

from __future__ import annotations

import click

from harness.authoring.literal import echo
from harness.cli import registry_of


@click.command("plugins")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(context: click.Context, as_json: bool) -> int:
    """List every plugin with its version, hooks, origin and failure."""
    plugins = registry_of(context).plugins
    if as_json:
        import dataclasses
        import json

        echo(json.dumps([dataclasses.asdict(plugin) for plugin in plugins], indent=2))
        return 0
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("plugin", "version", "origin", "hooks", box=None, header_style="bold")
    for plugin in plugins:
        state = (
            Text(f"skipped: {plugin.error}", style="red")
            if plugin.error is not None
            else Text(", ".join(hook.removeprefix("harness_") for hook in plugin.hooks))
        )
        table.add_row(plugin.name, plugin.version, plugin.origin, state)
    Console().print(table)
    return 0
