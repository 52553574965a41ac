"""What a job names, checked before the first request: metrics, rules, the judge, the folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from contextlib import closing

from harness import Registry, open_model, parse_gate
from harness.authoring.metrics import MetricRef
from harness.errors import UnknownNameError, UsageError
from harness.protocols import Metric, TaskOptions
from harness.types import Generate, Loglikelihood
from harness_align import search
from harness_align.job import AlignJob
from harness_align.preparation import augmenting


def check(job: AlignJob, registry: Registry, aims: Iterable[MetricRef]) -> None:
    """Refuses names that would be refused only after the training.

    Args:
        job: The job.
        registry: The loaded plugins.
        aims: Its targets and guards.

    Raises:
        HarnessError: A metric or a probe does not exist, a metric has no better direction, a rule
            names no metric of an installed task, or the judge cannot be opened.
        OSError: The folder cannot be written.
    """
    check_folder(job)
    aims = list(aims)
    settings = {**job.training, **search.watching(job)}
    aligner = registry.aligners[job.method]
    if aligner.makes == "reward" and (aims or settings.get("stop_tasks")):
        raise UsageError(
            "a reward model answers no task, so it cannot be judged or stopped by one",
            "Leave out --eval-tasks, --guard, stop_tasks and the tasks under [run]: it is judged "
            "by how it ranks held-out pairs.",
        )
    watched = [str(settings.get("stop_metric") or "")]
    if job.search is not None:
        searched = search.SearchSpec.parse(job.search)
        searched.check_parameters(aligner)
        watched.append(searched.metric)
    named = [MetricRef.parse(text, list(registry.tasks)) for text in watched if text]
    for aim in (*aims, *named):
        check_aim(job, registry, aim)
    check_rules(job, registry)
    augmenting.names(job.augment, registry)
    if job.judge:
        _check_judge(job, registry)


def check_folder(job: AlignJob) -> None:
    """Makes the folder, and writes to it.

    Raises:
        OSError: It cannot be written.
    """
    job.out.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryFile(dir=job.out) as file:
            file.write(b" " * 4096)
    except OSError as error:
        error.filename = str(job.out)
        raise


def check_aim(job: AlignJob, registry: Registry, aim: MetricRef) -> None:
    """Refuses a metric that the task lacks, or of which no direction is better.

    Raises:
        UnknownNameError: The task has no such metric.
        UsageError: It is neither better high nor low, and has no ideal.
    """
    aim.resolved(_metrics(job, registry, aim.task))


def _metrics(job: AlignJob, registry: Registry, task: str) -> dict[str, Metric]:
    values = dict(job.evaluation.get("task_settings", {}).get(task, {}))
    opened = registry.tasks[task].open(TaskOptions(values=values))
    return {metric.name: metric for metric in opened.metrics}


def check_rules(job: AlignJob, registry: Registry) -> None:
    """Refuses a [gate] table that cannot be read, or a rule on a metric that a task lacks.

    Raises:
        ConfigError: The table is malformed.
        UnknownNameError: A task has no such metric.
    """
    table = job.evaluation.get("gate")
    if table is None:
        return
    for rule in parse_gate(table).rules:
        ref = rule.ref(registry.tasks)
        if ref is None:
            raise UnknownNameError("task of a rule under [gate]", rule.metric, registry.tasks)
        metrics = _metrics(job, registry, ref.task)
        if not ref.is_probe_measure and ref.metric not in metrics:
            raise UnknownNameError(f"metric of {ref.task}", ref.metric, metrics)


def _check_judge(job: AlignJob, registry: Registry) -> None:
    """Opens the judge, which is first used after the training."""
    with closing(open_model(job.model_config(job.judge), registry)) as judge:
        if not judge.supports & {Loglikelihood, Generate}:
            raise UsageError(
                f"--judge {job.judge} neither writes answers nor gives their log-probabilities",
                "Give a model that does one of them.",
            )
