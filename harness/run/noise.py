"""How far scores move when nothing changed: the same run again, by batch size and by repeat."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

from harness.config import RunSpec
from harness.errors import UsageError
from harness.gating import registry_lookup
from harness.plugins import Registry
from harness.protocols import Metric, Task
from harness.results import runfolder
from harness.results.baseline import load_run
from harness.run import runner
from harness.run.rounds.answers import Progress
from harness.scoring import aggregation, finished_run, repeats
from harness.types import SampleRecord, ScoreValue

SURE = 1.96
"""Standard errors of the difference of two runs that a margin covers: 95 % of them."""


@dataclass(frozen=True, slots=True)
class MetricNoise:
    """How far one metric moves.

    Attributes:
        values: Of each replicate, in the order of ``Noise.replicates``; or of each of
            ``Noise.runs``.
        largest: The largest difference between two replicates.
        stderr: The standard deviation of a run's value over replicates, from how much each sample's
            score varies, taken to vary apart from others; NaN for what is no mean of numbers.
        changed: The share of samples whose score is not the same in all replicates.
        n: Samples.
    """

    values: tuple[float, ...]
    largest: float
    stderr: float
    changed: float
    n: int

    @property
    def margin(self) -> float:
        """The smallest drop that is more than noise between two runs.

        The greater of what was seen and of ``SURE`` standard errors of a difference.
        """
        spread = 0.0 if math.isnan(self.stderr) else SURE * math.sqrt(2) * self.stderr
        return max(self.largest, spread)


@dataclass(frozen=True, slots=True)
class Noise:
    """What was repeated, and how far each metric moved.

    Attributes:
        replicates: What metrics of single answers are compared between.
        tasks: Task → metric → its noise.
        runs: What reducers of several answers are compared between.
    """

    replicates: tuple[str, ...]
    tasks: Mapping[str, Mapping[str, MetricNoise]]
    runs: tuple[str, ...] = ()


def measure(
    spec: RunSpec,
    registry: Registry,
    batch_sizes: Sequence[int | None],
    folder: Path,
    on_progress: Callable[[str, Progress], None] = lambda _, __: None,
) -> Noise:
    """Runs the same several times, without the response store, and compares the scores.

    Reducers are those of a run with the spec's ``repeats``, so each sample is asked twice as often,
    and every batch size gives two such runs, with seeds of their own.

    Args:
        spec: The run; its ``repeats`` are asked in each. With ``mean`` among its reducers the
            task's own metrics are those of a run with repeats, else those of single answers.
        registry: The loaded plugins.
        batch_sizes: One run each; None lets the backend choose.
        folder: Gets a run folder a batch size.
        on_progress: Called with the run's name after every answer.

    Raises:
        UsageError: There would be one replicate alone, or reducers of one answer.
        HarnessError: A run cannot be made.
    """
    _check(spec, batch_sizes)
    replicates: list[str] = []
    runs: list[str] = []
    found: dict[str, list[list[SampleRecord]]] = defaultdict(list)
    together: dict[str, list[list[SampleRecord]]] = defaultdict(list)
    tasks: dict[str, Task | None] = {}
    metrics: dict[str, Sequence[Metric]] = {}
    asked = spec.repeats * (2 if spec.reducers else 1)
    for size in batch_sizes:
        name = f"batch size {'auto' if size is None else size}"
        out = folder / name.replace(" ", "-")
        once = replace(
            spec, batch_size=size, cache=False, out=out, baseline=None, gate=None, reducers=(),
            repeats=asked,
        )  # fmt: skip
        result = runner.run(once, registry, on_progress=lambda p, name=name: on_progress(name, p))  # type: ignore[misc]
        metrics |= registry_lookup.task_metrics(registry, [load_run(out)])
        by_task = {task: _by_repeat(out, task) for task in result.result.tasks}
        most = max(map(len, by_task.values()))
        replicates += [name if most == 1 else f"{name}, repeat {n}" for n in range(1, most + 1)]
        for task, answers in by_task.items():
            found[task] += answers
            if spec.reducers and len(answers) == asked:
                together[task] += _runs(answers, spec.repeats)
                tasks[task] = finished_run.open_task(out, task, registry)
        if spec.reducers:
            parts = (f"1 to {spec.repeats}", f"{spec.repeats + 1} to {asked}")
            runs += [f"{name}, repeats {part}" for part in parts]
    moved = {task: _of_task(metrics.get(task, ()), each) for task, each in found.items()}
    for task, opened in tasks.items():
        if opened is not None:
            moved[task] |= _of_reducers(opened, together[task], spec.reducers)
    return Noise(tuple(replicates), moved, tuple(runs))


def _check(spec: RunSpec, batch_sizes: Sequence[int | None]) -> None:
    """Raises a UsageError where nothing could be compared."""
    if len(batch_sizes) * spec.repeats < 2:
        raise UsageError(
            "one run alone shows no noise", "Give several --batch-sizes, or --repeats 2 or more."
        )
    if len(set(batch_sizes)) < len(batch_sizes):
        raise UsageError("a batch size stands twice", "Use --repeats to ask the same again.")
    if spec.reducers and spec.repeats < 2:
        raise UsageError("--reduce takes several answers to a sample", "Give --repeats 2 or more.")


def _runs(answers: Sequence[Sequence[SampleRecord]], size: int) -> list[list[SampleRecord]]:
    """The records of two runs with so many repeats, of twice as many repeats."""
    return [
        [
            replace(record, repeat=number)
            for number, records in enumerate(answers[start : start + size])
            for record in records
        ]
        for start in (0, size)
    ]


def _of_reducers(
    task: Task, runs: Sequence[Sequence[SampleRecord]], reducers: Sequence[str]
) -> dict[str, MetricNoise]:
    """How far what several answers say together moves between runs."""
    reduced = [repeats.with_reduced(task, run, reducers) for run in runs]
    first = [[record for record in run if record.repeat == 0] for run in reduced]
    known = {name for run in first for record in run for name in record.scores}
    made = [each.metric for each in repeats.reduced_metrics(task.metrics, reducers)]
    found = _of_task([each for each in made if each.name in known], first)
    if "mean" in reducers:
        values = [aggregation.estimate(task.metrics, run) for run in runs]
        means = [_means(run) for run in runs]
        for metric in task.metrics:
            of_runs = [each[metric.name].estimate.value for each in values]
            found[metric.name] = _of_metric(metric.name, of_runs, means)
    return found


def _means(run: Sequence[SampleRecord]) -> list[SampleRecord]:
    """One record a sample, with the means of its scores."""
    by_sample: dict[str, list[SampleRecord]] = defaultdict(list)
    for record in run:
        by_sample[record.sample.id].append(record)
    return [replace(each[0], scores=repeats.scores(each)) for each in by_sample.values()]


def _by_repeat(folder: Path, task: str) -> list[list[SampleRecord]]:
    found: dict[int, list[SampleRecord]] = defaultdict(list)
    for record in runfolder.read_samples(folder, task):
        if record.probe is None:
            found[record.repeat].append(replace(record, repeat=0))
    return [found[number] for number in sorted(found)]


def _of_task(
    metrics: Sequence[Metric], runs: Sequence[Sequence[SampleRecord]]
) -> dict[str, MetricNoise]:
    estimates = [aggregation.estimate(metrics, run) for run in runs]
    return {
        metric.name: _of_metric(
            metric.name, [each[metric.name].estimate.value for each in estimates], runs
        )
        for metric in metrics
    }


def _of_metric(
    name: str, values: Sequence[float], runs: Sequence[Sequence[SampleRecord]]
) -> MetricNoise:
    scores: dict[str, list[ScoreValue]] = defaultdict(list)
    for run in runs:
        for record in run:
            if name in record.scores:
                scores[record.sample.id].append(record.scores[name])
    pairs = [abs(one - other) for one, other in combinations(values, 2)]
    known = [each for each in pairs if not math.isnan(each)]
    changed = sum(len(set(each)) > 1 for each in scores.values())
    return MetricNoise(
        tuple(values),
        max(known, default=math.nan),
        _stderr(list(scores.values())),
        changed / max(1, len(scores)),
        len(scores),
    )


def _stderr(scores: Sequence[Sequence[ScoreValue]]) -> float:
    """√(Σ variances of the samples' scores) / n: the spread of a mean over n samples."""
    variances = []
    for each in scores:
        numbers = [value for value in each if isinstance(value, int | float)]
        if len(numbers) != len(each) or len(numbers) < 2:
            return math.nan
        mean = math.fsum(numbers) / len(numbers)
        variances.append(math.fsum((value - mean) ** 2 for value in numbers) / (len(numbers) - 1))
    return math.sqrt(math.fsum(variances)) / len(variances) if variances else math.nan
