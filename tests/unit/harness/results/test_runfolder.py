from __future__ import annotations

import json
import multiprocessing
import os
import signal
import stat
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.config import RunSpec
from harness.errors import DataError, HarnessError, UsageError
from harness.results import manifest, result_json, runfolder
from harness.results.baseline import load_run, save_baseline
from harness.run import runner

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def folder(registry, echo_rows, tmp_path) -> Path:
    """A finished run of twelve samples."""
    spec = RunSpec("fake:", ("echo",), {"echo": str(echo_rows)}, out=tmp_path / "run")
    return runner.run(spec, registry).folder


def lines(folder: Path, change) -> None:
    path = folder / "samples" / "echo.jsonl"
    path.write_text("".join(change(path.read_text("utf-8").splitlines(keepends=True))), "utf-8")


def edit(path: Path, change) -> None:
    document = json.loads(path.read_text("utf-8"))
    change(document)
    path.write_text(json.dumps(document), "utf-8")


DAMAGE = {
    "half the samples": (lambda f: lines(f, lambda rows: rows[:6]), "6 rows, and the run wrote 12"),
    "a score": (
        lambda f: lines(
            f, lambda rows: [rows[0].replace('"match": 1.0', '"match": 0.5'), *rows[1:]]
        ),
        "rows were changed",
    ),
    "no samples": (lambda f: (f / "samples" / "echo.jsonl").unlink(), "missing"),
    "an estimate": (
        lambda f: edit(f / "results.json", lambda d: d["tasks"]["echo"].update(n=6)),
        "was changed after the run",
    ),
    "the seed": (lambda f: edit(f / "run.json", lambda d: d["spec"].update(seed=9)), "spec"),
    "run.json": (lambda f: (f / "run.json").unlink(), "missing"),
    "manifest": (lambda f: (f / manifest.FILE).unlink(), "no manifest.json"),
    "a cut manifest": (lambda f: (f / manifest.FILE).write_text("{"), "manifest.json"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_folder_that_is_not_as_it_was_written_is_refused(folder, damage) -> None:
    change, words = DAMAGE[damage]
    change(folder)
    for read in (
        runfolder.read_result,
        load_run,
        lambda path: load_run(path / "results.json", texts=True),
        lambda path: save_baseline(path, path / "b.gz"),
    ):
        with pytest.raises(DataError, match=words):
            read(folder)


def test_folders_of_before_are_read_and_their_samples_counted(folder) -> None:
    edit(folder / "results.json", lambda document: document.update(schema=1))
    (folder / manifest.FILE).unlink()
    assert not runfolder.is_checked(folder)
    assert len(load_run(folder).samples["echo"]) == 12
    lines(folder, lambda rows: rows[:6])
    assert runfolder.read_result(folder).tasks["echo"].n == 12
    with pytest.raises(DataError, match=r"6 samples, and results\.json counts 12"):
        load_run(folder)


def test_a_newer_schema_is_named(folder) -> None:
    edit(folder / "results.json", lambda document: document.update(schema=result_json.SCHEMA + 1))
    with pytest.raises(DataError, match="newer harness"):
        runfolder.read_result(folder)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("tasks", "echo", "n"), "twelve"),
        (("tasks", "echo", "n"), -1),
        (("tasks", "echo", "metrics", "match", "value"), "1.0"),
        (("tasks", "echo", "metrics", "match", "value"), True),
        (("tasks", "echo", "notes"), "note"),
        (("tasks",), []),
        (("usage", "requests"), None),
        (("status",), "done"),
        (("gate",), 3),
        (("gate",), {"rules": [3]}),
        (("gate",), {"rules": [{"value": "low"}]}),
        (("gate",), {"alpha": "0.05"}),
    ],
)
def test_a_wrong_type_is_named_with_its_place(folder, place, value) -> None:
    def change(document) -> None:
        for name in place[:-1]:
            document = document[name]
        document[place[-1]] = value

    edit(folder / "results.json", change)
    with pytest.raises(DataError, match="\\.".join(place)) as caught:
        runfolder.read_result(folder)
    assert str(folder / "results.json") in str(caught.value)


@pytest.mark.parametrize("field", ["id", "scores", "cluster", "groups"])
def test_a_wrong_type_in_the_samples_is_named_with_its_line(folder, field) -> None:
    rows = [
        json.loads(row) for row in (folder / "samples" / "echo.jsonl").read_bytes().splitlines()
    ]
    path = folder / "samples" / "echo.jsonl"
    rows[4][field] = 7
    result = runfolder.read_result(folder)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    runfolder.write_result(folder, result)
    for texts in (False, True):
        with pytest.raises(DataError, match=rf"line 5: .*{field}"):
            load_run(folder, texts=texts)


def test_scores_read_alone_are_those_of_the_records(folder) -> None:
    alone, whole = load_run(folder), load_run(folder, texts=True)
    assert alone.samples["echo"].keys() == whole.samples["echo"].keys() != set()
    for name, sample in alone.samples["echo"].items():
        other = whole.samples["echo"][name]
        assert (sample.scores, sample.groups, sample.error) == (
            other.scores,
            other.groups,
            other.error,
        )


def hold(folder: Path, started) -> None:
    with runfolder.claimed(folder, NOW, "model", {"model": "m"}):
        started.set()
        time.sleep(60)


def test_two_runs_cannot_write_one_folder_and_a_killed_one_holds_nothing(tmp_path) -> None:
    context = multiprocessing.get_context("fork")
    started = context.Event()
    holder = context.Process(target=hold, args=(tmp_path / "run", started))
    holder.start()
    assert started.wait(30)
    with (
        pytest.raises(UsageError, match="being written by another run"),
        runfolder.claimed(tmp_path / "run", NOW, "model", {"model": "m"}),
    ):
        pass
    assert holder.pid is not None
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    with runfolder.claimed(tmp_path / "run", NOW, "model", {"model": "m"}) as folder:
        assert folder == tmp_path / "run"
    assert list(folder.iterdir()) == []


def test_runs_of_one_second_get_folders_of_their_own(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with (
        runfolder.claimed(None, NOW, "m", {}) as one,
        runfolder.claimed(None, NOW, "m", {}) as other,
    ):
        assert one != other


def test_what_a_run_writes_is_its_owners_alone(folder) -> None:
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = [*folder.glob("*.json"), *folder.glob("samples/*")]
    assert len(files) == 4
    assert {stat.S_IMODE(each.stat().st_mode) for each in files} == {0o600}


def test_results_are_gone_before_samples_are_written_anew(folder, monkeypatch) -> None:
    records = list(runfolder.read_samples(folder, "echo"))

    def broken():
        yield records[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runfolder.write_samples(folder, "echo", broken())
    with pytest.raises(DataError):
        runfolder.read_result(folder)
    assert len(list(runfolder.read_samples(folder, "echo"))) == 12


@pytest.mark.parametrize("where", ["write_samples", "write_result"])
def test_a_disk_that_is_full_at_the_end_leaves_no_run_running(
    registry, echo_rows, tmp_path, monkeypatch, where
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(runfolder, where, full)
    spec = RunSpec("fake:", ("echo",), {"echo": str(echo_rows)}, out=tmp_path / "o")
    with pytest.raises(OSError, match="No space"):
        runner.run(spec, registry)
    assert json.loads((tmp_path / "o" / "run.json").read_text())["status"] == "incomplete"


def test_secrets_are_masked_in_the_folder_and_tell_specs_apart(
    registry, echo_rows, tmp_path
) -> None:
    def run(key: str) -> None:
        spec = RunSpec(
            "fake:",
            ("echo",),
            {"echo": str(echo_rows)},
            out=tmp_path / "o",
            backend_settings={"knob": key},
        )
        runner.run(spec, registry)

    run("sk-abcdef123456")
    run("sk-abcdef123456")
    assert "abcdef123456" not in "".join(
        path.read_text("utf-8") for path in (tmp_path / "o").rglob("*.json*")
    )
    with pytest.raises(HarnessError, match="other settings"):
        run("sk-abcdef123457")
