from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness import config
from harness.cli.init import command
from harness.errors import UsageError


def test_what_it_writes_is_a_valid_configuration(tmp_path: Path) -> None:
    assert CliRunner().invoke(command, [str(tmp_path)]).exit_code == 0
    values = config.read_config(tmp_path / "harness.toml")
    spec = config.merge(values, {})
    assert spec.tasks == ("squad", "xsum", "bias")
    assert spec.gate is not None
    assert len(spec.gate["rule"]) == 3


def test_every_commented_line_is_valid_too(tmp_path: Path) -> None:
    CliRunner().invoke(command, [str(tmp_path)])
    text = (tmp_path / "harness.toml").read_text("utf-8")
    lines = [
        line.removeprefix("# ")
        if line.startswith("# ") and ("= " in line or "# [" in line)
        else line
        for line in text.splitlines()
    ]
    (tmp_path / "harness.toml").write_text("\n".join(lines), "utf-8")
    values = config.read_config(tmp_path / "harness.toml")
    assert values["data"] == {"squad": "data/dev-v2.0.json"}
    assert values["templates"]["squad"]["mine"].startswith("{{ context }}")
    assert tomllib.loads("\n".join(lines))["run"]["limit"] == 500


def test_a_file_that_is_there_is_kept(tmp_path: Path) -> None:
    (tmp_path / "harness.toml").write_text("mine", "utf-8")
    result = CliRunner().invoke(command, [str(tmp_path), "--github"])
    assert isinstance(result.exception, UsageError)
    assert (tmp_path / "harness.toml").read_text("utf-8") == "mine"
    assert not (tmp_path / ".github").exists()


def test_the_workflow_is_valid(tmp_path: Path) -> None:
    pytest.importorskip("check_jsonschema")
    assert CliRunner().invoke(command, [str(tmp_path), "--github"]).exit_code == 0
    workflow = tmp_path / ".github" / "workflows" / "harness.yml"
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema"]
    done = subprocess.run(
        [*check, "vendor.github-workflows", str(workflow)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
