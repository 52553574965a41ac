"""The Python API: ``align`` goes through the loop as ``harness align`` does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness import Registry, load_plugins
from harness.authoring.io.run_options import split_names
from harness_align import loop, report
from harness_align.job import AlignJob
from harness_align.loop import AlignResult


def align(
    method: str,
    model: Path | str,
    data: Path | str,
    out: Path | str,
    *,
    eval_tasks: Sequence[str] | str = (),
    guard: Sequence[str] | str = (),
    eval_data: Mapping[str, Path | str] | str | None = None,
    plugin_files: Sequence[Path | str] = (),
    settings: Mapping[str, Any] | None = None,
    quiet: bool = True,
    **further: Any,
) -> AlignResult:
    """Measures a model, trains it further, measures it again, decides, and writes the report.

    Args:
        method: ``sft``, ``dpo``, ``rlhf``, ….
        model: The base: a checkpoint folder or hub id.
        data: A JSONL file, or ``TASK``, ``TASK=PATH``, ``TASK=sample``.
        out: Folder for checkpoints, runs and the report.
        eval_tasks: What must get better: ``TASK``, ``TASK.METRIC``, ``TASK.METRIC@IDEAL``.
        guard: What must not get worse.
        eval_data: Task → path; or ``"sample"``.
        plugin_files: Python files to load as plugins.
        settings: Training settings, see ``harness_align.spec.AlignSpec``.
        quiet: Show no progress.
        further: Further fields of ``harness_align.job.AlignJob`` (``reward``, ``samples``, …).

    Raises:
        HarnessError: Something that was given cannot be used, or training failed.
    """
    sources = {"": eval_data} if isinstance(eval_data, str) else dict(eval_data or {})
    evaluation = {**further.pop("evaluation", {}), "data": sources}
    job = AlignJob(
        method,
        str(model),
        str(data),
        Path(out),
        split_names(eval_tasks),
        split_names(guard),
        evaluation,
        dict(settings or {}),
        plugin_files=tuple(map(Path, plugin_files)),
        **further,
    )
    registry = load_plugins(plugin_files)
    result = run(job, registry, quiet)
    report.write(result, registry)
    return result


def run(job: AlignJob, registry: Registry, quiet: bool = False) -> AlignResult:
    """Goes through the loop with progress on standard error."""
    from rich.console import Console

    console = Console(stderr=True, quiet=quiet, highlight=False)
    return loop.run(job, registry, None, console.print, quiet)
