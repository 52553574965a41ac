"""What this package registers: exporters. Each is imported when it is used."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING

import harness

if TYPE_CHECKING:
    from harness.protocols import Exporter, ExporterSpec, ExportOptions, Tracker


def _open(module: str, options: ExportOptions) -> Exporter:
    from harness.protocols import Exporter

    made = import_module(f"harness_tracking.{module}").open_exporter(options)
    assert isinstance(made, Exporter)
    return made


def _follow(module: str, options: ExportOptions) -> Tracker:
    from harness.protocols import Tracker

    made = import_module(f"harness_tracking.{module}").open_exporter(options)
    assert isinstance(made, Tracker)
    return made


@harness.hookimpl
def harness_register_exporters() -> Iterable[ExporterSpec]:
    """The forms and services."""
    from harness.authoring.options import lazily
    from harness.protocols import ExporterSpec

    return [
        ExporterSpec(
            "csv",
            "every number of the run with its interval, a row each",
            lambda chosen: _open("numbers_csv", chosen),
            suffix=".csv",
        ),
        ExporterSpec(
            "eee",
            "Every Eval Ever: a record of the run, and its instances",
            lambda chosen: _open("every_eval_ever", chosen),
            options=lazily("harness_tracking.settings", "EveryEvalEverSettings"),
            suffix=".eee",
        ),
        ExporterSpec(
            "hf",
            "Hugging Face: evaluation results and model card metadata, as YAML",
            lambda chosen: _open("hugging_face", chosen),
            options=lazily("harness_tracking.settings", "HuggingFaceSettings"),
            suffix=".hf",
        ),
        ExporterSpec(
            "mlflow",
            "MLflow: metrics with their intervals, settings, and progress",
            lambda chosen: _open("mlflow_tracking", chosen),
            options=lazily("harness_tracking.settings", "MlflowSettings"),
            track=lambda chosen: _follow("mlflow_tracking", chosen),
        ),
        ExporterSpec(
            "wandb",
            "Weights & Biases: the same, offline where not said otherwise",
            lambda chosen: _open("wandb_tracking", chosen),
            options=lazily("harness_tracking.settings", "WandbSettings"),
            track=lambda chosen: _follow("wandb_tracking", chosen),
        ),
    ]
