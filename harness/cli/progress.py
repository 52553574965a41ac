"""Live progress of a run: rate, time left, cost, and what did not have to be computed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Protocol

from harness.authoring.literal import one_line
from harness.planned import Plan
from harness.run.session import Progress
from harness.types import MODEL


class Display(Protocol):
    """What ``runner.run`` reports to."""

    def planned(self, plan: Plan) -> None:
        """The run is about to start."""
        ...

    def update(self, progress: Progress) -> None:
        """An answer came in."""
        ...


class Silent:
    """Shows nothing."""

    def planned(self, plan: Plan) -> None:
        """Nothing to show."""

    def update(self, progress: Progress) -> None:
        """Nothing to show."""


@contextmanager
def display(quiet: bool) -> Iterator[Display]:
    """A progress bar on a terminal's standard error; a line every 30 s elsewhere."""
    if quiet:
        yield Silent()
        return
    from rich.console import Console

    console = Console(stderr=True, markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        yield _Lines(partial(console.print, soft_wrap=True))
        return
    from rich import progress as rich

    columns = (
        rich.TextColumn("{task.description}", style="bold", markup=False),
        rich.BarColumn(),
        rich.MofNCompleteColumn(),
        rich.TextColumn("{task.fields[rate]}"),
        rich.TimeRemainingColumn(),
        rich.TextColumn("[dim]{task.fields[spent]}"),
    )
    with rich.Progress(*columns, console=console, transient=True) as bars:
        bars.add_task("opening the model", total=None, rate="", spent="")
        yield _Bar(bars)


class _Bar:
    def __init__(self, bars: object) -> None:
        from rich.progress import Progress as Bars

        assert isinstance(bars, Bars)
        self._bars, self._task = bars, bars.task_ids[0]
        self._started = time.monotonic()
        self._names, self._round = "", 1

    def planned(self, plan: Plan) -> None:
        self._started = time.monotonic()
        names = ", ".join(task.task.name for task in plan.tasks)
        self._names = one_line(names) if len(names) < 40 else "evaluating"
        self._bars.reset(self._task, description=self._names)

    def update(self, progress: Progress) -> None:
        if progress.round != self._round:
            self._round, self._started = progress.round, time.monotonic()
        rate = (progress.done - progress.cached) / max(time.monotonic() - self._started, 1e-6)
        self._bars.update(
            self._task,
            description=_described(self._names, progress),
            completed=progress.done,
            total=progress.total,
            rate=f"{rate:,.1f} requests/s",
            spent=_spent(progress),
        )


def _described(names: str, progress: Progress) -> str:
    """What is being asked: of which round and whom, after the first."""
    if progress.round == 1 and progress.role == MODEL:
        return names
    return f"{names}, round {progress.round} ({one_line(progress.role)})"


def _spent(progress: Progress) -> str:
    """What the answers cost, and what did not have to be paid or computed."""
    parts = []
    if progress.usage.cost is not None:
        parts.append(f"${progress.usage.cost:,.2f}")
    if progress.cached:
        parts.append(f"{progress.cached:,} from the store")
    asked = progress.usage.computed_tokens + progress.usage.reused_tokens
    if progress.usage.reused_tokens:
        parts.append(f"{progress.usage.reused_tokens / asked:.0%} of tokens reused")
    return " · ".join(parts)


class _Lines:
    INTERVAL = 30.0

    def __init__(self, print_line: object) -> None:
        assert callable(print_line)
        self._print = print_line
        self._last = time.monotonic()

    def planned(self, plan: Plan) -> None:
        parts = ", ".join(f"{task.task.name} ({task.sample_count:,})" for task in plan.tasks)
        self._print(f"Evaluating {one_line(parts)}")

    def update(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._last < self.INTERVAL:
            return
        self._last = now
        later = _described("", progress)
        self._print(
            f"{progress.done:,} of {progress.total:,} requests answered{later} {_spent(progress)}"
        )
