"""Labels, calibrations and annotations that are damaged: refused, or read; never a crash."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from harness_judges.annotation import store
from harness_judges.annotation.items import Answer, Item

from .mutations import damaged, json_lines, json_texts
from .oracle import LONG, SHORT, campaign, run, told

N = 40


@dataclass(frozen=True)
class Judged:
    """A folder with a judged run, its labels and calibration, and judgements of people."""

    folder: Path
    labels: list[dict[str, Any]]
    calibration: dict[str, Any]
    annotations: bytes


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judged]:
    folder = tmp_path_factory.mktemp("judged")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("HARNESS_CACHE", str(folder / "cache"))
        _write(folder / "rows.jsonl", [{"id": f"q{n}", "input": f"{n}?"} for n in range(N)])
        _write(folder / "answers.jsonl", [{"id": f"q{n}", "response": "x"} for n in range(N)])
        said = [{"id": f"q{n}", "response": "Yes" if n % 3 else "No"} for n in range(N)]
        _write(folder / "judge.jsonl", said)
        assert run(*RUN, "--out", "run").code == 0
        labels = [{"id": f"q{n}", "value": int(n % 3 > 0), "annotator": "a"} for n in range(N)]
        _write(folder / "labels.jsonl", labels)
        words = ("judge", "calibrate", "run", "--labels", "labels.jsonl", "--out", "whole.json")
        assert run(*words).code == 0
        _annotate(folder / "people")
        content = (folder / "people" / store.FILE).read_bytes()
        yield Judged(folder, labels, json.loads((folder / "whole.json").read_text()), content)


RUN = (
    *("run", "--model", "replay:answers.jsonl", "--judge", "replay:judge.jsonl"),
    *("--tasks", "judge", "--data", "judge=rows.jsonl", "--set", "judge.rubric=reference"),
    *("--format", "json"),
)


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def _annotate(folder: Path) -> None:
    pair = (Answer("one", "a"), Answer("two", "b"))
    items = [Item("t", f"s{n}", "do", pair) for n in range(12)]
    settings = store.Settings("preference", "Which?")
    names = dict.fromkeys(("ada", "ben"), range(12))
    store.create(folder, items, names, settings, ["one", "two"])
    with store.opened(folder) as opened:
        for number in range(12):
            for name in names:
                assert opened.add(store.Label(name, number, float(number % 2)))


@pytest.fixture(autouse=True)
def _there(judged: Judged, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(judged.folder)


@pytest.mark.parametrize("amount", [SHORT, LONG])
def test_damaged_labels(amount: int, judged: Judged) -> None:
    words = ("judge", "calibrate", "run", "--labels", "damaged.jsonl", "--out", "made.json")
    used = ("--set", "judge.labels=damaged.jsonl")
    whole = (judged.folder / "labels.jsonl").read_bytes()

    def check(content: bytes) -> None:
        (judged.folder / "damaged.jsonl").write_bytes(content)
        told(*words)
        shutil.rmtree("again", ignore_errors=True)
        told(*RUN, "--out", "again", *used)

    assert campaign((15, 400)[amount], damaged(whole) | json_lines(judged.labels), check)


@pytest.mark.parametrize("amount", [SHORT, LONG])
def test_a_damaged_calibration(amount: int, judged: Judged) -> None:
    def check(content: bytes) -> None:
        (judged.folder / "damaged.json").write_bytes(content)
        shutil.rmtree("again", ignore_errors=True)
        told(*RUN, "--out", "again", "--set", "judge.calibration=damaged.json")

    whole = json.dumps(judged.calibration).encode()
    assert campaign((15, 400)[amount], damaged(whole) | json_texts(judged.calibration), check)


@pytest.mark.parametrize("amount", [SHORT, LONG])
def test_damaged_annotations(amount: int, judged: Judged) -> None:
    folder = judged.folder / "damaged"
    commands = (
        ("annotate", "report", folder),
        ("annotate", "report", folder, "--format", "json"),
        ("annotate", "export", folder, "--as", "preference", "--file", "pairs.jsonl"),
        ("rank", folder),
        ("import", folder, "--model", "one", "--out", "imported"),
    )
    for command in commands:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(judged.folder / "people", folder)
        shutil.rmtree("imported", ignore_errors=True)
        assert run(*command).code == 0, command

    def check(given: tuple[int, bytes]) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / store.FILE).write_bytes(given[1])
        shutil.rmtree("imported", ignore_errors=True)
        told(*commands[given[0]])

    inputs = st.tuples(st.integers(0, len(commands) - 1), damaged(judged.annotations))
    assert campaign((25, 600)[amount], inputs, check)
