"""The functions of ``from harness import …`` that take paths and values as users have them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from harness import config, gating, plugins
from harness.api.evaluation import Evaluation
from harness.authoring.reporting.progress import display
from harness.comparison import run_comparison
from harness.config import ModelConfig, RunSpec
from harness.errors import UnknownNameError, UsageError
from harness.gating import (
    GateConfig,
    GateVerdict,
    Rule,
    instrument_noise,
    registry_lookup,
    series,
)
from harness.planned import Plan
from harness.plugins import Registry
from harness.protocols import ModelBackend, ModelSource
from harness.results import baseline as saved
from harness.results import imported
from harness.results.baseline import ScoredRun
from harness.run import models, runner
from harness.run.planning import planner
from harness.run.watching.display import RunDisplay
from harness.types import RunComparison


@runtime_checkable
class Saveable(Protocol):
    """A model or tokenizer of transformers, as far as ``evaluate`` uses it."""

    def save_pretrained(self, save_directory: str) -> Any:
        """Writes its files into a folder."""
        ...


_SETTINGS = frozenset(each.name for each in fields(RunSpec)) - {"model", "tasks", "data"}


def evaluate(
    model: RunSpec | Path | str | ModelBackend | Saveable,
    tasks: Sequence[str] | str = (),
    data: Mapping[str, Path | str] | Path | str | None = None,
    *,
    registry: Registry | None = None,
    plugin_files: Sequence[Path | str] = (),
    tokenizer: Saveable | None = None,
    progress: bool = False,
    **settings: Any,
) -> Evaluation:
    """Evaluates a model as ``harness run`` does, and writes the run folder.

    Args:
        model: A checkpoint folder or hub id, or ``SCHEME:REST``; a ``RunSpec``, which says
            everything; a model of transformers, with its ``tokenizer``, which is saved into a
            temporary folder and read from there; or a backend, which stays open.
        tasks: Names of tasks and suites.
        data: Task → path; or ``"sample"`` for the small sets that ship with the tasks; or the
            path of every task's data.
        registry: The loaded plugins; None loads those that are installed.
        plugin_files: Python files to load as plugins, or harness.toml files that declare tasks.
        tokenizer: Of a model of transformers.
        progress: Show on standard error what is done, as ``harness run`` does.
        settings: Further fields of ``RunSpec`` (``limit``, ``out``, …); paths are texts or
            ``Path``, names a list or a text with commas.

    Returns:
        The result; ``folder`` is its run folder, ``runs/<run_id>`` unless ``out`` is given.

    Raises:
        UnknownNameError: A keyword is no field of ``RunSpec``.
        HarnessError: Something asked for does not exist, cannot be read, or the run failed.
        NothingScoredError: The run is written, and a task has no scored sample.
    """
    if registry is not None and plugin_files:
        raise UsageError(
            "registry and plugin_files are both given", "Load the files with load_plugins(FILES)."
        )
    unknown = next((name for name in settings if name not in _SETTINGS), None)
    if unknown is not None:
        raise UnknownNameError("keyword of evaluate", unknown, _SETTINGS)
    if isinstance(model, RunSpec):
        if tasks or data is not None or settings:
            raise UsageError(
                "a RunSpec says everything, and other settings are given beside it",
                "Put them into the RunSpec.",
            )
        return _evaluated(model, registry, plugin_files, progress)
    sources = {"": data} if isinstance(data, Path | str) else data or {}

    def spec_of(name: Path | str) -> RunSpec:
        return RunSpec(name, tasks, sources, **settings)  # type: ignore[arg-type]

    if isinstance(model, Path | str):
        return _evaluated(spec_of(model), registry, plugin_files, progress)
    if isinstance(model, ModelBackend):
        spec = spec_of(f"python:{type(model).__name__}")
        return _evaluated(spec, registry, plugin_files, progress, model)
    if not isinstance(model, Saveable) or tokenizer is None:
        raise UsageError(
            f"a model of type {type(model).__name__} cannot be evaluated",
            "Give a path, a hub id, a RunSpec, a backend, or a model of transformers with "
            "tokenizer=….",
        )
    with _saved(model, tokenizer) as place:
        return _evaluated(spec_of(place), registry, plugin_files, progress)


@contextmanager
def _saved(model: Saveable, tokenizer: Saveable) -> Iterator[Path]:
    """A temporary folder, of the model's name, with a model of transformers."""
    with tempfile.TemporaryDirectory(prefix="harness-model-") as folder:
        name = Path(str(getattr(model, "name_or_path", ""))).name or type(model).__name__
        place = Path(folder, name)
        model.save_pretrained(str(place))
        tokenizer.save_pretrained(str(place))
        yield place


def _evaluated(
    spec: RunSpec,
    registry: Registry | None,
    plugin_files: Sequence[Path | str],
    progress: bool,
    backend: ModelBackend | None = None,
) -> Evaluation:
    registry = plugins.load(plugin_files) if registry is None else registry
    with display(quiet=not progress) as shown:
        run = RunDisplay(shown, spec.may_end_early)
        done = runner.run(spec, registry, None, run.planned, run.update, run.phase, backend)
    return Evaluation.of(done.result, done.folder)


def open_model(
    model: ModelConfig | ModelSource | Path | str, registry: Registry | None = None
) -> ModelBackend:
    """Opens a model, to be asked several times; whoever opens it calls its ``close``.

    This is where heavy packages are imported and weights are read.

    Args:
        model: What ``--model`` takes; a ``ModelConfig``, which also says how; or what an
            executor was given, in the process that is to hold the model.
        registry: The loaded plugins; None loads those that are installed.

    Raises:
        UnknownNameError: The scheme, the executor or a setting does not exist.
        UsageError: The executor cannot spread this backend.
        ModelError: The checkpoint or endpoint cannot be used.
        HarnessError: The response store cannot be used.
    """
    if isinstance(model, ModelSource):
        return models.open_source(model)
    opened = model if isinstance(model, ModelConfig) else ModelConfig(str(model))
    return models.open_backend(opened, _loaded(registry))


def plan(
    spec: RunSpec,
    model: ModelBackend,
    registry: Registry | None = None,
    *,
    stored_only: bool = False,
) -> Plan:
    """Reads the data and makes every request of a run, without asking any.

    Args:
        spec: What the run evaluates.
        model: The run's model, open.
        registry: The loaded plugins; None loads those that are installed.
        stored_only: Do not ask other models for probes' variants; take stored ones alone.

    Raises:
        UsageError: A name or option does not exist, or the model cannot answer a request.
        DataError: A data file is missing, malformed, empty or has an id twice.
    """
    return planner.build(spec, _loaded(registry), model, stored_only)


def compare(
    baseline: ScoredRun | Path | str,
    candidate: ScoredRun | Path | str,
    *,
    force: bool = False,
    registry: Registry | None = None,
) -> RunComparison:
    """Compares two runs sample by sample, as ``harness compare`` does.

    Args:
        baseline: A run folder, its results.json, a baseline file, or what ``load_run`` read.
        candidate: The same, of the run that is judged.
        force: Compare even where version, data or few-shot setting differ, and say so.
        registry: The loaded plugins; None loads those that are installed.

    Raises:
        HarnessError: A run cannot be read, or the two cannot be compared.
    """
    registry = _loaded(registry)
    runs = [_scored(each, registry, texts=True) for each in (baseline, candidate)]
    metrics = registry_lookup.task_metrics(registry, runs)
    return run_comparison.compare(runs[0], runs[1], metrics, force)


def gate(
    candidate: ScoredRun | Path | str,
    baseline: ScoredRun | Path | str | None = None,
    *,
    rules: Sequence[Mapping[str, Any]] = (),
    config: GateConfig | Mapping[str, Any] | Path | str | None = None,
    registry: Registry | None = None,
    seed: int | None = None,
) -> GateVerdict:
    """Judges a finished run as ``harness gate`` does; nothing is written into its folder.

    Where the gate belongs to a series of builds, the run takes its share of the series' budget.

        from harness import gating

        rules = [{"metric": "squad.f1", "max_drop": 0.05}]
        verdict = gate("runs/candidate", "runs/main", rules=rules)
        print(verdict.verdict, verdict.sentence)

    Args:
        candidate: A run folder, its results.json, a baseline file, or what ``load_run`` read.
        baseline: The same, of the run to compare with; None takes the one that ``config`` names.
        rules: The [[gate.rule]] tables, where everything else is as usual.
        config: The [gate] table, or the harness.toml that holds one.
        registry: The loaded plugins; None loads those that are installed.
        seed: Of the order of samples in sequential mode; None takes the candidate's.

    Raises:
        ConfigError: The table is malformed, or a rule could never block.
        UsageError: Neither ``rules`` nor ``config`` is given, or both are.
        UnknownNameError: A rule names no metric of the run.
        DataError: A run cannot be read.
    """
    registry = _loaded(registry)
    judged = _scored(candidate, registry)
    wanted = _gate_config(rules, config, baseline)
    instrument_noise.check(wanted)
    key = judged.result.run_id if isinstance(candidate, ScoredRun) else str(candidate)
    build = series.take_part(wanted, key, judged.result.run_id)
    wanted = wanted if build is None else build.config
    reference = wanted.baseline if baseline is None else baseline
    against = None if reference is None else _scored(reference, registry)
    named = [rule.metric for rule in wanted.rules]
    metrics = registry_lookup.task_metrics(registry, [against, judged], named)
    seed = int(judged.spec.get("seed", 0)) if seed is None else seed
    verdict = gating.evaluate(wanted, judged, against, metrics, seed)
    verdict = gating.in_context(verdict, judged, against, metrics)
    return verdict if build is None else build.finish(judged.result.run_id, verdict)


def gate_scores(
    before: Sequence[float],
    after: Sequence[float],
    rule: Rule,
    *,
    clusters: Sequence[str | None] | None = None,
    alpha: float = 0.05,
) -> GateVerdict:
    """Judges paired scores that belong to no task, such as rewards on held-out prompts.

    Args:
        before: The baseline's scores, the higher the better.
        after: The candidate's, of the same samples in the same order.
        rule: A rule on a change, such as ``Rule("reward", "min_gain", 0.0)``; its ``metric`` may
            be any text.
        clusters: Cluster of each sample; None where every sample is its own.
        alpha: Bound on the probability of blocking a change that keeps the rule, and of passing
            one that breaks it.
    """
    return gating.evaluate_scores(GateConfig((rule,), alpha), before, after, clusters)


def load_plugins(files: Sequence[Path | str] = ()) -> Registry:
    """Loads every installed plugin; a broken one is named in the registry and skipped.

    Args:
        files: Python files to load as plugins too.

    Raises:
        PluginError: One of the files is broken.
    """
    return plugins.load(files)


def load_run(
    path: Path | str,
    texts: bool = False,
    registry: Registry | None = None,
) -> ScoredRun:
    """Reads a run folder, its results.json, or a baseline file, and checks that it is whole.

    Results of another program are read, too, where an importer knows them.

    Args:
        path: Any of these.
        texts: Keep prompts and responses, where they are there; those of a run folder are read
            when they are asked for.
        registry: The loaded plugins; None loads those that are installed, where they are needed.

    Raises:
        DataError: It cannot be read, a file is not as the run wrote it, or a baseline's content
            does not match its hash.
    """
    path = Path(path)
    if imported.is_own(path):
        return saved.load_run(path, texts)
    return imported.load(path, _loaded(registry), texts)


def _loaded(registry: Registry | None) -> Registry:
    return plugins.load() if registry is None else registry


def _scored(
    run: ScoredRun | Path | str, registry: Registry | None, texts: bool = False
) -> ScoredRun:
    return run if isinstance(run, ScoredRun) else load_run(run, texts, registry)


def _gate_config(
    rules: Sequence[Mapping[str, Any]],
    given: GateConfig | Mapping[str, Any] | Path | str | None,
    baseline: ScoredRun | Path | str | None,
) -> GateConfig:
    if bool(rules) == (given is not None):
        raise UsageError(
            "a gate needs either rules or a config",
            'Give rules=[{"metric": "squad.f1", "max_drop": 0.02}] or config="harness.toml".',
        )
    if isinstance(given, Path | str):
        found = gating.parse_gate(config.read_gate(Path(given)))
    elif isinstance(given, GateConfig):
        found = given
    else:
        found = gating.parse_gate({"rule": list(rules)} if given is None else given)
    if isinstance(baseline, Path | str):
        found = replace(found, baseline=str(baseline))
    return found
