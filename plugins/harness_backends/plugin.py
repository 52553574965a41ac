"""What this package registers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from harness import hookimpl
from harness.authoring.io import lazy_commands

if TYPE_CHECKING:
    from harness.protocols import BackendOptions, BackendSpec, ModelBackend

COMMANDS = {"demo": "Save the embedded demo model as an ordinary Hugging Face checkpoint."}


@hookimpl
def harness_register_backends() -> list[BackendSpec]:
    """The backends that ship with the harness."""
    from harness.authoring.options import lazily
    from harness.protocols import BackendSpec
    from harness_backends.api import open_anthropic, open_openai
    from harness_backends.hf import open_hf, open_peft
    from harness_backends.vllm import open_vllm

    hf = lazily("harness_backends.hf.settings", "Settings")
    return [
        BackendSpec("hf", "a Hugging Face checkpoint folder or hub id", open_hf, hf),
        BackendSpec("peft", "an adapter's folder, as hf reads it", open_peft, hf),
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
        BackendSpec("demo", "a tiny model to try things with", _open_demo, hf),
    ]


def _open_replay(options: BackendOptions) -> ModelBackend:
    from harness_backends import replay

    return replay.open_replay(options)


def _open_demo(options: BackendOptions) -> ModelBackend:
    from dataclasses import replace

    from harness_backends import demo
    from harness_backends.hf import open_hf

    return open_hf(replace(options, model=str(demo.weights_folder())))


@hookimpl
def harness_commands(app: click.Group) -> None:
    """Adds ``harness demo``."""
    lazy_commands.add(app, COMMANDS, _commands)


def _commands() -> tuple[click.Command, ...]:
    from harness_backends.demo.command import command

    return (command,)
