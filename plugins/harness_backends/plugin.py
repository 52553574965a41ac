"""What this package registers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from harness import hookimpl
from harness.protocols import BackendOptions, BackendSpec, ModelBackend
from harness_backends import demo, replay
from harness_backends.api import ANTHROPIC_OPTIONS, OPENAI_OPTIONS, open_anthropic, open_openai
from harness_backends.hf import HF_OPTIONS, open_hf, open_peft
from harness_backends.vllm import VLLM_OPTIONS, open_vllm


@hookimpl
def harness_register_backends() -> list[BackendSpec]:
    """The backends that ship with the harness."""
    return [
        BackendSpec("hf", "a Hugging Face checkpoint folder or hub id", open_hf, HF_OPTIONS),
        BackendSpec("peft", "an adapter's folder, as hf reads it", open_peft, HF_OPTIONS),
        BackendSpec(
            "openai",
            "any OpenAI-compatible server",
            open_openai,
            OPENAI_OPTIONS,
            replicable=False,
        ),
        BackendSpec(
            "anthropic",
            "Anthropic's Messages API",
            open_anthropic,
            ANTHROPIC_OPTIONS,
            replicable=False,
        ),
        BackendSpec("vllm", "vLLM's engine in this process", open_vllm, VLLM_OPTIONS),
        BackendSpec(
            "replay",
            "saved outputs, in a file of any usual format",
            replay.open_replay,
            replay.OPTIONS,
            replicable=False,
            by_sample=True,
        ),
        BackendSpec(
            "demo",
            "a tiny model to try things with",
            _open_demo,
            HF_OPTIONS,
        ),
    ]


def _open_demo(options: BackendOptions) -> ModelBackend:
    return open_hf(replace(options, model=str(demo.weights_folder())))


@hookimpl
def harness_commands(app: click.Group) -> None:
    """Adds ``harness demo``."""
    app.add_command(_demo)


@click.command("demo", epilog="\b\nExample:\n  harness demo --save ./ckpt")
@click.option(
    "--save",
    "out",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder for the checkpoint; made where it does not exist.",
)
def _demo(out: Path) -> int:
    """Save the embedded demo model as an ordinary Hugging Face checkpoint."""
    demo.save(out)
    click.echo(f"Saved the demo model. Try: harness run --model {out} --tasks squad --data sample")
    return 0
