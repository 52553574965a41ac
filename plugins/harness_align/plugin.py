"""What this package registers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from harness import hookimpl
from harness.authoring.io import lazy_commands

if TYPE_CHECKING:
    from harness.protocols import Aligner, AlignerOptions, AlignerSpec

COMMANDS = {
    "align": "Measure a model, train it further, measure it again, and decide.",
    "mine": "Pick samples of RUN, the most valuable first, as preference pairs.",
    "pairs": "Write preference pairs: the strong model's answer before the weaker ones'.",
}


@hookimpl
def harness_register_aligners() -> list[AlignerSpec]:
    """The training methods that ship with the harness."""
    from harness.protocols import AlignerSpec
    from harness_align.methods import METHODS

    return [
        AlignerSpec(
            method.name,
            method.description,
            partial(_open, method.name),
            method.kinds,
            method.settings,
            method.makes,
        )
        for method in METHODS.values()
    ]


def _open(method: str, options: AlignerOptions) -> Aligner:
    from harness_align.aligners import StagedAligner

    return StagedAligner(method, options)


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
    lazy_commands.add(app, COMMANDS, _commands)


def _commands() -> tuple[click.Command, ...]:
    from harness_align.commands import align, mine, pairs

    return align.command, mine.command, pairs.command
