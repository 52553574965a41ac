"""The Python API: ``from harness import compare, evaluate``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness import plugins
from harness.comparison import run_comparison
from harness.comparison.values import RunComparison
from harness.config import ModelConfig, RunSpec
from harness.gate import registry_lookup
from harness.planned import Plan
from harness.plugins import Registry
from harness.protocols import ModelBackend, ModelSource
from harness.results.baseline import load_run
from harness.run import models, planner, runner
from harness.types import RunResult


def evaluate(
    model: Path | str,
    tasks: Sequence[str] | str,
    data: Mapping[str, Path | str] | Path | str | None = None,
    *,
    plugin_files: Sequence[Path | str] = (),
    **settings: Any,
) -> RunResult:
    """Evaluates a model as ``harness run`` does, and writes the run folder.

    Args:
        model: A checkpoint folder or hub id, or ``SCHEME:REST``.
        tasks: Names of tasks and suites.
        data: Task → path; or ``"sample"`` for the small sets that ship with the tasks; or the
            path of every task's data.
        plugin_files: Python files to load as plugins.
        settings: Further fields of ``harness.config.RunSpec`` (``limit``, ``out``, …);
            paths are texts or ``Path``, names a list or a text with commas.

    Returns:
        The result; its ``run_id`` names the folder under ``runs`` unless ``out`` is given.

    Raises:
        HarnessError: Something asked for does not exist, cannot be read, or the run failed.
    """
    sources = {"": data} if isinstance(data, Path | str) else data or {}
    spec = RunSpec(model, tasks, sources, **settings)  # type: ignore[arg-type]
    return runner.run(spec, plugins.load(plugin_files)).result


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
    config = model if isinstance(model, ModelConfig) else ModelConfig(str(model))
    return models.open_backend(config, plugins.load() if registry is None else registry)


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
    return planner.build(spec, plugins.load() if registry is None else registry, model, stored_only)


def compare(baseline: Path | str, candidate: Path | str, *, force: bool = False) -> RunComparison:
    """Compares two runs sample by sample, as ``harness compare`` does.

    Args:
        baseline: A run folder, its results.json, or a baseline file.
        candidate: The same, of the run that is judged.
        force: Compare even where version, data or few-shot setting differ, and say so.

    Raises:
        HarnessError: A run cannot be read, or the two cannot be compared.
    """
    runs = [load_run(Path(each), texts=True) for each in (baseline, candidate)]
    metrics = registry_lookup.task_metrics(plugins.load(), runs)
    return run_comparison.compare(runs[0], runs[1], metrics, force)
