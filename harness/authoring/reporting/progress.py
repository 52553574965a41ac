"""One display of what a long command does: its phase, counts, time and cost, in any width.

    with progress.display(quiet=False) as shown:
        shown.phase("asking", total=5_000, unit="requests")
        shown.update(1_234, "$1.20")

On a terminal it is one line on standard error that renews itself; elsewhere a line for each phase,
and one every half minute.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from harness.authoring.io import terminal
from harness.authoring.literal import one_line
from harness.authoring.reporting import numbers

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

INTERVAL = 30.0
"""Seconds between two lines where there is no terminal."""
_LEAST_BAR, _WIDEST_BAR = 8, 32
_GAP = "  "


class Display(Protocol):
    """Where a command says what it does."""

    def phase(self, name: str, total: int | None = None, unit: str = "") -> None:
        """A phase begins.

        Args:
            name: What is done: ``reading``, ``preparing probes``, ``opening``, ``asking``, ….
            total: How many steps it has, where that is known.
            unit: What is counted.
        """
        ...

    def update(self, done: int, note: str = "", reused: int = 0) -> None:
        """How far the phase is.

        Args:
            done: Steps that are done.
            note: What else is worth watching.
            reused: Those of them that took no time, such as answers from the store.
        """
        ...

    def say(self, line: str) -> None:
        """A line that stays."""
        ...


@dataclass(slots=True)
class State:
    """How far the phase is; ``line`` puts as much of it into a width as fits."""

    name: str = "starting"
    total: int | None = None
    unit: str = ""
    done: int = 0
    note: str = ""
    reused: int = 0
    started: float = field(default_factory=lambda: time.monotonic())

    def line(self, width: int, now: float | None = None, drawn: bool = True) -> str:
        """The phase, its counts, the time that is left, a bar, and the note, as far as they fit."""
        seconds = (time.monotonic() if now is None else now) - self.started
        parts = [self.name, *self._counts(), self._time(seconds)]
        if self.note:
            parts.append(self.note)
        while len(parts) > 1 and len(_GAP.join(parts)) > width:
            parts.pop()
        text = _GAP.join(parts)
        room = width - len(text) - len(_GAP)
        if drawn and self.total and room >= _LEAST_BAR:
            parts.insert(2, bar(self.done / self.total, min(room, _WIDEST_BAR)))
            text = _GAP.join(parts)
        return text[:width]

    def _counts(self) -> list[str]:
        if self.total is None:
            return [f"{numbers.count(self.done)} {self.unit}".strip()] if self.done else []
        unit = _unit(self.unit, self.total)
        return [f"{numbers.count(self.done)} of {numbers.count(self.total)} {unit}".strip()]

    def _time(self, seconds: float) -> str:
        made = self.done - self.reused
        if self.total is None or made <= 0 or seconds < 2 or self.done >= self.total:
            return numbers.duration(seconds)
        return f"{numbers.duration(seconds / made * (self.total - self.done))} left"


def _unit(unit: str, count: int) -> str:
    return unit.removesuffix("s") if count == 1 else unit


def bar(share: float, width: int) -> str:
    """``━━━━╌╌╌╌``."""
    full = round(min(1.0, max(0.0, share)) * width)
    return "━" * full + "╌" * (width - full)


@contextmanager
def display(quiet: bool = False) -> Iterator[Display]:
    """The display on standard error; one that shows nothing where ``quiet``."""
    if quiet:
        yield Silent()
        return
    console = terminal.console(stderr=True)
    if not console.is_terminal:
        yield Lines(console.print)
        return
    from rich.live import Live

    shown = _Line(console)
    with Live(shown, console=console, transient=True, refresh_per_second=8):
        yield shown


class Silent:
    """Shows nothing."""

    def phase(self, name: str, total: int | None = None, unit: str = "") -> None:
        """Nothing to show."""

    def update(self, done: int, note: str = "", reused: int = 0) -> None:
        """Nothing to show."""

    def say(self, line: str) -> None:
        """Nothing to show."""


class _Line:
    """The line of a terminal; rich asks for it anew as time passes."""

    def __init__(self, console: Console) -> None:
        self._console, self._state = console, State()

    def phase(self, name: str, total: int | None = None, unit: str = "") -> None:
        self._state = State(one_line(name), total, unit)

    def update(self, done: int, note: str = "", reused: int = 0) -> None:
        self._state.done, self._state.note, self._state.reused = done, one_line(note), reused

    def say(self, line: str) -> None:
        self._console.print(one_line(line))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.text import Text

        yield Text(self._state.line(options.max_width), no_wrap=True, overflow="crop")


class Lines:
    """Lines for a log: one a phase, one every ``INTERVAL`` seconds."""

    def __init__(self, print_line: Callable[[str], object]) -> None:
        self._print = print_line
        self._state = State()
        self._last = time.monotonic()
        self._told: set[str] = set()

    def phase(self, name: str, total: int | None = None, unit: str = "") -> None:
        """A line that says what begins; a phase that comes again, task by task, says it once."""
        self._state = State(one_line(name), total, unit)
        if name in self._told:
            return
        self._told.add(name)
        self._last = time.monotonic()
        count = "" if total is None else f": {numbers.count(total)} {_unit(unit, total)}".rstrip()
        self._print(f"{self._state.name[:1].upper()}{self._state.name[1:]}{count}")

    def update(self, done: int, note: str = "", reused: int = 0) -> None:
        """A line, where the last one is some time ago."""
        self._state.done, self._state.note, self._state.reused = done, one_line(note), reused
        now = time.monotonic()
        if now - self._last >= INTERVAL:
            self._last = now
            self._print(self._state.line(10_000, now, drawn=False))

    def say(self, line: str) -> None:
        """The line as it is."""
        self._print(one_line(line))
