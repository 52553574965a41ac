from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from harness.protocols import Reporter
from harness.results import runfolder
from harness.types import RunResult
from harness_reports import plugin


def test_every_format_of_the_contract_is_registered_and_opens() -> None:
    specs = list(plugin.harness_register_reporters())
    names = ["console", "html", "json", "markdown", "junit", "csv", "latex", "parquet"]
    assert [spec.name for spec in specs] == names
    assert all(isinstance(spec.open(), Reporter) for spec in specs)
    assert all(spec.description for spec in specs)


def test_registering_imports_nothing_heavy() -> None:
    code = (
        "import sys, harness_reports.plugin as p; list(p.harness_register_reporters());"
        "print([m for m in ('rich', 'jinja2', 'numpy', 'xml.etree') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_json_report_is_the_results_file(run_folder: tuple[RunResult, Path]) -> None:
    result, folder = run_folder
    before = (folder / "results.json").read_bytes()
    (spec,) = [spec for spec in plugin.harness_register_reporters() if spec.name == "json"]
    assert spec.open().render(result, folder) == folder / "results.json"
    assert (folder / "results.json").read_bytes() == before
    assert runfolder.read_result(folder).run_id == result.run_id
