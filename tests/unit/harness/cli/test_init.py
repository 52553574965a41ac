from __future__ import annotations

import contextlib
import os
import re
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
    done = CliRunner().invoke(command, [str(tmp_path)])
    assert done.exit_code == 0
    assert f"harness run --config {tmp_path / 'harness.toml'} --no-gate" in done.output
    assert "commit" not in done.output
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
    result = CliRunner().invoke(command, [str(tmp_path)])
    assert isinstance(result.exception, UsageError)
    assert (tmp_path / "harness.toml").read_text("utf-8") == "mine"


def test_the_workflow_takes_the_users_own_configuration(tmp_path: Path) -> None:
    own = tmp_path / "ci" / "gate.toml"
    own.parent.mkdir()
    own.write_text('[gate]\nbaseline = "ci/main.gz"\n[[gate.rule]]\nmetric = "a.b"\nmin = 0.5\n')
    arguments = [str(tmp_path), "--github", "--config", "ci/gate.toml"]
    assert CliRunner().invoke(command, arguments).exit_code == 0
    assert not (tmp_path / "harness.toml").exists()
    text = (tmp_path / ".github" / "workflows" / "harness.yml").read_text("utf-8")
    assert '--config "$judge"/ci/gate.toml --baseline "$judge"/ci/main.gz ' in text
    outside = CliRunner().invoke(command, [str(tmp_path), "--github", "--config", "../x.toml"])
    assert isinstance(outside.exception, UsageError)


def test_every_action_is_pinned_and_no_credentials_are_kept(tmp_path: Path) -> None:
    yaml = pytest.importorskip("yaml")
    CliRunner().invoke(command, [str(tmp_path), "--github"])
    workflow = yaml.safe_load((tmp_path / ".github" / "workflows" / "harness.yml").read_text())
    steps = workflow["jobs"]["gate"]["steps"]
    used = [step for step in steps if "uses" in step]
    assert len(used) == 7
    for step in used:
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", step["uses"])
        if step["uses"].startswith("actions/checkout"):
            assert step["with"]["persist-credentials"] is False
    assert workflow["permissions"] == {"contents": "read"}
    assert "concurrency" in workflow


def test_the_workflow_is_valid(tmp_path: Path) -> None:
    pytest.importorskip("check_jsonschema")
    assert CliRunner().invoke(command, [str(tmp_path), "--github"]).exit_code == 0
    workflow = tmp_path / ".github" / "workflows" / "harness.yml"
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema"]
    done = subprocess.run(
        [*check, "vendor.github-workflows", str(workflow)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_flags_and_answers_on_a_terminal_are_written_down(tmp_path: Path) -> None:
    arguments = ["--margin", "0.04", "--inconclusive", "warn"]
    assert CliRunner().invoke(command, [str(tmp_path), *arguments]).exit_code == 0
    gate = config.read_config(tmp_path / "harness.toml")["gate"]
    assert (gate["rule"][0]["max_drop"], gate["inconclusive"]) == (0.04, "warn")

    pty = pytest.importorskip("pty")
    here, terminal = pty.openpty()
    asked = subprocess.Popen(
        [sys.executable, "-m", "harness", "init", str(tmp_path / "asked")],
        stdin=terminal, stdout=terminal, stderr=terminal,
    )  # fmt: skip
    os.close(terminal)
    os.write(here, b"200\n0.03\n0.2\nwarn\n")
    shown = b""
    with contextlib.suppress(OSError):  # the end of a terminal
        while part := os.read(here, 4096):
            shown += part
    assert asked.wait() == 0
    assert b"With 200 samples, a margin of 0.03 and 20% of the samples changing" in shown
    assert b"this gate will mostly be inconclusive" in shown
    gate = config.read_config(tmp_path / "asked" / "harness.toml")["gate"]
    assert (gate["rule"][0]["max_drop"], gate["inconclusive"]) == (0.03, "warn")
