"""Any metric of the ``evaluate`` library: ``--set TASK.metrics=evaluate:NAME_OR_PATH``.

Such a metric need not be a mean, so it is computed once over all predictions, and its standard
error comes from a delete-a-group jackknife: 20 further computations whatever it does inside.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.authoring.grading import Grader, metrics_of
from harness.authoring.metrics import UNREAD, clusters_of
from harness.errors import HarnessError, MissingExtraError, UsageError
from harness.protocols import Metric, TaskOptions
from harness.stats.estimates import cluster_codes
from harness.types import Estimate, Sample, Score, ScoreValue

GROUPS = 20
PREFIX = "evaluate:"


def with_library_metrics(
    own: Sequence[Grader[str]], options: TaskOptions
) -> tuple[Grader[str], ...]:
    """The task's own graders and those the option ``metrics`` adds; see ``library_metrics``."""
    return (*own, *library_metrics(options, own))


def library_metrics(options: TaskOptions, own: Sequence[Grader[Any]]) -> tuple[EvaluateMetric, ...]:
    """The metrics that the option ``metrics`` names, beside the task's own graders.

    Raises:
        UsageError: The option is malformed, or an added metric has the name of another.
    """
    taken = {UNREAD.name, *(metric.name for metric in metrics_of(own))}
    metrics: list[EvaluateMetric] = []
    for item in filter(None, map(str.strip, options.values.get("metrics", "").split(","))):
        if not item.startswith(PREFIX) or item == PREFIX:
            raise UsageError(
                f"metrics={item} does not name a metric",
                f"Write {PREFIX}NAME, {PREFIX}PATH or {PREFIX}NAME#RESULT, separated by commas.",
            )
        metric = EvaluateMetric(item.removeprefix(PREFIX))
        if metric.name in taken:
            raise UsageError(f"the task has a metric called {metric.name!r} already")
        taken = taken | {metric.name}
        metrics.append(metric)
    return tuple(metrics)


class EvaluateMetric:
    """A metric of the ``evaluate`` library, and the grader that collects its texts.

    Args:
        reference: ``NAME`` on the hub or ``PATH`` of a script, and after ``#`` which of its
            results to report (by default the one called like the metric, else the first number).

    Raises:
        MissingExtraError: ``evaluate`` is not installed.
        HarnessError: The metric cannot be loaded.
    """

    higher_is_better: bool | None = None
    """Not known: the library does not say."""

    def __init__(self, reference: str) -> None:
        path, _, self._result = reference.partition("#")
        self._stem = Path(path).stem
        self.name = f"{self._stem}.{self._result}" if self._result else self._stem
        self._module = _load(path)
        self.signature = f"evaluate:{reference}"

    @property
    def metrics(self) -> Sequence[Metric]:
        """See ``harness.authoring.grading.Grader``."""
        return (self,)

    def grade(self, prediction: str, sample: Sample) -> Mapping[str, ScoreValue]:
        """The texts themselves, for ``aggregate``: the prediction, then the references."""
        return {self.name: (prediction, *(sample.targets or ("",)))}

    def aggregate(self, rows: Sequence[Score]) -> Estimate:
        """The metric over all rows, with a Student t interval from the jackknife."""
        nan = math.nan
        if not rows:
            return Estimate(nan, nan, nan, nan, 0, "evaluate, of no samples")
        value = self._compute(rows)
        groups = _groups(rows)
        if len(groups) < 2:
            return Estimate(value, nan, nan, nan, len(rows), "evaluate; too few samples")
        everything = set(range(len(rows)))
        replicates = [
            self._compute([rows[index] for index in sorted(everything - set(group))])
            for group in groups
        ]
        return _jackknife(value, replicates, len(rows))

    def _compute(self, rows: Sequence[Score]) -> float:
        predictions = [str(row.value[0]) for row in rows if isinstance(row.value, tuple)]
        references = [
            [str(text) for text in row.value[1:]] for row in rows if isinstance(row.value, tuple)
        ]
        try:
            features = self._features()
            result = self._module.compute(
                predictions=[_shaped([text], features["predictions"]) for text in predictions],
                references=[_shaped(texts, features["references"]) for texts in references],
            )
        except Exception as error:  # a metric's script raises what it likes
            raise HarnessError(
                f"the metric evaluate:{self.name} failed: {type(error).__name__}: {error}",
                "It is given the answers' texts as predictions, the accepted ones as references.",
            ) from error
        return self._pick(result)

    def _features(self) -> Mapping[str, Any]:
        """The inputs it takes; with several signatures, the one with many references."""
        features = self._module.features
        alternatives = features if isinstance(features, list) else [features]
        chosen: Mapping[str, Any] = max(
            alternatives, key=lambda each: _is_sequence(each["references"])
        )
        return chosen

    def _pick(self, result: Mapping[str, Any]) -> float:
        wanted = self._result or (self._stem if self._stem in result else None)
        numbers = {
            name: float(value)
            for name, value in result.items()
            if isinstance(value, int | float | np.number)
        }
        if wanted is None and numbers:
            wanted = next(iter(numbers))
        if wanted not in numbers:
            raise UsageError(
                f"evaluate:{self._stem} gives no number called {wanted!r}",
                f"Its numbers: {', '.join(numbers) or 'none'}; choose one with #NAME.",
            )
        return numbers[wanted]


def _load(path: str) -> Any:
    try:
        import evaluate
    except ImportError as error:
        raise MissingExtraError("metrics of the evaluate library", "tasks") from error
    try:
        return evaluate.load(path, keep_in_memory=True)
    except Exception as error:  # the library raises whatever its transport does
        first = (str(error) or "no message").splitlines()[0]
        raise HarnessError(
            f"metric {path!r} of the evaluate library cannot be loaded: "
            f"{type(error).__name__}: {first}",
            "All but local scripts are fetched from the hub: check the name and the connection, "
            f"or give a script's path: --set TASK.metrics={PREFIX}./{Path(path).stem}.py",
        ) from error


def _is_sequence(feature: Any) -> bool:
    return isinstance(feature, list) or hasattr(feature, "feature")


def _shaped(texts: list[str], feature: Any) -> Any:
    """The texts as the feature wants them: a list, one text, or one number."""
    if _is_sequence(feature):
        return texts
    dtype = str(getattr(feature, "dtype", "string"))
    if dtype.startswith(("int", "uint")):
        return int(texts[0])
    return float(texts[0]) if dtype.startswith("float") else texts[0]


def _groups(rows: Sequence[Score]) -> list[list[int]]:
    """Rows split at random, seeded, into up to ``GROUPS`` groups; clusters stay whole."""
    clusters = clusters_of(rows)
    codes = np.arange(len(rows)) if clusters is None else cluster_codes(clusters)
    order = np.random.default_rng(0).permutation(int(codes.max()) + 1)
    groups: list[list[int]] = [[] for _ in range(min(GROUPS, len(order)))]
    for index, code in enumerate(codes):
        groups[int(order[code]) % len(groups)].append(index)
    return groups


def _jackknife(value: float, replicates: Sequence[float], n: int) -> Estimate:
    """SE² = (G−1)/G·Σ(θ_g − mean θ)² (Kott 2001, "The delete-a-group jackknife")."""
    from scipy import stats

    count = len(replicates)
    array = np.array(replicates)
    stderr = math.sqrt((count - 1) / count * float(((array - array.mean()) ** 2).sum()))
    half = float(stats.t.ppf(0.975, count - 1)) * stderr
    return Estimate(
        value, stderr, value - half, value + half, n, f"evaluate, jackknife over {count} groups"
    )
