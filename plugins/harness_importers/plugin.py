"""What this package registers: formats of results. Each is imported when a file is looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import TYPE_CHECKING

import harness

if TYPE_CHECKING:
    from harness.protocols import Importer, ImporterSpec

_FORMATS = (
    ("lm_eval", "lm-evaluation-harness: results_*.json, with samples_*.jsonl beside it"),
    ("inspect", "Inspect: a .eval or .json log, or a folder of them"),
    ("helm", "HELM: a run's folder, with run_spec.json and stats.json"),
    ("every_eval_ever", "Every Eval Ever: a record, with its instances (.jsonl) beside it"),
    ("promptfoo", "promptfoo: the JSON of promptfoo eval --output"),
    ("deepeval", "deepeval: the JSON of a test run"),
    ("table", "CSV, TSV, JSONL or Parquet with a column id and columns of numbers, one a metric"),
)


def _opener(name: str) -> Callable[[], Importer]:
    module = {"inspect": "inspect_logs", "table": "score_tables"}.get(name, name)

    def make() -> Importer:
        from harness.protocols import Importer

        found = import_module(f"harness_importers.{module}").IMPORTER
        assert isinstance(found, Importer)
        return found

    return make


@harness.hookimpl
def harness_register_importers() -> Iterable[ImporterSpec]:
    """The formats, the most particular first; tables of scores last."""
    from harness.protocols import ImporterSpec

    return [ImporterSpec(name, told, _opener(name)) for name, told in _FORMATS]
