"""What reads other programs' results, and how it is registered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from harness.types import SampleRecord


@dataclass(frozen=True, slots=True)
class ImportedMetric:
    """A metric as the program that measured it published it.

    Attributes:
        value: Its value over all samples; None where the file gives none: then it is the mean of
            the samples' scores.
        stderr: The standard error of ``value``.
        low: Lower bound of its confidence interval.
        high: Upper bound.
        confidence: Coverage of that interval.
        higher_is_better: None where neither direction is better, or it is not known.
        bounds: The least and the greatest that a sample's score can be.
        method: How the published error is made, where the file says it.
    """

    value: float | None = None
    stderr: float | None = None
    low: float | None = None
    high: float | None = None
    confidence: float = 0.95
    higher_is_better: bool | None = None
    bounds: tuple[float, float] | None = None
    method: str = ""


@dataclass(frozen=True, slots=True)
class ImportedTask:
    """One task of an imported run.

    Attributes:
        name: The task's name.
        metrics: Metric → what is published of it, in the order to show them.
        version: The task's version; runs of different versions are not compared.
        data: What names the data set: runs on others are not compared.
        records: The samples with their scores, where the file holds them.
        n: Samples that the published values rest on; None: as many as there are records.
        settings: How it was asked; ``num_fewshot`` and ``template`` have to agree between runs
            that are compared.
        notes: What a reader of the results must know.
    """

    name: str
    metrics: Mapping[str, ImportedMetric]
    version: str = "unknown"
    data: str = "unknown"
    records: Sequence[SampleRecord] = ()
    n: int | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class ImportedRun:
    """One model's results as another program wrote them.

    Attributes:
        model: The model's name.
        tasks: Its tasks.
        program: The program that made them, with its version where it is known.
        facts: What else is known of the model.
        started: When the run began, as ISO 8601.
        complete: Whether the program says that the run came to its end.
    """

    model: str
    tasks: Sequence[ImportedTask]
    program: str
    facts: Mapping[str, object] = field(default_factory=dict)
    started: str | None = None
    complete: bool = True


@runtime_checkable
class Importer(Protocol):
    """Reads results of one format. Files come from outside: nothing in them is trusted."""

    def recognises(self, source: Path) -> bool:
        """Whether the file or folder looks like this format, by its content.

        Called for whatever the user names, so it gives False for what it cannot read.
        """
        ...

    def read(self, source: Path) -> Sequence[ImportedRun]:
        """The runs that it holds, one a model.

        Raises:
            DataError: It is of this format, and damaged.
        """
        ...


@dataclass(frozen=True, slots=True)
class ImporterSpec:
    """Registers a format of results for ``harness import``, ``compare`` and ``gate``.

    Attributes:
        name: What the format is called.
        description: One line for ``harness ls``.
        open: Makes the importer.
    """

    name: str
    description: str
    open: Callable[[], Importer]
