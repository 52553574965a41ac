"""What this package registers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

import harness
from harness.authoring.io import lazy_commands

COMMANDS = {
    "contamination": "Look for signs that a model was trained on test sets.",
    "data": "Look at training data, clean it, and split it without leaks.",
    "monitor": "Compare LOGS of production with a reference, and raise an alarm where they differ.",
    "privacy": "Does a model give back its training data: planted canaries, and personal data of "
    "a file.",
}


@harness.hookimpl
def harness_check_training_data(
    texts: Sequence[str], prompts: Sequence[str]
) -> Mapping[str, int] | None:
    """What ``harness data check`` finds; None where a library that it needs is not installed."""
    from harness.errors import MissingExtraError
    from harness_data.preparation import card, findings, table

    lines = tuple(
        table.Line(number, {}, text, prompt, text.removeprefix(prompt))
        for number, (text, prompt) in enumerate(zip(texts, prompts, strict=True), 1)
    )
    try:
        found = findings.find(table.Table(Path("training rows"), lines, (), ()))
    except MissingExtraError:
        return None
    return {card.WORDS[kind]: count for kind, count in found.problems.items()}


@harness.hookimpl
def harness_commands(app: click.Group) -> None:
    """``contamination``, ``data``, ``monitor`` and ``privacy``."""
    lazy_commands.add(app, COMMANDS, _commands)


def _commands() -> tuple[click.Command, ...]:
    from harness_data.contamination.command import command as contamination
    from harness_data.monitoring.command import command as monitor
    from harness_data.preparation.commands import group as data
    from harness_data.privacy.commands import group as privacy

    return contamination, data, monitor, privacy
