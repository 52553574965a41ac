"""Live progress of a training: step, loss, reward, KL and time left, on standard error."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from harness_align.event_log import Event
from harness_align.training.launcher import OnEvent

if TYPE_CHECKING:
    from rich.console import Console

_NUMBERS = (
    ("loss", ("loss",)),
    ("reward", ("reward", "mean_reward")),
    ("held out", ("rewards/held_out/mean",)),
    ("margin", ("rewards/margins", "margin")),
    ("KL", ("kl",)),
)
"""What is shown, and the names under which the trainers log it, best first."""


@contextmanager
def display(title: str, quiet: bool) -> Iterator[OnEvent]:
    """A progress bar on a terminal; a line every ten seconds elsewhere."""
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
    """The numbers worth watching, in one line."""
    shown = []
    for label, names in _NUMBERS:
        value = next((logs[name] for name in names if name in logs), None)
        if value is not None:
            shown.append(f"{label} {value:.4g}")
    return " · ".join(shown)


class _Bar:
    def __init__(self, bars: Any) -> None:
        self._bars, self._task = bars, bars.task_ids[0]

    def __call__(self, event: Event) -> None:
        if event["event"] == "stage":
            self._bars.update(
                self._task, total=event["steps"], completed=event["resumed_at"], numbers=""
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

    def __call__(self, event: Event) -> None:
        if event["event"] == "stage":
            self._steps = event["steps"]
            self._console.print(f"{self._title}: {self._steps:,} steps")
        elif event["event"] == "metric":
            self._console.print(_metric(event))
        elif event["event"] == "step":
            now = time.monotonic()
            if now - self._last >= self.INTERVAL or event["step"] == self._steps:
                self._last = now
                line = f"{self._title}: {event['step']:,} of {self._steps:,}"
                self._console.print(f"{line} · {numbers(event['logs'])}", highlight=False)


def _metric(event: Event) -> str:
    best = ", the best so far" if event["best"] else ""
    return f"step {event['step']:,}: {event['name']} {event['value']:.4g}{best}"
