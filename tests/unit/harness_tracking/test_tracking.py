"""Runs that are followed at a service: by a tracker written here, by MLflow's store, by wandb."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness import load_run
from harness.cli import main
from harness.cli.exchange import tracking
from harness_tracking import flat

PLUGIN = '''
import json
from pathlib import Path

from harness import hookimpl
from harness.protocols import ExporterSpec


class Notes:
    """Writes what it is told, a line each."""

    def __init__(self, options):
        self.file = Path(options.values["file"])
        self.fail = options.values.get("fail", "")

    def told(self, what, **more):
        if what == self.fail:
            raise ConnectionError(f"no service at {what}")
        with self.file.open("a") as file:
            file.write(json.dumps({"what": what, **more}) + "\\n")

    def started(self, name, settings):
        self.told("started", name=name, model=settings["model"])

    def progress(self, done, means):
        self.told("progress", done=done, means=dict(means))

    def finished(self, run):
        status = None if run is None else run.result.status
        self.told("finished", status=status)
        return "all told"

    def export(self, run):
        return "exported"


@hookimpl
def harness_register_exporters():
    options = {"file": "where", "fail": "at what"}
    return [ExporterSpec("notes", "a list", Notes, options, track=Notes)]
'''


@pytest.fixture
def followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Any:
    """Runs the demo model with the tracker above; returns exit code, its notes, and the output."""
    plugin = tmp_path / "notes.py"
    plugin.write_text(PLUGIN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tracking, "EVERY_SECONDS", 0.0)

    def run(*more: str) -> tuple[int, list[dict[str, Any]], str]:
        lines = Path("notes.jsonl")
        lines.unlink(missing_ok=True)
        words = [
            "run", "--plugin", str(plugin), "--model", "replay:answers.json", "--tasks", "sst2",
            "--data", "sst2=rows.jsonl", "--format", "markdown", "--out", "run", "--track",
            "notes", "--set", f"notes.file={lines}", *more,
        ]  # fmt: skip
        with pytest.raises(SystemExit) as ended:
            main(words)
        shown = capsys.readouterr()
        notes = [json.loads(line) for line in lines.read_text().splitlines()] \
            if lines.exists() else []  # fmt: skip
        return int(ended.value.code or 0), notes, shown.out + shown.err

    texts = [("good", 1), ("bad", 0), ("fine", 1), ("awful", 0)]
    Path("rows.jsonl").write_text(
        "".join(json.dumps({"id": name, "text": name, "label": label}) + "\n"
                for name, label in texts)
    )  # fmt: skip
    answers = {"good": "positive", "bad": "positive", "fine": "positive", "awful": "negative"}
    Path("answers.json").write_text(json.dumps(answers))
    return run


def test_a_tracker_hears_of_all_that_happens(followed: Any) -> None:
    code, notes, shown = followed()
    assert code == 0, shown
    assert notes[0] == {"what": "started", "name": "run", "model": "replay:answers.json"}
    assert notes[-1] == {"what": "finished", "status": "complete"}
    progress = [each for each in notes if each["what"] == "progress"]
    assert [each["done"] for each in progress] == sorted(each["done"] for each in progress)
    last = progress[-1]
    assert last["done"] == 4
    assert last["means"]["sst2.accuracy"] == 0.75
    assert load_run("run").result.tasks["sst2"].metrics["accuracy"].estimate.value == 0.75
    assert "notes: all told" in shown


def test_a_service_that_cannot_be_reached_is_said_before_anything_is_asked(followed: Any) -> None:
    code, notes, shown = followed("--set", "notes.fail=started")
    assert (code, notes) == (2, [])
    assert "--track notes: no service at started" in shown
    assert not Path("run").exists()


@pytest.mark.parametrize("fails", ["progress", "finished"])
def test_a_service_that_fails_later_never_ends_the_run(followed: Any, fails: str) -> None:
    code, notes, shown = followed("--set", f"notes.fail={fails}")
    assert code == 0
    assert f"no service at {fails}" in shown
    assert load_run("run").result.status == "complete"
    assert (notes[-1]["what"] == "finished") == (fails == "progress")


def test_a_run_without_a_result_is_told_as_such(followed: Any) -> None:
    Path("answers.json").write_text("no JSON")
    code, notes, _ = followed()
    assert code == 2
    assert notes[-1] == {"what": "finished", "status": None}


def test_what_cannot_be_followed_is_refused(followed: Any) -> None:
    code, _, shown = followed("--set", "notes.fiel=x")
    assert code == 2
    assert "unknown option of notes 'fiel'" in shown
    code, _, shown = followed("--track", "csv")
    assert code == 2
    assert "csv cannot follow a run" in shown
    code, _, shown = followed("--track", "mlfow")
    assert code == 2
    assert "Did you mean mlflow" in shown
    assert not Path("run").exists()


def test_settings_are_flat_and_short() -> None:
    spec = {"model": "m", "data": {"": "sample"}, "limit": None, "tasks": ["a", "b"],
            "task_settings": {"a": {"template": "x" * 900}}}  # fmt: skip
    found = flat.settings(spec)
    assert found["tasks"] == "a, b"
    assert "limit" not in found
    assert len(found["task_settings.a.template"]) == flat.LONGEST
    assert flat.safe("quiz.acc,strict@5=µ") == "quiz.acc_strict_5_µ"


# --------------------------------------------------------------------------- services


def python(folder: Path, *words: str) -> str:
    """A command in a process of its own: these packages warn when they are imported."""
    command = [sys.executable, "-m", "harness", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def run(followed: Any) -> Path:
    assert followed()[0] == 0
    return Path("run").absolute()


@pytest.mark.slow
def test_mlflow_keeps_the_numbers_in_its_store(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    uri = ("--set", "mlflow.uri=sqlite:///runs.db", "--set", "mlflow.experiment=ours")
    assert "of the experiment ours" in python(tmp_path, "export", str(run), "--to", "mlflow", *uri)
    python(
        tmp_path, "run", "--model", "replay:answers.json", "--tasks", "sst2", "--data",
        "sst2=rows.jsonl", "--format", "markdown", "--out", "again", "--track", "mlflow", *uri,
    )  # fmt: skip
    estimate = load_run(run).result.tasks["sst2"].metrics["accuracy"].estimate
    with sqlite3.connect(tmp_path / "runs.db") as store:
        runs = store.execute("SELECT run_uuid, name, status FROM runs").fetchall()
        assert {(name, status) for _, name, status in runs} == {
            ("run", "FINISHED"), ("again", "FINISHED"),
        }  # fmt: skip
        for identifier, _, _ in runs:
            rows = store.execute(
                "SELECT key, value FROM latest_metrics WHERE run_uuid = ?", (identifier,)
            )
            kept = dict(rows.fetchall())
            assert kept["sst2.accuracy"] == estimate.value
            assert (kept["sst2.accuracy.low"], kept["sst2.accuracy.high"]) == (
                estimate.low, estimate.high,
            )  # fmt: skip
            assert kept["sst2.accuracy.n"] == 4
            rows = store.execute("SELECT key, value FROM tags WHERE run_uuid = ?", (identifier,))
            assert dict(rows.fetchall())["evalign.sst2.accuracy.method"] == estimate.method
            rows = store.execute("SELECT key, value FROM params WHERE run_uuid = ?", (identifier,))
            assert dict(rows.fetchall())["model"] == "replay:answers.json"


@pytest.mark.slow
def test_wandb_keeps_the_numbers_in_a_file(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    told = python(tmp_path, "export", str(run), "--to", "wandb", "--set", f"wandb.dir={tmp_path}")
    assert "wandb sync" in told
    (file,) = (tmp_path / "wandb").glob("offline-run-*/*.wandb")
    estimate = load_run(run).result.tasks["sst2"].metrics["accuracy"].estimate
    script = (
        "import json, pathlib, struct, sys\n"
        "from wandb.proto import wandb_internal_pb2 as pb\n"
        "data, place, found = pathlib.Path(sys.argv[1]).read_bytes(), 7, {}\n"
        "while place + 7 <= len(data):\n"  # LevelDB's log: checksum, length, kind, record
        "    _, length, kind = struct.unpack_from('<IHB', data, place)\n"
        "    assert kind == 1, 'a record in parts: the file is larger than one block'\n"
        "    record = pb.Record()\n"
        "    record.ParseFromString(data[place + 7 : place + 7 + length])\n"
        "    for each in record.summary.update:\n"
        "        found[each.key or '.'.join(each.nested_key)] = json.loads(each.value_json)\n"
        "    place += 7 + length\n"
        "print(json.dumps(found))\n"
    )
    command = [sys.executable, "-c", script, str(file)]
    kept = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert kept["sst2.accuracy"] == estimate.value
    assert (kept["sst2.accuracy.low"], kept["sst2.accuracy.high"]) == (estimate.low, estimate.high)
    assert kept["sst2.accuracy.method"] == estimate.method
