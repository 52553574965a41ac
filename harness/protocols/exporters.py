"""What writes runs for other programs and services, and how it is registered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from harness.protocols.options import Options
from harness.types import RunResult, SampleRecord


def _no_records(task: str) -> Iterator[SampleRecord]:  # noqa: ARG001
    return iter(())


@dataclass(frozen=True, slots=True)
class ExportedRun:
    """A finished run, as exporters get it.

    Attributes:
        result: What results.json holds.
        records: Task → its samples, streamed; none where the run does not hold them.
        spec: The settings of the run, secrets masked.
    """

    result: RunResult
    records: Callable[[str], Iterator[SampleRecord]] = _no_records
    spec: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What the user chose.

    Attributes:
        values: The user's ``--set NAME.KEY=VALUE``.
        out: ``--out``, where a file or folder is to be written; None where none is named.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    out: Path | None = None


@runtime_checkable
class Exporter(Protocol):
    """Writes a finished run in another form, or to a service.

    Whatever it writes of a metric holds its interval, or says that there is none.
    """

    def export(self, run: ExportedRun) -> str:
        """Writes the run.

        Returns:
            What was written and where, in a line.

        Raises:
            HarnessError: It cannot be written.
        """
        ...


@runtime_checkable
class Tracker(Protocol):
    """Shows a run while it goes on; what it raises later than ``started`` never ends the run."""

    def started(self, name: str, settings: Mapping[str, object]) -> None:
        """The run is about to ask the model.

        Args:
            name: The run's name.
            settings: Of the run, secrets masked.

        Raises:
            HarnessError: The service cannot be used; the run does not begin.
        """
        ...

    def progress(self, done: int, means: Mapping[str, float]) -> None:
        """So many samples' scores are there, with the mean of each ``TASK.METRIC`` so far."""
        ...

    def finished(self, run: ExportedRun | None) -> str:
        """The run ended, complete or not, or came to no result (None).

        Returns:
            Where it is to be seen, in a line.
        """
        ...


@dataclass(frozen=True, slots=True)
class ExporterSpec:
    """Registers a form or service for ``harness export --to`` and, with ``track``, for ``--track``.

    Attributes:
        name: What the options call it.
        description: One line for ``harness ls``.
        open: Makes the exporter; raises where a package is missing.
        options: What ``--set NAME.KEY=VALUE`` may set, see ``Options``.
        suffix: Of the file or folder that ``--out`` names, where several are written; empty where
            it writes to no path.
        track: Makes the tracker; None where a run cannot be followed.
    """

    name: str
    description: str
    open: Callable[[ExportOptions], Exporter]
    options: Options = field(default_factory=dict)
    suffix: str = ""
    track: Callable[[ExportOptions], Tracker] | None = None
