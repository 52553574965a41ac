"""``harness demo``: the demo model as a checkpoint of its own."""

from __future__ import annotations

from pathlib import Path

import click

from harness_backends import demo


@click.command("demo", epilog="\b\nExample:\n  harness demo --save ./ckpt")
@click.option(
    "--save",
    "out",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder for the checkpoint; made where it does not exist.",
)
def command(out: Path) -> int:
    """Save the embedded demo model as an ordinary Hugging Face checkpoint."""
    demo.save(out)
    click.echo(f"Saved the demo model. Try: harness run --model {out} --tasks squad --data sample")
    return 0
