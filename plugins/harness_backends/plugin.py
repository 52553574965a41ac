"""What this package registers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from harness import hookimpl
from harness.authoring.options import lazily
from harness.protocols import BackendOptions, BackendSpec, ModelBackend
from harness_backends import demo
from harness_backends.api import open_anthropic, open_openai
from harness_backends.hf import open_hf, open_peft
from harness_backends.vllm import open_vllm

_HF = lazily("harness_backends.hf.settings", "Settings")


@hookimpl
def harness_register_backends() -> list[BackendSpec]:
    """The backends that ship with the harness."""
    return [
        BackendSpec("hf", "a Hugging Face checkpoint folder or hub id", open_hf, _HF),
        BackendSpec("peft", "an adapter's folder, as hf reads it", open_peft, _HF),
        BackendSpec(
            "openai",
            "any OpenAI-compatible server",
            open_openai,
            lazily("harness_backends.api.settings", "OpenAISettings"),
            replicable=False,
        ),
        BackendSpec(
            "anthropic",
            "Anthropic's Messages API",
            open_anthropic,
            lazily("harness_backends.api.settings", "AnthropicSettings"),
            replicable=False,
        ),
        BackendSpec(
            "vllm",
            "vLLM's engine in this process",
            open_vllm,
            lazily("harness_backends.vllm.settings", "VLLMSettings"),
        ),
        BackendSpec(
            "replay",
            "saved outputs, in a file of any usual format",
            _open_replay,
            lazily("harness_backends.replay_settings", "ReplaySettings"),
            replicable=False,
            by_sample=True,
        ),
        BackendSpec(
            "demo",
            "a tiny model to try things with",
            _open_demo,
            _HF,
        ),
    ]


def _open_replay(options: BackendOptions) -> ModelBackend:
    from harness_backends import replay

    return replay.open_replay(options)


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
