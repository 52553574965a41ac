"""Live progress of a training on the display of every long command: step, loss, reward, KL."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from harness.authoring.reporting import progress
from harness.authoring.reporting.progress import Display
from harness.protocols import TrainingEvent

OnEvent = Callable[[TrainingEvent], None]

_NUMBERS = (
    ("loss", ("loss",)),
    ("reward", ("reward", "mean_reward")),
    ("held out", ("rewards/held_out/mean",)),
    ("margin", ("rewards/margins", "margin")),
    ("KL", ("kl",)),
)
"""What is shown, and the names under which the trainers log it, best first."""


@contextmanager
def display(title: str, quiet: bool, kept: list[TrainingEvent] | None = None) -> Iterator[OnEvent]:
    """Shows a training's events.

    Args:
        title: What is trained, until a stage names itself.
        quiet: Show nothing.
        kept: A list to which every event is added.
    """
    with progress.display(quiet) as shown:

        def on_event(event: TrainingEvent) -> None:
            if kept is not None:
                kept.append(event)
            show(shown, title, event)

        yield on_event


def show(shown: Display, title: str, event: TrainingEvent) -> None:
    """One event on the display."""
    if event["event"] == "stage":
        shown.phase(event.get("title") or title, event["steps"], "steps")
        shown.update(event.get("resumed_at", 0), reused=event.get("resumed_at", 0))
    elif event["event"] == "step":
        shown.update(event["step"], numbers(event["logs"]))
    elif event["event"] == "metric":
        shown.say(_metric(event))


def numbers(logs: Mapping[str, Any]) -> str:
    """The numbers to watch, in one line."""
    shown = []
    for label, names in _NUMBERS:
        value = next((logs[name] for name in names if name in logs), None)
        if value is not None:
            shown.append(f"{label} {value:.4g}")
    return " · ".join(shown)


def _metric(event: TrainingEvent) -> str:
    best = ", the best so far" if event.get("best") else ""
    return f"step {event['step']:,}: {event['name']} {event['value']:.4g}{best}"
