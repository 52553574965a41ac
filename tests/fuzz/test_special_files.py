"""A pipe, a socket or a folder where a file is wanted: refused at once, never waited for."""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .oracle import Ended, replayed, told

KINDS = ("pipe", "socket", "folder", "device")
SECONDS = 10
PAIRS = [{"prompt": f"say {each}", "chosen": "yes", "rejected": "no"} for each in range(8)]
Place = Callable[[Path], Path]


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """Puts something that is no file at a path."""
    opened: list[socket.socket] = []
    kind = request.param
    main, other = os.openpty()  # reading it waits, where /dev/zero would fill the memory
    terminal = os.ttyname(other)

    def put(path: Path) -> Path:
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "folder":
            path.mkdir()
        elif kind == "device":
            path.symlink_to(terminal)
        else:
            opened.append(socket.socket(socket.AF_UNIX))
            before = os.getcwd()
            os.chdir(path.parent)  # the path of a socket is at most some 100 bytes long
            opened[-1].bind(path.name)
            os.chdir(before)
        return path

    put.kind = kind  # type: ignore[attr-defined]
    yield put
    for each in opened:
        each.close()
    os.close(main)
    os.close(other)


def refused(*arguments: object) -> Ended:
    ended = told(*arguments, seconds=SECONDS)
    assert ended.code == 2, ended
    return ended


ASKED = ("--model", "anything:x", "--tasks", "sst2", "--no-cache", "--out", "run")


@pytest.mark.parametrize(
    "name", ["rows.jsonl", "rows.json", "rows.csv", "rows.tsv", "rows.jsonl.gz", "rows.parquet",
             "rows.arrow", "rows"],
)  # fmt: skip
def test_data(name: str, place: Place, work: Path, plugin: Path) -> None:
    path = place(work / name)
    refused("run", "--plugin", plugin, *ASKED, "--data", f"sst2={path}")
    assert not (work / "run").exists()


@pytest.mark.parametrize("name", ["answers.json", "answers.jsonl", "answers.txt", "answers.csv.gz"])
def test_saved_outputs(name: str, place: Place, work: Path) -> None:
    path = place(work / name)
    refused(
        *("run", "--model", f"replay:{path}", "--tasks", "sst2", "--data", "sample", "--no-cache")
    )


def test_a_file_in_a_folder_of_data(place: Place, work: Path, plugin: Path) -> None:
    (work / "rows").mkdir()
    row = '{"sentence": "a film", "label": 1}\n'
    (work / "rows" / "a.jsonl").write_text(row, "utf-8")
    place(work / "rows" / "b.jsonl")
    asked = ("run", "--plugin", plugin, *ASKED, "--data", f"sst2={work / 'rows'}")
    if place.kind == "folder":  # type: ignore[attr-defined]
        assert told(*asked, seconds=SECONDS).code == 0
    else:
        refused(*asked)


def test_parallel_text(place: Place, work: Path, plugin: Path) -> None:
    (work / "source.txt").write_text("one\n", "utf-8")
    reference = place(work / "reference.txt")
    data = f"translation={work / 'source.txt'}:{reference}"
    refused(
        *("run", "--plugin", plugin, "--model", "anything:x", "--tasks", "translation"),
        *("--data", data, "--no-cache", "--out", "run"),
    )


@pytest.mark.parametrize("command", ["run", "plan", "gate", "align"])
def test_configuration(command: str, place: Place, work: Path) -> None:
    path = place(work / "harness.toml")
    refused(command, *(("good",) if command == "gate" else ()), "--config", path)


def test_a_plugin(place: Place, work: Path) -> None:
    refused("--plugin", place(work / "plugin.py"), "ls", "sst2")


@pytest.mark.parametrize("command", ["gate", "compare", "report", "show", "mine", "run"])
def test_runs(command: str, place: Place, work: Path, plugin: Path) -> None:
    (work / "harness.toml").write_text(
        '[[gate.rule]]\nmetric = "sst2.accuracy"\nmax_drop = 0.3\n', "utf-8"
    )
    path = place(work / "other")
    if command == "gate":
        replayed(work, "good", 55)
        refused("gate", "good", "--baseline", path)
        refused("gate", path, "--baseline", "good")
    elif command == "compare":
        refused("compare", path, path)
    elif command == "show":
        refused("baseline", "show", path)
    elif command == "run":
        asked = ("--config", "harness.toml", "--data", "sample")
        refused("run", "--plugin", plugin, *ASKED, *asked, "--baseline", path)
    else:
        refused(command, path, *(("--out", "pairs.jsonl") if command == "mine" else ()))


@pytest.mark.parametrize(
    "name", ["results.json", "manifest.json", "run.json", "samples/sst2.jsonl"]
)
def test_a_file_of_a_run(name: str, place: Place, work: Path) -> None:
    folder = replayed(work, "good", 55)
    place(folder / name)
    (work / "harness.toml").write_text(
        '[[gate.rule]]\nmetric = "sst2.accuracy"\nmax_drop = 0.3\n', "utf-8"
    )
    refused("gate", folder, "--baseline", folder)
    refused("compare", folder, folder)
    refused("report", folder)
    refused("mine", folder, "--out", "pairs.jsonl")
    refused("baseline", "save", folder, "saved.baseline")


def test_output(place: Place, work: Path, plugin: Path) -> None:
    good = replayed(work, "good", 55)
    path = place(work / "out")
    before = path.lstat()
    if place.kind != "folder":  # type: ignore[attr-defined]
        asked = ("--model", "anything:x", "--tasks", "sst2", "--data", "sample", "--no-cache")
        refused("run", "--plugin", plugin, *asked, "--out", path)
    refused("compare", good, good, "--format", "json", "--out", path)
    refused("baseline", "save", good, path)
    refused("mine", good, "--out", path)
    after = path.lstat()
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)


@pytest.mark.parametrize("name", ["", "."])
def test_output_without_a_name(name: str, work: Path) -> None:
    good = replayed(work, "good", 55)
    refused("compare", good, good, "--format", "json", "--out", name)
    refused("baseline", "save", good, name)
    refused("mine", good, "--out", name)


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.json", "rows.parquet", "rows.csv"])
def test_training_data(name: str, place: Place, work: Path, tiny_model: Path) -> None:
    path = place(work / name)
    refused("align", "--method", "dpo", "--model", tiny_model, "--data", path, "--out", "out")


@pytest.mark.parametrize("setting", ["chat_template", "accelerate"])
def test_files_of_a_training(setting: str, place: Place, work: Path, tiny_model: Path) -> None:
    (work / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in PAIRS), "utf-8")
    path = place(work / "setting")
    words = ("--set", f"chat_template={path}")
    if setting == "accelerate":
        words = ("--accelerate-config", str(path))
    refused(
        *("align", "--method", "dpo", "--model", tiny_model, "--data", "rows.jsonl"),
        *("--out", "out", *words),
    )


@pytest.mark.parametrize(
    "name",
    [
        *("config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"),
        *("generation_config.json", "chat_template.jinja", "model.safetensors.index.json"),
        *("special_tokens_map.json", "added_tokens.json"),
    ],
)
def test_a_file_of_a_checkpoint(name: str, place: Place, work: Path, tiny_model: Path) -> None:
    copy = work / "ckpt"
    shutil.copytree(tiny_model, copy)
    place(copy / name)
    (work / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in PAIRS), "utf-8")
    asked = ("--tasks", "sst2", "--data", "sample", "--limit", "1", "--no-cache")
    refused("run", "--model", copy, *asked)
    refused("align", "--method", "dpo", "--model", copy, "--data", "rows.jsonl", "--out", "out")


def test_a_file_of_an_adapter(place: Place, work: Path) -> None:
    (work / "adapter").mkdir()
    place(work / "adapter" / "adapter_config.json")
    (work / "adapter" / "adapter_model.safetensors").write_bytes(b"\0" * 16)
    refused("run", "--model", "peft:adapter", "--tasks", "sst2", "--data", "sample", "--no-cache")
