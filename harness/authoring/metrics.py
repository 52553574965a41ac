"""Ready-made metrics for plugin authors: per-sample means and corpus statistics.

A corpus metric that offers what ``Resamplable`` asks for gets paired comparisons and gates too;
``Corpus`` does.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, overload, runtime_checkable

from harness.errors import UnknownNameError, UsageError
from harness.types import Estimate, MetricKind, Score, ScoreValue

if TYPE_CHECKING:  # tasks name their metrics when they are registered: numpy must not load yet
    import numpy as np
    from numpy.typing import NDArray

    from harness.protocols import Metric
    from harness.stats.inference import Inference


class Directed(Protocol):
    """Something of which high or low values are better: a metric, or its result in a run.

    An optional attribute ``ideal`` (``float | None``) is the best value where neither is.
    """

    @property
    def higher_is_better(self) -> bool | None:
        """None where neither direction is better."""
        ...


@dataclass(frozen=True, slots=True)
class MetricRef:
    """A metric of a task, as users write it: ``TASK``, ``TASK.METRIC`` or ``TASK.METRIC@IDEAL``.

    Rules of gates, targets and guards of an alignment, searches and rewards are read by it.

    Attributes:
        task: The task's name.
        metric: Its metric's name; ``PROBE.METRIC.MEASURE`` for what a probe measured; empty for
            the task's first metric.
        ideal: The best value, where neither high nor low is: closer is better.
    """

    task: str
    metric: str = ""
    ideal: float | None = None

    @property
    def name(self) -> str:
        """``TASK.METRIC``, or the task alone."""
        return f"{self.task}.{self.metric}" if self.metric else self.task

    @property
    def is_probe_measure(self) -> bool:
        """Whether it names what a probe measured: ``TASK.PROBE.METRIC.MEASURE``."""
        return self.metric.count(".") == 2

    @classmethod
    def find(cls, name: str, tasks: Iterable[str]) -> MetricRef | None:
        """The reference that ``TASK`` or ``TASK.METRIC`` is; None where no task fits.

        Of several tasks that fit the longest is meant, as a task's name may hold a dot.
        """
        fitting = [each for each in tasks if name == each or name.startswith(each + ".")]
        task = max(fitting, key=len, default=None)
        return None if task is None else cls(task, name[len(task) + 1 :])

    @classmethod
    def parse(cls, text: str, tasks: Iterable[str] | None = None) -> MetricRef:
        """Reads a reference.

        Args:
            text: What the user wrote.
            tasks: Names of the tasks there are; None where they are not known: then the task's
                name ends at the first dot.

        Raises:
            UnknownNameError: There is no such task.
            UsageError: What follows ``@`` is no number.
        """
        name, ideal = split_ideal(text)
        tasks = [name.partition(".")[0]] if tasks is None else list(tasks)
        found = cls.find(name, tasks)
        if found is None:
            raise UnknownNameError("task", name, tasks)
        return cls(found.task, found.metric, ideal)

    def resolved(self, metrics: Mapping[str, Directed]) -> MetricRef:
        """The reference with its metric's name and, where no direction is better, its ideal.

        Args:
            metrics: The task's metrics by name, in their order.

        Raises:
            UnknownNameError: The task has no such metric.
            UsageError: No direction of the metric is better, and there is no ideal.
        """
        name = self.metric or next(iter(metrics), "")
        if name not in metrics:
            raise UnknownNameError(f"metric of {self.task}", name, metrics)
        ideal = self.ideal
        if ideal is None and metrics[name].higher_is_better is None:
            ideal = getattr(metrics[name], "ideal", None)
            if ideal is None:
                raise UsageError(
                    f"{self.task}.{name} is neither better high nor low",
                    f"Say where it should be: {self.task}.{name}@0.5",
                )
        return MetricRef(self.task, name, ideal)


_PASS_AT_K = re.compile(r"[^@]*\.pass@[1-9][0-9]*(?=@|$)", re.ASCII)
"""A name that ends in a reducer of repeats; see ``harness.config.reducer_of``."""


def split_ideal(text: str) -> tuple[str, float | None]:
    """``TASK.METRIC`` and the number behind ``@``, where there is one.

    A probe's measure has no ideal: what follows its ``@`` is the label of a variant. In
    ``TASK.pass@2`` the first ``@`` belongs to the metric's name.

    Raises:
        UsageError: What follows ``@`` is no number.
    """
    reduced = _PASS_AT_K.match(text)
    name, at, ideal = text[reduced.end() if reduced else 0 :].partition("@")
    name = text[: reduced.end()] + name if reduced else name
    if not at or name.count(".") >= 3:
        return text, None
    try:
        value = float(ideal)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UsageError(
            f"{ideal!r} in {text!r} is not a number", "Expected TASK.METRIC@IDEAL, such as @0.5"
        )
    return name, value


@runtime_checkable
class Resamplable(Protocol):
    """A corpus metric that can be resampled: a function of summed per-sample statistics.

    Where the values are shorter than the statistics it also is one that ``Expands`` them.
    """

    @property
    def compute(self) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
        """Maps sums of ``statistics_of`` rows, shape (r, k), to values of shape (r,)."""
        ...


@runtime_checkable
class Expands(Protocol):
    """A corpus metric whose samples' values are shorter than the statistics that may be summed."""

    def expand(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Maps values, shape (n, j), to statistics, shape (n, k): a class to a column for each."""
        ...


@runtime_checkable
class Infers(Protocol):
    """A metric with an error that its samples do not show: what corrects it was measured, too.

    Gates and comparisons then ask it for its tests, and draw no half-samples of its rows.
    """

    def infer(self, rows: Sequence[Score]) -> Inference:
        """What the rows say about the metric; its estimate is that of ``aggregate``."""
        ...

    def infer_combination(
        self, before: Sequence[Score], after: Sequence[Score], weights: tuple[float, float]
    ) -> Inference:
        """What paired rows say about weights[0]·metric(before) + weights[1]·metric(after)."""
        ...


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of per-sample numbers, with clusters respected.

    ``ideal`` is the best value where neither direction is better; ``bounds`` the smallest and
    the largest that a value can have, which the interval does not leave; ``calibration`` as in
    ``harness.protocols.HasCalibration``.
    """

    name: str
    higher_is_better: bool | None = True
    signature: str | None = None
    ideal: float | None = None
    bounds: tuple[float, float] | None = None
    calibration: str | None = None

    def aggregate(self, rows: Sequence[Score]) -> Estimate:
        """See ``harness.stats.estimates.mean``."""
        from harness.stats import estimates

        return estimates.mean(values_of(rows), clusters_of(rows), bounds=self.bounds)


UNREAD = Mean("unread", higher_is_better=False, bounds=(0.0, 1.0))
"""The share of samples whose generated answer names none of the options; each counts as wrong."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """A function of summed per-sample statistics (BLEU, macro F1, perplexity, ratios).

    ``compute`` maps sums of shape (r, k) to values of shape (r,); it must be vectorised and
    give NaN where a value is undefined. ``ideal`` is the best value where neither direction is
    better; ``bounds`` the smallest and the largest that ``compute`` can give; ``expand`` as in
    ``Resamplable``, None where the values are the statistics.
    """

    name: str
    compute: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    higher_is_better: bool | None = True
    signature: str | None = None
    ideal: float | None = None
    bounds: tuple[float, float] | None = None
    expand: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None = None
    calibration: str | None = None

    def aggregate(self, rows: Sequence[Score]) -> Estimate:
        """See ``harness.stats.resampling.bootstrap``."""
        from harness.stats import resampling

        return resampling.bootstrap(statistics_of(rows, self), self.compute, clusters_of(rows))


def kind_of(metric: Metric) -> MetricKind:
    """How the metric's samples become its value."""
    if isinstance(metric, Mean):
        return "mean"
    return "corpus" if isinstance(metric, Resamplable) else "aggregate"


def ratio(
    numerator: NDArray[np.float64],
    denominator: NDArray[np.float64],
    undefined: float = float("nan"),
) -> NDArray[np.float64]:
    """Element by element, with ``undefined`` where the denominator is not positive."""
    import numpy as np

    result = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), undefined)
    np.divide(numerator, denominator, out=result, where=denominator > 0)
    return result


@runtime_checkable
class Takes(Protocol):
    """A column of a form of its own, which knows how to give some of its entries."""

    def take(self, places: Any) -> Sequence[Any]:
        """The entries at these places."""
        ...


@dataclass(frozen=True, slots=True)
class ScoreColumn(Sequence[Score]):
    """Many samples' scores of one metric, kept as columns; its rows are made when asked for.

    Making a hundred thousand rows takes longer than all that is computed from them.

    Attributes:
        metric: The metric's name.
        ids: Sample ids, n of them.
        values: Their scores.
        clusters: Their clusters; None where every sample stands alone.
        probe: The probe whose variants they are; None for original samples.
        variants: The variants' numbers; None where all are 0.
        predictions: The options that the model chose; None where none is known.
        repeats: Which of the answers to the same question each is; None where all are the first.
    """

    metric: str
    ids: Sequence[str]
    values: Sequence[ScoreValue]
    clusters: Sequence[str | None] | None = None
    probe: str | None = None
    variants: Sequence[int] | None = None
    predictions: Sequence[str | None] | None = None
    repeats: Sequence[int] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, place: int) -> Score: ...
    @overload
    def __getitem__(self, place: slice) -> ScoreColumn: ...
    def __getitem__(self, place: int | slice) -> Score | ScoreColumn:
        if isinstance(place, slice):
            return self.take(range(len(self))[place])
        return Score(
            self.ids[place],
            self.metric,
            self.values[place],
            self.probe,
            0 if self.variants is None else self.variants[place],
            None if self.clusters is None else self.clusters[place],
            None if self.predictions is None else self.predictions[place],
            0 if self.repeats is None else self.repeats[place],
        )

    def take(self, places: Sequence[int] | NDArray[np.intp]) -> ScoreColumn:
        """The rows at these places."""
        ids, values, clusters, variants, predictions, repeats = (
            None if column is None else _taken(column, places)
            for column in (
                self.ids, self.values, self.clusters, self.variants, self.predictions, self.repeats
            )
        )  # fmt: skip
        assert ids is not None
        assert values is not None
        return ScoreColumn(
            self.metric, ids, values, clusters, self.probe, variants, predictions, repeats
        )


def _taken(column: Sequence[Any], places: Sequence[int] | NDArray[np.intp]) -> Sequence[Any]:
    """The entries at these places, in the column's own form where it has one."""
    if isinstance(column, Takes):
        return column.take(places)
    return [column[place] for place in places]


def score_values(rows: Sequence[Score]) -> Sequence[ScoreValue]:
    """The rows' scores as they are."""
    return rows.values if isinstance(rows, ScoreColumn) else [row.value for row in rows]


def values_of(rows: Sequence[Score]) -> NDArray[np.float64]:
    """The rows' numbers, shape (n,)."""
    import numpy as np

    return np.array(score_values(rows), dtype=np.float64)


def statistics_of(rows: Sequence[Score], metric: object) -> NDArray[np.float64]:
    """The rows' sufficient statistics, shape (n, k), as ``metric`` expands their values."""
    import numpy as np

    if not rows:  # an interrupted run may not have reached a task
        return np.empty((0, 0))
    values = np.array(score_values(rows), dtype=np.float64).reshape(len(rows), -1)
    if isinstance(metric, Expands) and metric.expand is not None:
        return metric.expand(values)
    return values


def clusters_of(rows: Sequence[Score]) -> Sequence[str | None] | None:
    """The rows' clusters; None where every row stands alone."""
    clusters = rows.clusters if isinstance(rows, ScoreColumn) else [row.cluster for row in rows]
    return None if clusters is None or not any(each is not None for each in clusters) else clusters
