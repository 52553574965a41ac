"""The workflow of `harness init --github`, and the action: their commands in a fresh repository."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from support import ROOT

yaml = pytest.importorskip("yaml")
pytestmark = pytest.mark.skipif(shutil.which("jq") is None, reason="the stand-in for gh needs jq")

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


GH = """#!/bin/sh
# The two calls that the workflow makes, answered from a folder of artifacts.
case "$1" in
  api) exec jq -r "$4" "$STORE/artifacts.json" ;;
  run) mkdir -p "$7" && cp -R "$STORE/$3/." "$7" ;;
esac
"""


def steps(repository: Path) -> list[dict[str, Any]]:
    workflow = yaml.safe_load((repository / ".github" / "workflows" / "harness.yml").read_text())
    return workflow["jobs"]["gate"]["steps"]


def commands(repository: Path) -> list[str]:
    """What the job runs; what is installed here stands for the installation."""
    found = [step for step in steps(repository) if "run" in step]
    assert [step.get("name") for step in found] == [
        "Install",
        "Restore the error budget of the series",
        "Evaluate and gate",
        "Comment on the pull request",  # needs GitHub
    ]
    return [step["run"] for step in found[1:3]]


def keep(repository: Path, build: int, repository_id: int = 1) -> None:
    """What the step that uploads the budget does."""
    store = repository / ".store"
    step = next(each for each in steps(repository) if each.get("name", "").startswith("Keep the"))
    shutil.copytree(repository / step["with"]["path"], store / str(build))
    document = json.loads((store / "artifacts.json").read_text("utf-8"))
    owner = {"id": build, "head_repository_id": repository_id, "repository_id": 1}
    document["artifacts"].append(
        {"expired": False, "created_at": f"2026-01-{build:02}T00:00:00Z", "workflow_run": owner}
    )
    (store / "artifacts.json").write_text(json.dumps(document), "utf-8")


def execute(repository: Path) -> int:
    store = repository / ".store"
    store.mkdir(exist_ok=True)
    if not (store / "artifacts.json").exists():
        (store / "artifacts.json").write_text('{"artifacts": []}', "utf-8")
    given = {"HARNESS_CACHE": ".harness-cache", "GH_REPO": "owner/name", "STORE": str(store)}
    return next(
        (code for each in commands(repository) if (code := bash(repository, each, given))), 0
    )


def bash(repository: Path, command: str, given: Mapping[str, str]) -> int:
    """Runs a step's command as GitHub does, with what is installed here."""
    binaries = repository / ".bin"
    binaries.mkdir(exist_ok=True)
    for name, text in (
        ("harness", f'#!/bin/sh\nexec "{sys.executable}" -m harness "$@"\n'),
        ("python", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n'),
        ("gh", GH),
    ):
        (binaries / name).write_text(text, "utf-8")
        (binaries / name).chmod(0o755)
    environment = {**os.environ, "PATH": f"{binaries}:{os.environ['PATH']}", **given}
    shell = ["bash", "-eo", "pipefail", "-c", command]
    return subprocess.run(shell, cwd=repository, env=environment).returncode


# --------------------------------------------------------------------------- each week

WEEKLY = """
[run]
model = "replay:answers.jsonl"
tasks = ["qa"]
[data]
qa = "qa.jsonl"
"""


def week(repository: Path, answer: str) -> int:
    """Runs the weekly job in a fresh checkout; the model's answers are those of that week."""
    rows = [{"id": str(n), "response": f"{answer} {n % 5}"} for n in range(120)]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (repository / "answers.jsonl").write_text(lines, "utf-8")
    path = repository / ".github" / "workflows" / "harness-weekly.yml"
    workflow = yaml.safe_load(path.read_text("utf-8"))
    found = {step["name"]: step for step in workflow["jobs"]["evaluate"]["steps"] if "name" in step}
    assert list(found) == [
        "Install", "Restore the history", "Evaluate", "Alarm on drift", "Keep the history",
    ]  # fmt: skip
    store = repository / ".store"
    store.mkdir(exist_ok=True)
    if not (store / "artifacts.json").exists():
        (store / "artifacts.json").write_text('{"artifacts": []}', "utf-8")
    given = {"GH_REPO": "owner/name", "STORE": str(store)}
    shutil.rmtree(repository / "harness-history", ignore_errors=True)
    codes = [
        bash(repository, found[name]["run"], given)
        for name in ("Restore the history", "Evaluate", "Alarm on drift")
    ]
    assert codes[0] == 0
    assert codes[1] in (0, 4)  # the gate's verdict of the week; drift is looked for all the same
    assert found["Alarm on drift"]["if"] == found["Keep the history"]["if"] == "always()"
    document = json.loads((store / "artifacts.json").read_text("utf-8"))
    build = len(document["artifacts"]) + 1
    shutil.copytree(repository / found["Keep the history"]["with"]["path"], store / str(build))
    document["artifacts"].append(
        {
            "expired": False,
            "created_at": f"2026-02-{build:02}T00:00:00Z",
            "workflow_run": {"id": build, "head_repository_id": 1, "repository_id": 1},
        }
    )
    (store / "artifacts.json").write_text(json.dumps(document), "utf-8")
    return codes[2]


@pytest.mark.slow
def test_each_week_is_kept_and_a_drift_fails_the_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "harness.toml").write_text(WEEKLY + "[[gate.rule]]\nmetric = 'qa.f1'\nmin = 0\n")
    rows = [
        {"id": str(n), "context": f"c {n}", "question": f"{n}?", "answers": ["the answer"]}
        for n in range(120)
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "qa.jsonl").write_text(lines, "utf-8")
    harness("init", "--github", "--weekly")
    assert week(tmp_path, "the answer") == 0
    assert week(tmp_path, "the answer") == 0
    assert week(tmp_path, "I'm sorry, I can't help with that.") == 1
    kept = [each for each in (tmp_path / "harness-history").iterdir() if each.is_dir()]
    assert len(kept) == 3
    assert "Alarm" in (tmp_path / "harness-history" / "monitor.html").read_text("utf-8")
    assert {each.name for each in (tmp_path / ".store" / "3").iterdir()} >= {"monitor.html"}


def test_a_first_run_is_green_and_writes_what_later_steps_take(repository: Path) -> None:
    assert execute(repository) == 0
    assert (repository / "runs" / "candidate" / "report.md").is_file()
    assert (repository / ".harness-cache" / "responses.sqlite").is_file()


def action(repository: Path, **inputs: str) -> tuple[int, dict[str, str]]:
    """(exit code, outputs) of the action's step that judges, with these inputs."""
    described = yaml.safe_load((ROOT / "action" / "action.yml").read_text("utf-8"))
    step = next(each for each in described["runs"]["steps"] if each.get("id") == "gate")
    values = {name: each["default"] for name, each in described["inputs"].items()} | inputs
    given = {
        name: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda found: values[found[1]], text)
        for name, text in step["env"].items()
    }
    output = repository / "github-output"
    output.write_text("", "utf-8")
    code = bash(repository, step["run"], {**given, "GITHUB_OUTPUT": str(output)})
    lines = output.read_text("utf-8").splitlines()
    return code, dict(line.split("=", 1) for line in lines)


@pytest.mark.slow
def test_the_action_ends_as_the_gate_and_says_so(repository: Path) -> None:
    assert action(repository, config="gate.toml") == (0, {"verdict": "pass", "exit-code": "0"})
    assert (repository / "runs" / "candidate" / "junit.xml").is_file()
    (repository / "gate.toml").write_text(configuration(0.999), "utf-8")
    code, outputs = action(repository, config="gate.toml", out="runs/worse")
    assert (code, outputs) == (1, {"verdict": "block", "exit-code": "1"})
    code, outputs = action(repository, config="; touch stolen", out="runs/none")
    assert (code, outputs["exit-code"], outputs["verdict"]) == (2, "2", "")
    assert not (repository / "stolen").exists()


@pytest.mark.slow
def test_a_change_is_not_judged_by_its_own_rules(repository: Path) -> None:
    base = repository / ".harness-base"
    base.mkdir()
    shutil.copy(repository / "baseline.json.gz", base)
    (base / "gate.toml").write_text(configuration(0.999), "utf-8")
    assert execute(repository) == 1
    assert (repository / ".harness-cache" / "responses.sqlite").is_file()


@pytest.mark.slow
def test_the_budget_of_a_series_outlives_builds_and_is_not_brought_by_a_change(
    repository: Path,
) -> None:
    rules = configuration(0.2).replace("[gate]", '[gate]\nseries = "main"\nbuilds = 10')
    (repository / "gate.toml").write_text(rules, "utf-8")
    harness("init", "--github", "--config", "gate.toml", "--force")
    text = (repository / ".github" / "workflows" / "harness.yml").read_text("utf-8")
    assert "group: harness-series\n  cancel-in-progress: false" in text

    def build(number: int, repository_id: int = 1) -> int:
        """How many builds the series counts after this one, in a fresh checkout."""
        shutil.rmtree(repository / "runs", ignore_errors=True)
        shutil.rmtree(repository / "gate-series", ignore_errors=True)
        if number == 2:  # a change that brings a budget of its own
            shutil.copytree(repository / ".store" / "1", repository / "gate-series")
            path = repository / "gate-series" / "main.json"
            path.write_text(path.read_text("utf-8").replace('"builds": 10', '"builds": 9999'))
        assert execute(repository) == 0
        keep(repository, number, repository_id)
        state = json.loads((repository / "gate-series" / "main.json").read_text("utf-8"))
        assert state["builds"] == 10
        return len(state["entries"])

    assert build(1) == 1
    assert build(2) == 2
    assert build(3, repository_id=7) == 3  # a fork's: it reads the budget, and spends none of it
    assert build(4) == 3
