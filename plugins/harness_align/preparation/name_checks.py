"""What a job names, checked before the first request: metrics, rules, the judge, the folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from contextlib import closing

from harness import GateConfig, Registry, open_model, parse_gate
from harness.authoring.metrics import MetricRef
from harness.errors import UnknownNameError, UsageError
from harness.protocols import NeedsRoles, Task, TaskOptions, calibration_of
from harness.types import JUDGE, Generate, Loglikelihood
from harness_align import search
from harness_align.evaluation import verdict
from harness_align.job import AlignJob
from harness_align.preparation import augmenting


def check(job: AlignJob, registry: Registry, aims: Iterable[MetricRef]) -> None:
    """Refuses names that would be refused only after the training.

    Args:
        job: The job.
        registry: The loaded plugins.
        aims: Its targets and guards.

    Raises:
        HarnessError: A metric or a probe does not exist, a metric has no better direction, a task
            asks a role that has no model, a rule names no metric of an installed task, or the judge
            cannot be opened.
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
    check_rules(job, registry)
    for aim in aims:
        check_aim(job, registry, aim, decides=True)
    for aim in named:
        check_aim(job, registry, aim)
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


def check_aim(job: AlignJob, registry: Registry, aim: MetricRef, decides: bool = False) -> None:
    """Refuses a metric that the task lacks, or of which no direction is better.

    Args:
        job: The job.
        registry: The loaded plugins.
        aim: The metric.
        decides: Whether it is a target or a guard.

    Raises:
        UnknownNameError: The task has no such metric.
        UsageError: It is neither better high nor low, and has no ideal; the task asks a role for
            which no model is named; or the verdict would rest on a judge that nobody has checked.
    """
    task = _opened(job, registry, aim.task)
    metrics = {metric.name: metric for metric in task.metrics}
    aim = aim.resolved(metrics)
    for role in task.roles if isinstance(task, NeedsRoles) else ():
        if role not in job.evaluation.get("roles", {}):
            table = "[judge]" if role == JUDGE else f"[roles.{role}]"
            raise UsageError(
                f"{aim.task} asks the role {role!r}, and no model is named for it",
                f"Write a {table} table with `model = ...` into harness.toml, and give --config. "
                "--judge is another: it compares answers to held-out prompts.",
            )
    gate = GateConfig((), allow_uncalibrated=job.allows_uncalibrated)
    why = gate.distrusted(verdict.target(aim), calibration_of(metrics[aim.metric]))
    if decides and why:
        raise UsageError(
            f"{aim.name}: {why}",
            "`harness judge calibrate` measures the judge on labels of people. allow_uncalibrated "
            "= true is written under [gate], beside its rules.",
        )


def _opened(job: AlignJob, registry: Registry, name: str) -> Task:
    values, templates = (
        dict(job.evaluation.get(table, {}).get(name, {}))
        for table in ("task_settings", "templates")
    )
    return registry.tasks[name].open(TaskOptions(values=values, templates=templates))


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
        metrics = [each.name for each in _opened(job, registry, ref.task).metrics]
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
