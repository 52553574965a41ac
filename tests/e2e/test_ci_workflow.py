"""The workflow of `harness init --github`: its commands, in order, in a fresh repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

yaml = pytest.importorskip("yaml")

RULES = """
[run]
model = "demo"
tasks = ["sst2"]
limit = 40
[data]
sst2 = "sample"
[gate]
baseline = "baseline.json.gz"
[[gate.rule]]
metric = "sst2.accuracy"
min = {least}
"""


def configuration(least: float) -> str:
    return RULES.format(least=least)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With a configuration, a baseline and the workflow, as they stand on the base branch."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gate.toml").write_text(configuration(0.2), "utf-8")
    run = "run --model demo --tasks sst2 --data sample --limit 40 --out runs/main --format json"
    harness(*run.split())
    harness("baseline", "save", "runs/main", "baseline.json.gz")
    shutil.rmtree(tmp_path / "runs")
    harness("init", "--github", "--config", "gate.toml")
    return tmp_path


def harness(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "harness", *arguments], check=True, capture_output=True)


def commands(repository: Path) -> list[str]:
    """What the job runs; what is installed here stands for the installation."""
    workflow = yaml.safe_load((repository / ".github" / "workflows" / "harness.yml").read_text())
    steps = [step for step in workflow["jobs"]["gate"]["steps"] if "run" in step]
    assert [step.get("name") for step in steps] == [
        "Install",
        "Evaluate and gate",
        "Comment on the pull request",  # needs GitHub
    ]
    return [steps[1]["run"]]


def execute(repository: Path) -> int:
    binaries = repository / ".bin"
    binaries.mkdir(exist_ok=True)
    script = binaries / "harness"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m harness "$@"\n', "utf-8")
    script.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{binaries}:{os.environ['PATH']}",
        "HARNESS_CACHE": ".harness-cache",
    }
    for each in commands(repository):
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", each], cwd=repository, env=environment
        )
        if done.returncode:
            return done.returncode
    return 0


def test_a_first_run_is_green_and_writes_what_later_steps_take(repository: Path) -> None:
    assert execute(repository) == 0
    assert (repository / "runs" / "candidate" / "report.md").is_file()
    assert (repository / ".harness-cache" / "responses.sqlite").is_file()


@pytest.mark.slow
def test_a_change_is_not_judged_by_its_own_rules(repository: Path) -> None:
    base = repository / ".harness-base"
    base.mkdir()
    shutil.copy(repository / "baseline.json.gz", base)
    (base / "gate.toml").write_text(configuration(0.999), "utf-8")
    assert execute(repository) == 1
    assert (repository / ".harness-cache" / "responses.sqlite").is_file()
