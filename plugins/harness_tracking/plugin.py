"""What this package registers: exporters. Each is imported when it is used."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module

import harness
from harness.protocols import Exporter, ExporterSpec, ExportOptions, Tracker
from harness_tracking import options


def _open(module: str, options_: ExportOptions) -> Exporter:
    made = import_module(f"harness_tracking.{module}").open_exporter(options_)
    assert isinstance(made, Exporter)
    return made


def _follow(module: str, options_: ExportOptions) -> Tracker:
    made = import_module(f"harness_tracking.{module}").open_exporter(options_)
    assert isinstance(made, Tracker)
    return made


@harness.hookimpl
def harness_register_exporters() -> Iterable[ExporterSpec]:
    """The forms and services."""
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
            options=options.EVERY_EVAL_EVER,
            suffix=".eee",
        ),
        ExporterSpec(
            "hf",
            "Hugging Face: evaluation results and model card metadata, as YAML",
            lambda chosen: _open("hugging_face", chosen),
            options=options.HUGGING_FACE,
            suffix=".hf",
        ),
        ExporterSpec(
            "mlflow",
            "MLflow: metrics with their intervals, settings, and progress",
            lambda chosen: _open("mlflow_tracking", chosen),
            options=options.MLFLOW,
            track=lambda chosen: _follow("mlflow_tracking", chosen),
        ),
        ExporterSpec(
            "wandb",
            "Weights & Biases: the same, offline where not said otherwise",
            lambda chosen: _open("wandb_tracking", chosen),
            options=options.WANDB,
            track=lambda chosen: _follow("wandb_tracking", chosen),
        ),
    ]
