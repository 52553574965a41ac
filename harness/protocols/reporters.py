"""What a reporter implements, what it may offer besides, and how it is registered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from harness.types import RunComparison, RunResult


@runtime_checkable
class Reporter(Protocol):
    """Shows a result. A reporter may also be a ``ComparisonReporter``."""

    def render(self, result: RunResult, out: Path) -> Path | None:
        """Writes into the run folder ``out`` and returns the file; None when it only printed.

        Where the run was judged, ``result.gate`` holds the verdict; ``harness gate --format NAME``
        calls this too. ``harness.read_samples(out, task)`` streams the sample records.
        """
        ...


@runtime_checkable
class ComparisonReporter(Protocol):
    """A reporter that shows comparisons, too: ``harness compare --format NAME``."""

    def render_comparison(
        self, comparisons: Sequence[RunComparison], out: Path | None
    ) -> Path | None:
        """Shows the comparisons of candidates with one baseline.

        Args:
            comparisons: One a candidate.
            out: The file to write; None to print, which is asked only of a format that is
                registered with ``prints``.

        Returns:
            What it wrote, where that is another file than ``out``; None otherwise.
        """
        ...


@runtime_checkable
class CanDetail(Protocol):
    """A reporter that prints the most telling first, and all of it on ``--full``."""

    def detailed(self) -> Reporter:
        """The same format, with nothing left out."""
        ...


@dataclass(frozen=True, slots=True)
class ReporterSpec:
    """Registers a format for ``--format``.

    Attributes:
        name: What ``--format`` calls it.
        description: One line for ``harness ls``.
        open: Makes the reporter.
        suffix: Of a comparison's file, where several formats share the name given with ``--out``;
            empty takes ``.NAME``.
        prints: Whether it prints a comparison where no file is named.
    """

    name: str
    description: str
    open: Callable[[], Reporter]
    suffix: str = ""
    prints: bool = False
