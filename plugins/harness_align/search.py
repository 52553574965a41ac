"""Searching for training settings with Optuna; the evaluation suite is never looked at.

    [align.search]
    trials = 12
    metric = "sst2.accuracy"            # on development data; without it, held-out training rows
    data = { sst2 = "development.tsv" }
    every = 50                          # steps between looks at it; a hopeless trial ends early
    [align.search.parameters]
    learning_rate = { low = 1e-6, high = 1e-3, log = true }
    batch_size = { low = 4, high = 16 }
    loss = { choices = ["sigmoid", "ipo"] }

Trials are kept in ``out/search/study.db``; the same command goes on where it was stopped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.authoring.metrics import MetricRef
from harness.errors import ConfigError, MissingExtraError, RunFailedError, UnknownNameError
from harness.protocols import Aligner, AlignerSpec, TrainingEvent
from harness_align.dataset import formats, training_rows
from harness_align.job import AlignJob, names_of_settings, read_settings

_KEYS = ("trials", "metric", "data", "limit", "every", "parameters")
_RANGE_KEYS = ("low", "high", "log", "step", "choices")


@dataclass(frozen=True, slots=True)
class Trial:
    """One trial: its settings, its value (None: it failed), and whether it was ended early."""

    number: int
    settings: Mapping[str, Any]
    value: float | None
    pruned: bool


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found: the best settings, all trials, and what was maximised."""

    best: Mapping[str, Any]
    trials: tuple[Trial, ...]
    metric: str


@dataclass(frozen=True, slots=True)
class SearchSpec:
    """The checked [align.search] table; see the module's docstring."""

    parameters: Mapping[str, Mapping[str, Any]]
    trials: int = 10
    metric: str = ""
    data: Mapping[str, str] | None = None
    limit: int | None = None
    every: int = 50

    @classmethod
    def parse(cls, table: Mapping[str, Any]) -> SearchSpec:
        """Checks the table; ``check_parameters`` checks names and values in it.

        Raises:
            ConfigError: A value is wrong.
            UnknownNameError: A key does not exist.
        """
        for key in table:
            if key not in _KEYS:
                raise UnknownNameError("key under [align.search]", key, _KEYS)
        parameters = table.get("parameters")
        if not isinstance(parameters, Mapping) or not parameters:
            raise ConfigError(
                "[align.search] has no parameters",
                "Write: [align.search.parameters]\n"
                "learning_rate = { low = 1e-6, high = 1e-3, log = true }",
            )
        for name in ("trials", "every", "limit"):
            value = table.get(name, 1)
            if not isinstance(value, int) or value < 1:
                raise ConfigError(f"[align.search] {name} = {value!r}, expected at least 1")
        metric = table.get("metric", "")
        if metric and (not isinstance(metric, str) or "." not in metric):
            raise ConfigError(f"[align.search] metric = {metric!r}, expected TASK.METRIC[@IDEAL]")
        if metric and not table.get("data"):
            raise ConfigError(
                f"[align.search] metric = {metric!r} has no data of its own",
                f'Give development data: data = {{ {MetricRef.parse(metric).task} = "PATH" }}',
            )
        return cls(**{**table, "parameters": dict(parameters)})

    def check_parameters(self, aligner: AlignerSpec) -> None:
        """Refuses parameters that the method does not have, and values that it does not take.

        Raises:
            ConfigError: A range is none, or holds a value that does not fit.
            UnknownNameError: The method has no such setting.
        """
        for name, bounds in self.parameters.items():
            _check_parameter(aligner, name, bounds)


def _check_parameter(aligner: AlignerSpec, name: str, bounds: Any) -> None:
    good = isinstance(bounds, Mapping) and all(key in _RANGE_KEYS for key in bounds)
    if not good or ("choices" in bounds) == ("low" in bounds and "high" in bounds):
        raise ConfigError(
            f"[align.search.parameters] {name} = {bounds!r}",
            "Expected { low = …, high = …, log = true|false } or { choices = […] }",
        )
    for value in bounds.get("choices", [bounds.get("low"), bounds.get("high")]):
        try:
            read_settings(aligner, {name: value})
        except UnknownNameError as error:
            known = names_of_settings(aligner)
            what = "parameter under [align.search.parameters]"
            raise UnknownNameError(what, name, known) from error
    if "low" in bounds and not bounds["low"] < bounds["high"]:
        raise ConfigError(f"[align.search.parameters] {name}: low is not below high")


Open = Callable[[AlignJob, Callable[[TrainingEvent], None]], Aligner]
"""(job, what is called with every event of the training) → the job's aligner, with its settings."""
Evaluate = Callable[[AlignJob, Path, training_rows.Rows], float]
"""(job, checkpoint, held-out rows) → the value to maximise."""


def search(
    job: AlignJob,
    train: Path,
    open_aligner: Open,
    evaluate: Evaluate,
    say: Callable[[str], None],
) -> Found:
    """Runs the study, or what is left of it.

    Args:
        job: The job; ``search`` is the table.
        train: The training rows; a part of their prompts is kept for the trials' development.
        open_aligner: Makes the aligner of a trial.
        evaluate: Gives the value of a trial's checkpoint; higher is better.
        say: Called with a line a trial.

    Raises:
        MissingExtraError: Optuna is not installed.
        RunFailedError: Every trial failed.
    """
    try:
        import optuna
    except ImportError as error:
        raise MissingExtraError("a search", "align") from error
    spec = SearchSpec.parse(job.search or {})
    folder = job.out / "search"
    inner, held_out = training_rows.split(formats.read(train), job.development, job.seed + 1)
    rows = training_rows.write(folder / "train.jsonl", inner)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=f"sqlite:///{folder / 'study.db'}",
        study_name="align",
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=job.seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=3),
        load_if_exists=True,
    )

    def objective(trial: Any) -> float:
        settings = {name: _suggest(trial, name, each) for name, each in spec.parameters.items()}
        listed = (
            f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in settings.items()
        )
        say(f"Trial {trial.number}: {', '.join(listed)}")
        mine = replace(job, settings={**job.settings, **settings}, resume=False)
        out = folder / f"trial-{trial.number}"
        aligner = open_aligner(mine, _watch(trial, spec))
        checkpoint = aligner.train(mine.training, rows, out)
        return evaluate(mine, checkpoint, held_out)

    done = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    left = spec.trials - len(study.get_trials(deepcopy=False, states=done))
    if left > 0:
        study.optimize(objective, n_trials=left, catch=(RunFailedError,))
    return _found(study, spec)


def _suggest(trial: Any, name: str, bounds: Mapping[str, Any]) -> Any:
    if "choices" in bounds:
        return trial.suggest_categorical(name, bounds["choices"])
    whole = isinstance(bounds["low"], int) and isinstance(bounds["high"], int)
    suggest = trial.suggest_int if whole else trial.suggest_float
    return suggest(name, bounds["low"], bounds["high"], log=bool(bounds.get("log", False)))


def watching(job: AlignJob) -> dict[str, Any]:
    """Training settings by which the search's metric is looked at, and its best weights kept.

    The training that follows the search takes them too, so that it ends as its trial did.
    """
    spec = SearchSpec.parse(job.search) if job.search is not None else None
    if spec is None or not spec.metric:
        return {}
    return {
        "stop_tasks": (MetricRef.parse(spec.metric).task,),
        "stop_metric": spec.metric,
        "stop_data": dict(spec.data or {}),
        "stop_limit": spec.limit,
        "stop_every": spec.every,
        "stop_patience": 1_000_000,
    }


def _watch(trial: Any, spec: SearchSpec) -> Callable[[TrainingEvent], None]:
    """Reports the development metric to the study, and ends a hopeless trial."""
    import optuna

    def watch(event: TrainingEvent) -> None:
        if spec.metric and event["event"] == "metric":
            trial.report(event["standing"], event["step"])
            if trial.should_prune():
                raise optuna.TrialPruned

    return watch


def _found(study: Any, spec: SearchSpec) -> Found:
    trials = tuple(
        Trial(each.number, dict(each.params), each.value, each.state.name == "PRUNED")
        for each in study.get_trials(deepcopy=False)
    )
    whole = [each for each in trials if each.value is not None and not each.pruned]
    if not whole:
        raise RunFailedError(
            "every trial of the search failed",
            "Look into search/trial-0/training.log, and at the ranges of the parameters.",
        )
    best = max(whole, key=lambda each: -math.inf if each.value is None else each.value)
    return Found(best.settings, trials, spec.metric or "held-out rows")
