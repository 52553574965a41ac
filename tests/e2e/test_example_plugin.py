"""The tutorial's package, installed as anyone would install it, and its commands."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def installed(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment variables under which the installed package is found."""
    target = tmp_path_factory.mktemp("site")
    install = "pip install --quiet --no-deps --no-build-isolation --no-index --target"
    subprocess.run(
        [sys.executable, "-m", *install.split(), target, root / "examples" / "harness-hello"],
        check=True,
    )
    return {**os.environ, "PYTHONPATH": str(target)}


def harness(line: str, cwd: Path, variables: dict[str, str]) -> str:
    command = [sys.executable, "-m", *line.split()]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, env=variables)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_is_listed_with_its_origin(installed: dict[str, str], tmp_path: Path) -> None:
    listed = json.loads(harness("harness plugins --json", tmp_path, installed))
    (ours,) = [plugin for plugin in listed if plugin["name"] == "hello"]
    assert (ours["version"], ours["origin"], ours["error"]) == ("1.0", "harness-hello", None)
    assert set(ours["hooks"]) == {"harness_register_tasks", "harness_register_backends"}


def test_the_tutorial_s_commands_run(root: Path, installed: dict[str, str], tmp_path: Path) -> None:
    text = (root / "docs" / "writing-a-plugin.md").read_text("utf-8")
    block, *_ = re.findall(r"```sh\n(.*?)```", text, re.S)
    for line in block.splitlines():
        if line.startswith("printf"):
            subprocess.run(["sh", "-c", line], cwd=tmp_path, check=True)
        elif line.startswith("harness"):
            printed = harness(line, tmp_path, installed)
            assert "greets" in printed
            assert "shouting" in printed
    (run,) = (tmp_path / "runs").iterdir()
    tasks = json.loads((run / "results.json").read_text("utf-8"))["tasks"]
    assert tasks["hello"]["metrics"]["greets"]["value"] == 1
