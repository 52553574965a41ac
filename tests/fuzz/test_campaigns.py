"""Kills, two runs that want one folder, and hostile texts in every page."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest

from harness.results.baseline import load_run

from .oracle import told

KILLS = 22
SAMPLES = 1500
SLOW = '''
"""A model that takes its time."""
import os, time
from harness import hookimpl
from harness.protocols import BackendSpec
from harness.testing import ALL_REQUESTS, FakeBackend
from harness.types import Completion


class Slow(FakeBackend):
    def run(self, requests):
        pause = float(os.environ["PAUSE"])
        for each in requests:
            time.sleep(pause)
            with open("asked.txt", "a") as file:
                file.write(each.key + "\\n")
            yield each.key, Completion(f"answer to {each.request.prompt}", "stop", 3)


@hookimpl
def harness_register_backends():
    return [BackendSpec("slow", "a slow one", lambda options: Slow())]
'''


def _start(folder: Path, *words: object, pause: float = 0.005) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "harness", "--plugin", "slow.py", "run"]
    asked = ("--model", "slow:x", "--tasks", "qa", "--data", "qa=rows.jsonl", "--format", "json")
    return subprocess.Popen(
        [*command, *asked, *map(str, words)],
        cwd=folder,
        env={**os.environ, "PAUSE": str(pause), "HARNESS_CACHE": str(folder / "cache")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _questions(folder: Path, n: int) -> None:
    (folder / "slow.py").write_text(SLOW, "utf-8")
    rows = (
        {"id": str(each), "question": f"what is {each}?", "context": f"{each}", "answers": ["x"]}
        for each in range(n)
    )
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def _stored(folder: Path) -> set[str]:
    """The requests whose answers are in the store, which is sound."""
    path = folder / "cache" / "responses.sqlite"
    if not path.exists():
        return set()
    with contextlib.closing(sqlite3.connect(path)) as store:
        assert store.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        if not store.execute("SELECT 1 FROM sqlite_master WHERE name = 'responses'").fetchone():
            return set()
        return {request for (request,) in store.execute("SELECT request FROM responses")}


@pytest.mark.slow
def test_killed_at_any_moment_nothing_is_lost_or_doubled(work: Path) -> None:
    _questions(work, SAMPLES)
    moments = random.Random(0)
    before: set[str] = set()
    killed = 0
    while killed < KILLS:
        process = _start(work, "--out", "run")
        asked = work / "asked.txt"
        begun = asked.stat().st_size if asked.exists() else 0
        if moments.random() < 0.75:  # else perhaps before the first answer
            while process.poll() is None and begun == (
                asked.stat().st_size if asked.exists() else 0
            ):
                time.sleep(0.01)
        time.sleep(moments.uniform(0, 0.4))
        if process.poll() is not None:
            break
        process.send_signal(signal.SIGKILL)
        process.communicate()
        killed += 1
        after = _stored(work)
        assert before <= after
        before = after
    assert killed == KILLS, "the run ended before all kills: give it more samples"
    assert 0 < len(before) < SAMPLES
    process = _start(work, "--out", "run", pause=0)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    assert len(_stored(work)) == SAMPLES
    run = load_run(work / "run", texts=True)
    assert run.result.tasks["qa"].n == SAMPLES
    assert run.result.tasks["qa"].errors == 0
    for name, sample in run.samples["qa"].items():
        assert sample.response is not None
        assert f"what is {name}?" in sample.response
    asked_again = Counter(asked.read_text("utf-8").split())
    assert len(asked_again) == SAMPLES
    # A killed run forgets at most what it had not yet stored.
    assert sum(asked_again.values()) <= SAMPLES + killed * 300


@pytest.mark.slow
@pytest.mark.parametrize("trial", range(3))
def test_of_two_runs_for_one_folder_neither_is_lost(trial: int, work: Path) -> None:
    _questions(work, 200)
    one = _start(work, "--out", "run")
    time.sleep(0.3 * trial)
    other = _start(work, "--out", "run", "--seed", "5")
    ends = [process.communicate(timeout=120)[0] for process in (one, other)]
    assert sorted([one.returncode, other.returncode]) == [0, 2], ends
    told_off = ends[0] if one.returncode else ends[1]
    assert "is being written by another run" in told_off or "other settings" in told_off
    assert load_run(work / "run").result.tasks["qa"].n == 200


@pytest.mark.slow
def test_two_runs_without_a_folder_get_two(work: Path) -> None:
    _questions(work, 100)
    both = [_start(work) for _ in range(2)]
    ends = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], ends
    folders = list((work / "runs").iterdir())
    assert len(folders) == 2
    assert all(load_run(folder).result.tasks["qa"].n == 100 for folder in folders)


# --------------------------------------------------------------------------- pages

HOSTILE = (
    *("<img src=x onerror=INJECTED>", "</script><script>INJECTED()</script>", "<!--INJECTED"),
    *('"><svg onload=INJECTED>', "' autofocus onfocus=INJECTED x='", "]]><x>INJECTED</x>"),
    *("[x](javascript:INJECTED)", "![x](https://evil.example/INJECTED)", "@INJECTED/team #12"),
    *("&lt;script&gt;INJECTED", "\u202eINJECTED\u202c", "`INJECTED` | a | b |", "{{ INJECTED }}"),
)
PAGES = ("report.html", "report.md", "comparison.html", "comparison.md", "summary.md")


class _Shape(HTMLParser):
    """Which tags with which attributes a page is made of, and how many may act."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.kinds: set[tuple[str, tuple[str, ...]]] = set()
        self.acting: Counter[str] = Counter()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        names = tuple(sorted({name for name, _ in attributes}))
        self.kinds.add((tag, names))
        if tag in ("script", "style", "iframe", "img", "object", "embed", "link", "meta", "base"):
            self.acting[tag] += 1
        assert not any(name.startswith("on") for name in names), (tag, attributes)
        for name, value in attributes:
            leaves = name in ("href", "src") and not (value or "").startswith("#")
            assert not leaves or "INJECTED" not in (value or ""), value


def _pages(folder: Path, texts: tuple[str, ...], patch: pytest.MonkeyPatch) -> dict[str, str]:
    """The pages of two runs whose data, answers, names and groups are those texts."""
    folder.mkdir()
    patch.chdir(folder)
    summary = folder / "summary.md"
    patch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    rows = [
        {
            "id": f"{number} {text}",
            "question": text,
            "context": text,
            "answers": [text],
            "topic": text,
        }
        for number, text in enumerate(texts * 5)
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    (folder / "harness.toml").write_text(
        '[[gate.rule]]\nmetric = "qa.f1"\nmax_drop = 0.9\n', "utf-8"
    )
    for name, shift in (("one", 0), ("two", 1)):
        answers = [
            texts[(number + shift * (number % 2)) % len(texts)] for number in range(len(rows))
        ]
        (folder / f"{name}.json").write_text(json.dumps(answers), "utf-8")
        ended = told(
            *("run", "--model", f"replay:{name}.json", "--tasks", "qa", "--data", "qa=rows.jsonl"),
            *(
                "--group-by",
                "topic",
                "--out",
                name,
                "--no-cache",
                "--format",
                "html,markdown,junit",
            ),
        )
        assert ended.code == 0, str(ended)
    told("gate", "two", "--baseline", "one", "--format", "html,markdown,junit")
    told("compare", "one", "two", "--format", "html,markdown", "--out", "comparison")
    files = [folder / name for name in ("two/report.html", "two/report.md", "summary.md")]
    files += [folder / "comparison.html", folder / "comparison.md"]
    return {file.name: file.read_text("utf-8") for file in files}


def test_texts_of_data_and_models_stay_text_in_every_page(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = tuple(f"plain words number {number}" for number in range(len(HOSTILE)))
    harmless = _pages(work / "harmless", plain, monkeypatch)
    hostile = _pages(work / "hostile", HOSTILE, monkeypatch)
    assert set(hostile) == set(PAGES)
    for name in ("report.html", "comparison.html"):
        one, other = _Shape(harmless[name]), _Shape(hostile[name])
        assert other.kinds <= one.kinds | {("ins", ()), ("del", ()), ("mark", ())}, name
        assert other.acting == one.acting
        assert "INJECTED" in hostile[name]
    for name in ("report.md", "comparison.md", "summary.md"):
        assert not re.search(r"<(img|svg|script|x)|(?<!\\)\]\(|@INJECTED/", hostile[name]), name
