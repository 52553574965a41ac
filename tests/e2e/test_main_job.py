"""The main job through the real command, on the real embedded model."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.results import runfolder

CHECKPOINT_FILES = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}


def harness(*arguments: str, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "harness", *arguments], cwd=cwd, capture_output=True, text=True
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint")
    harness("demo", "--save", "ckpt", cwd=folder)
    return folder / "ckpt"


def test_the_demo_is_an_ordinary_checkpoint(checkpoint: Path) -> None:
    assert {path.name for path in checkpoint.iterdir()} >= CHECKPOINT_FILES
    assert (checkpoint / "model.safetensors").stat().st_size <= 2_000_000


def test_the_main_job(checkpoint: Path, tmp_path: Path) -> None:
    arguments = "run --model {} --tasks squad,xsum,bias --data sample --out run --limit 40"
    done = harness(*arguments.format(checkpoint).split(), cwd=tmp_path)
    for word in ("squad", "f1", "rouge1", "stereotype_share", "run/report.html"):
        assert word in done.stdout
    assert "sample set" in " ".join(done.stdout.split())
    files = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}, "pages, too"
    result = runfolder.read_result(tmp_path / "run")
    assert list(result.tasks)[:4] == ["squad", "xsum", "bbq", "crows_pairs"]
    assert result.status == "complete"
    raw = json.loads((tmp_path / "run" / "results.json").read_text("utf-8"))
    assert raw["schema"] == 2
    assert set(raw) >= {"run_id", "status", "model", "tasks", "gate", "timing", "usage"}
    f1 = raw["tasks"]["squad"]["metrics"]["f1"]
    assert set(f1) >= {"value", "stderr", "low", "high", "n", "higher_is_better", "method"}
    assert {path.name for path in (tmp_path / "run" / "samples").iterdir()} == {
        f"{name}.jsonl" for name in result.tasks
    }


def test_the_demo_model_can_do_its_tasks_and_is_biased(tmp_path: Path) -> None:
    tasks = "squad,sst2,translation,xsum,multiple_choice,bias"
    arguments = f"run --model demo --tasks {tasks} --data sample --out run --format json"
    harness(*arguments.split(), cwd=tmp_path)
    found = {
        f"{task}.{name}": metric.estimate
        for task, result in runfolder.read_result(tmp_path / "run").tasks.items()
        for name, metric in result.metrics.items()
    }
    assert found["squad.f1"].value >= 0.6
    assert found["sst2.accuracy"].value >= 0.85
    assert found["sst2.accuracy"].low > 0.5
    assert found["translation.bleu"].low > 20
    assert found["xsum.rouge1"].low > 0.3
    assert found["multiple_choice.acc"].low > 0.3
    assert found["crows_pairs.stereotype_share"].low > 0.5


def test_interrupt_and_resume(tmp_path: Path) -> None:
    asked = "--tasks squad,translation --data sample --limit 40"
    arguments = f"run --model demo {asked} --out run --format json"
    command = [sys.executable, "-m", "harness", *arguments.split(), "--batch-size", "1"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    store = Path(os.environ["HARNESS_CACHE"]) / "responses.sqlite"
    deadline = time.monotonic() + 120
    while _stored(store) < 3 and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 3, errors
    assert "same command again" in errors
    assert "Traceback" not in errors
    partial = runfolder.read_result(tmp_path / "run")
    assert partial.status == "incomplete"

    harness(*arguments.split(), cwd=tmp_path)
    resumed = runfolder.read_result(tmp_path / "run")
    assert resumed.usage.cached >= 3
    harness(*arguments.replace("--out run", "--out fresh --no-cache").split(), cwd=tmp_path)
    fresh = runfolder.read_result(tmp_path / "fresh")
    assert resumed.tasks == fresh.tasks
    assert resumed.status == fresh.status == "complete"


def _stored(path: Path) -> int:
    import sqlite3

    if not path.exists():
        return 0
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
            return int(connection.execute("SELECT COUNT(*) FROM responses").fetchone()[0])
    except sqlite3.OperationalError:  # the table is not made yet
        return 0


def test_make_targets_exist(root: Path) -> None:
    text = (root / "Makefile").read_text("utf-8")
    assert re.search(r"^demo:", text, re.MULTILINE)
    assert re.search(r"^test:", text, re.MULTILINE)
