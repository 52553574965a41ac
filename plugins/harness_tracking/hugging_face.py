"""Hugging Face: ``.eval_results/*.yaml`` and a model card's ``model-index``, by its own classes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from harness.authoring import option_models
from harness.authoring.io.files import write_atomically
from harness.errors import MissingExtraError, UsageError
from harness.protocols import ExportedRun, ExportOptions
from harness.types import TaskResult
from harness_tracking.numbers import Number, in_words, metrics
from harness_tracking.settings import HuggingFaceSettings


def open_exporter(options: ExportOptions) -> HuggingFace:
    """The exporter.

    Raises:
        MissingExtraError: huggingface_hub or PyYAML is not installed.
        UsageError: There is a source's name, and no URL.
    """
    try:
        import huggingface_hub  # noqa: F401
        import yaml  # type: ignore[import-untyped]  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("the exporter hf", "tracking") from error
    assert options.out is not None
    settings = option_models.read(HuggingFaceSettings, options.values, "hf")
    if settings.source_name is not None and settings.source_url is None:
        raise UsageError("hf.source_name needs a URL", "Add --set hf.source_url=URL")
    return HuggingFace(options.out, settings)


class HuggingFace:
    """See ``harness.protocols.Exporter``."""

    def __init__(self, out: Path, settings: HuggingFaceSettings) -> None:
        self._out, self._settings = out, settings

    def export(self, run: ExportedRun) -> str:
        """Two files in a folder: results by benchmark, for data sets of the hub; and the card's.

        The form of results has one value a benchmark and no field for an interval: it is the
        task's first metric, with the interval in its notes. The card has every metric.
        """
        import yaml
        from huggingface_hub import eval_result_entries_to_yaml
        from huggingface_hub.repocard_data import eval_results_to_model_index

        found = list(metrics(run.result))
        model = self._settings.model_id or str(
            run.result.model.get("name", run.result.model.get("spec", "model"))
        )
        entries = [self._entry(each, run) for each in _first(found) if each.task.data.hub]
        index = eval_results_to_model_index(model, [_card(each) for each in found])
        self._out.mkdir(mode=0o700, parents=True, exist_ok=True)
        card = yaml.safe_dump({"model-index": index}, sort_keys=False, allow_unicode=True)
        write_atomically(self._out / "model-index.yaml", card)
        told = f"{self._out}: model-index.yaml with {len(found)} metrics"
        if not entries:
            return f"{told}; no task's data are from the hub, so there is no .eval_results"
        text = yaml.safe_dump(
            eval_result_entries_to_yaml(entries), sort_keys=False, allow_unicode=True
        )
        write_atomically(self._out / ".eval_results" / "evalign.yaml", text)
        return f"{told}, .eval_results/evalign.yaml with {len(entries)} benchmarks"

    def _entry(self, number: Number, run: ExportedRun) -> Any:
        from huggingface_hub import EvalResultEntry

        hub = number.task.data.hub
        assert hub is not None
        started = run.result.timing.get("started")
        return EvalResultEntry(
            dataset_id=hub.path,
            task_id=hub.name or number.task.name,
            value=number.estimate.value,
            date=None if started is None else str(started),
            source_url=self._settings.source_url,
            source_name=self._settings.source_name,
            notes=f"{number.metric}: {in_words(number.estimate)}; {_asked(number.task)}",
        )


def _first(found: list[Number]) -> list[Number]:
    """Each task's first metric, where it has a value."""
    first: dict[str, Number] = {}
    for each in found:
        if math.isfinite(each.estimate.value):
            first.setdefault(each.task.name, each)
    return list(first.values())


def _asked(task: TaskResult) -> str:
    shots = task.settings.get("num_fewshot", "0")
    return f"{shots}-shot, evalign task {task.name} version {task.version}"


def _card(number: Number) -> Any:
    from huggingface_hub import EvalResult

    task, found = number.task, number.estimate
    hub = task.data.hub
    known = {"stderr": found.stderr, "low": found.low, "high": found.high}
    interval = {name: value for name, value in known.items() if math.isfinite(value)}
    return EvalResult(
        task_type="text-generation",
        task_name=task.name,
        dataset_type=task.name if hub is None else hub.path,
        dataset_name=task.data.label,
        dataset_config=None if hub is None else hub.name,
        dataset_split=None if hub is None else hub.split,
        metric_type=number.metric,
        metric_name=f"{number.metric} ({in_words(found)})",
        metric_value=found.value if math.isfinite(found.value) else None,
        metric_args={**interval, "n": found.n, "method": found.method},
    )
