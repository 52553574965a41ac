"""What this package registers: exporters. Each is imported when it is used."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module

import harness
from harness.protocols import Exporter, ExporterSpec, ExportOptions
from harness_tracking import options


def _open(module: str, options_: ExportOptions) -> Exporter:
    made = import_module(f"harness_tracking.{module}").open_exporter(options_)
    assert isinstance(made, Exporter)
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
    ]
