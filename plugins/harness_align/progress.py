"""Live progress of a training: step, loss, reward, KL and time left, on standard error."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from harness.protocols import TrainingEvent

if TYPE_CHECKING:
    from rich.console import Console

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
    """A progress bar on a terminal; a line every ten seconds elsewhere.

    Args:
        title: What is trained, until a stage names itself.
        quiet: Show nothing.
        kept: A list to which every event is added.
    """
    with _shown(title, quiet) as show:

        def on_event(event: TrainingEvent) -> None:
            if kept is not None:
                kept.append(event)
            show(event)

        yield on_event


@contextmanager
def _shown(title: str, quiet: bool) -> Iterator[OnEvent]:
    if quiet:
        yield lambda _: None
        return
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines(console, title)
        return
    from rich import progress as rich

    columns = (
        rich.TextColumn("[bold]{task.description}"),
        rich.BarColumn(),
        rich.MofNCompleteColumn(),
        rich.TextColumn("{task.fields[numbers]}"),
        rich.TimeRemainingColumn(),
    )
    with rich.Progress(*columns, console=console) as bars:
        bars.add_task(title, total=None, numbers="starting")
        yield _Bar(bars)


def numbers(logs: Mapping[str, Any]) -> str:
    """The numbers to watch, in one line."""
    shown = []
    for label, names in _NUMBERS:
        value = next((logs[name] for name in names if name in logs), None)
        if value is not None:
            shown.append(f"{label} {value:.4g}")
    return " · ".join(shown)


class _Bar:
    def __init__(self, bars: Any) -> None:
        self._bars, self._task = bars, bars.task_ids[0]

    def __call__(self, event: TrainingEvent) -> None:
        if event["event"] == "stage":
            self._bars.reset(
                self._task,
                description=event.get("title"),
                total=event["steps"],
                completed=event.get("resumed_at", 0),
                numbers="",
            )
        elif event["event"] == "step":
            self._bars.update(self._task, completed=event["step"], numbers=numbers(event["logs"]))
        elif event["event"] == "metric":
            self._bars.console.print(_metric(event))


class _Lines:
    INTERVAL = 10.0

    def __init__(self, console: Console, title: str) -> None:
        self._console, self._title, self._steps = console, title, 0
        self._last = time.monotonic()

    def __call__(self, event: TrainingEvent) -> None:
        if event["event"] == "stage":
            self._steps, self._title = event["steps"], event.get("title", self._title)
            self._console.print(f"{self._title}: {self._steps:,} steps")
        elif event["event"] == "metric":
            self._console.print(_metric(event))
        elif event["event"] == "step":
            now = time.monotonic()
            if now - self._last >= self.INTERVAL or event["step"] == self._steps:
                self._last = now
                line = f"{self._title}: {event['step']:,} of {self._steps:,}"
                self._console.print(f"{line} · {numbers(event['logs'])}", highlight=False)


def _metric(event: TrainingEvent) -> str:
    best = ", the best so far" if event.get("best") else ""
    return f"step {event['step']:,}: {event['name']} {event['value']:.4g}{best}"
