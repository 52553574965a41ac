"""What ``evaluate`` returns: a run's result with its tables, samples and comparisons."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from harness.authoring.literal import visible
from harness.authoring.measures.predictions import prompt_text, response_text
from harness.authoring.reporting import figures, numbers, tables
from harness.errors import MissingExtraError, UnknownNameError, UsageError
from harness.results import runfolder
from harness.results.baseline import ScoredRun, load_run
from harness.types import RunComparison, RunResult, SampleRecord

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from harness.plugins import Registry


@dataclass(frozen=True, slots=True)
class Evaluation(RunResult):
    """A run's result, with what is often done with it.

    A notebook shows it as a table. ``folder`` is the run folder.
    """

    folder: Path | None = None

    @classmethod
    def of(cls, result: RunResult, folder: Path) -> Self:
        """The result of the run in ``folder``."""
        return cls(
            **{each.name: getattr(result, each.name) for each in fields(result)}, folder=folder
        )

    def to_frame(self) -> DataFrame:
        """Every metric as a row: task, metric, value, stderr, low, high, n, direction, method.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        rows = [row.cells for row in tables.score_rows(self)]
        return _pandas().DataFrame(rows, columns=list(tables.COLUMNS))

    def records(self, task: str | None = None) -> Iterator[SampleRecord]:
        """The sample records, with requests and responses; of all tasks where none is named.

        Raises:
            UnknownNameError: The run has no such task.
            DataError: The file of samples cannot be read.
        """
        for name in self._named(task):
            yield from runfolder.read_samples(self._folder(), name)

    def samples(self, task: str | None = None) -> DataFrame:
        """Every sample as a row: input, prompt, response, targets, error, groups, scores.

        Scores have a column each, ``NaN`` where there is none; variants of probes have ``probe``
        and ``variant``.

        Raises:
            UnknownNameError: The run has no such task.
            MissingExtraError: pandas is not installed.
        """
        rows = [
            _sample_row(name, record)
            for name in self._named(task)
            for record in runfolder.read_samples(self._folder(), name)
        ]
        return _pandas().DataFrame(rows)

    def compare(
        self,
        baseline: RunResult | ScoredRun | Path | str,
        *,
        force: bool = False,
        registry: Registry | None = None,
    ) -> RunComparison:
        """Compares this run with a baseline, sample by sample, as ``harness compare`` does.

        Args:
            baseline: Another evaluation, a run folder, a baseline file, or what ``load_run`` read.
            force: Compare even where version, data or the way of asking differ.
            registry: The loaded plugins; None loads those that are installed.

        Raises:
            HarnessError: The runs are not comparable, or the baseline cannot be read.
        """
        from harness import plugins
        from harness.comparison import run_comparison
        from harness.gating import registry_lookup

        own = self._folder()
        if isinstance(baseline, Evaluation):
            baseline = baseline._folder()
        elif isinstance(baseline, RunResult):
            raise UsageError(
                "a bare result has no samples to compare", "Give its run folder's path instead."
            )
        before = (
            baseline if isinstance(baseline, ScoredRun) else load_run(Path(baseline), texts=True)
        )
        after = load_run(own, texts=True)
        known = plugins.load() if registry is None else registry
        metrics = registry_lookup.task_metrics(known, [before, after])
        return run_comparison.compare(before, after, metrics, force)

    def to_latex(self) -> str:
        """The metrics as a LaTeX table with the rules of ``booktabs``."""
        return tables.latex(self)

    def plot(
        self,
        kind: Literal["forest", "calibration", "history"] = "forest",
        *,
        task: str | None = None,
        metric: str | None = None,
        others: Sequence[RunResult] = (),
    ) -> Figure:
        """A figure of matplotlib, which a notebook shows and ``savefig`` writes.

        Args:
            kind: ``forest``: every share with its interval; ``calibration``: how often answers of
                a given confidence are right; ``history``: a metric over this run and ``others``.
            task: Whose calibration; None takes the first that has one.
            metric: Whose history: ``TASK`` or ``TASK.METRIC``; None takes the first.
            others: The other runs of a history.

        Raises:
            UsageError: There is nothing to draw.
            UnknownNameError: The run has no such task, or there is no such kind.
            MissingExtraError: matplotlib is not installed.
        """
        if kind == "forest":
            return figures.forest(self)
        if kind == "history":
            return figures.history([*others, self], metric or next(iter(self.tasks), ""))
        if kind != "calibration":
            raise UnknownNameError("kind of plot", kind, ("forest", "calibration", "history"))
        names = self._named(task)
        for name in names[:-1]:
            with suppress(UsageError):
                return figures.reliability(self.records(name), name)
        return figures.reliability(self.records(names[-1]), names[-1])

    def _repr_html_(self) -> str:
        """What a notebook shows; every text is escaped."""
        rows = []
        for row in tables.score_rows(self):
            number = numbers.number(row.found.estimate)
            label = numbers.label(row.metric, row.found.higher_is_better, row.found.ideal)
            cells = (row.task, label, number.short, number.interval, number.n)
            rows.append("".join(f"<td>{html.escape(visible(cell))}</td>" for cell in cells))
        head = "".join(
            f"<th>{name}</th>" for name in ("task", "metric", "value", "95 % interval", "n")
        )
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        caption = html.escape(visible(f"{self.run_id}, {self.status}"))
        return (
            f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead>"
            f"<tbody>{body}</tbody></table>"
        )

    def _folder(self) -> Path:
        if self.folder is None:
            raise UsageError("this result has no run folder", "Read one with harness.load_run.")
        return self.folder

    def _named(self, task: str | None) -> list[str]:
        if task is None:
            return list(self.tasks)
        if task not in self.tasks:
            raise UnknownNameError("task of the run", task, self.tasks)
        return [task]


def _sample_row(task: str, record: SampleRecord) -> dict[str, Any]:
    return {
        "task": task,
        "id": record.sample.id,
        "probe": record.probe,
        "variant": record.variant,
        "input": record.sample.input,
        "prompt": prompt_text(record),
        "response": response_text(record),
        "targets": list(record.sample.targets),
        "error": record.error,
        **{f"group.{name}": value for name, value in record.sample.groups.items()},
        **{
            name: float(value) if isinstance(value, int | float) else float("nan")
            for name, value in record.scores.items()
        },
    }


def _pandas() -> Any:
    try:
        import pandas
    except ImportError as error:
        raise MissingExtraError("a data frame", "notebooks") from error
    return pandas
