"""What this package registers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import click

from harness import hookimpl
from harness.protocols import Aligner, AlignerSpec, BackendOptions, BackendSpec, ModelBackend
from harness_align.adapter_backend import OPTIONS as ADAPTER_OPTIONS
from harness_align.methods import METHODS


@hookimpl
def harness_register_aligners() -> list[AlignerSpec]:
    """The training methods that ship with the harness."""
    return [
        AlignerSpec(method.name, method.description, partial(_open, method.name))
        for method in METHODS.values()
    ]


@hookimpl
def harness_register_backends() -> list[BackendSpec]:
    """The backend for results that are adapters alone."""
    return [
        BackendSpec(
            "peft", "an adapter's folder, with the base it names", _adapter, ADAPTER_OPTIONS
        )
    ]


def _adapter(options: BackendOptions) -> ModelBackend:
    from harness_align.adapter_backend import open_adapter

    return open_adapter(options)


def _open(method: str) -> Aligner:
    from harness_align.aligners import StagedAligner

    return StagedAligner(method)


@hookimpl
def harness_api() -> dict[str, Callable[..., object]]:
    """``from harness import align``."""
    return {"align": _align}


def _align(*arguments: Any, **settings: Any) -> object:
    """Trains a model and decides; see ``harness_align.api.align``."""
    from harness_align.api import align

    return align(*arguments, **settings)


@hookimpl
def harness_commands(app: click.Group) -> None:
    """``align``, ``pairs`` and ``mine``."""
    from harness_align.commands import align, mine, pairs

    for command in (align.command, pairs.command, mine.command):
        app.add_command(command)
