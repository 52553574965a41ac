"""A run that stops on its way gets its reports, too."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

PLUGIN = """
import harness
from harness.protocols import BackendSpec
from harness.testing import FakeBackend
from harness.types import Logprob

answered = iter(range(7))

def say(request):
    next(answered)
    return Logprob(-1.0, 1, True)

@harness.hookimpl
def harness_register_backends():
    return [BackendSpec("tired", "stops after seven answers", lambda options: FakeBackend(say))]
"""


def test_a_run_that_stops_writes_what_it_has_and_exits_3(tmp_path: Path) -> None:
    (tmp_path / "tired.py").write_text(PLUGIN)
    rows = [{"id": str(n), "text": f"text {n}", "label": "positive"} for n in range(20)]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    command = [sys.executable, "-m", "harness", "run", "--plugin", "tired.py", "--model", "tired:"]
    command += ["--tasks", "sentiment", "--data", "sentiment=rows.jsonl", "--out", "run"]
    command += ["--format", "console,html,markdown,junit", "--no-cache"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert done.stdout.startswith("The run is incomplete.\n")
    assert "HTML report: run/report.html" in done.stdout
    assert "This run is incomplete." in (tmp_path / "run/report.html").read_text("utf-8")
    assert "This run is incomplete" in (tmp_path / "run/report.md").read_text("utf-8")
    assert "The run stopped before its end" in (tmp_path / "run/junit.xml").read_text("utf-8")
    assert "7 of 40 requests are answered" in done.stderr
