"""docs/ci.md, command by command."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_every_command_of_the_guide_runs(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (root / "docs" / "ci.md").read_text("utf-8")
    (tmp_path / "gate.toml").write_text(re.findall(r"```toml\n(.*?)```", text, re.S)[0], "utf-8")
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    commands = [
        line
        for block in re.findall(r"```sh\n(.*?)```", text, re.S)
        for line in block.splitlines()
        if line
    ]
    assert len(commands) >= 9
    for command in commands:
        done = subprocess.run(
            [sys.executable, "-m", *shlex.split(command)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    made = {path.name for path in (tmp_path / "runs" / "candidate").iterdir()}
    assert {"report.html", "report.md", "junit.xml", "results.json", "run.json"} <= made
    assert "sst2.accuracy" in summary.read_text("utf-8")
    assert (tmp_path / ".github" / "workflows" / "harness.yml").is_file()


def test_a_worse_model_is_blocked_with_code_1(root: Path, tmp_path: Path) -> None:
    from harness_backends.demo import weights_folder

    text = (root / "docs" / "ci.md").read_text("utf-8")
    (tmp_path / "gate.toml").write_text(re.findall(r"```toml\n(.*?)```", text, re.S)[0], "utf-8")

    def harness(line: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "harness", *shlex.split(line)]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    arguments = "--tasks sst2,squad --data sample --limit 60 --set squad.max_tokens=8 --format json"
    assert harness(f"run --model demo {arguments} --out runs/main").returncode == 0
    assert harness("baseline save runs/main baseline.json.gz").returncode == 0
    _add_noise(weights_folder(), tmp_path / "ckpt")
    blocked = harness(
        "run --config gate.toml --limit 60 --set squad.max_tokens=8 --out runs/candidate --quiet"
    )
    assert blocked.returncode == 1, blocked.stdout + blocked.stderr
    assert "sst2.accuracy" in blocked.stdout or "squad.f1" in blocked.stdout


def _add_noise(source: Path, out: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(source)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * weight.std())
    model.save_pretrained(out)
    AutoTokenizer.from_pretrained(source).save_pretrained(out)
