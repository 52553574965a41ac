"""The example of a small model as a judge, on the demo's checkpoint and a few pairs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from support.commands import harness

EXAMPLE = Path(__file__).parents[2] / "examples" / "judges" / "small_judge.py"


@pytest.mark.slow
def test_the_example_runs_and_shows_a_good_stored_judge(tmp_path: Path) -> None:
    assert harness(["demo", "--save", str(tmp_path / "ckpt")]) == 0
    pairs, judged = [], []
    for n in range(40):
        label = 1 + n % 2
        pairs.append({"input": f"Say {n}.", "output_1": f"It is {n}.", "output_2": f"No: {n}!",
                      "label": label})  # fmt: skip
        said = ["Output (a)" if label == 1 else "Output (b)"]
        said.append("Output (b)" if label == 1 else "Output (a)")
        results = {f"swap = {swap}": {"completion": [said[swap]]} for swap in (False, True)}
        judged.append({"results": [results]})
    folder = tmp_path / "llmbar"
    folder.mkdir()
    (folder / "dataset.json").write_text(json.dumps(pairs), "utf-8")
    (folder / "GPT-4-Swap-result.json").write_text(json.dumps(judged), "utf-8")
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), str(tmp_path / "ckpt"), "--llmbar", str(folder),
         "--out", str(tmp_path / "out")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    row = next(line for line in done.stdout.splitlines() if line.startswith("| stored |"))
    assert row.count("1.00") >= 3  # agreement, kappa and consistency
    assert "the judge is the model that is judged" in done.stdout
    assert (tmp_path / "out" / "noise" / "noise.json").is_file()
