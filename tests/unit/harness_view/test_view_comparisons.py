"""Comparisons in the index: the same as made anew, of these very files, and never trusted."""

from __future__ import annotations

import json
import math
import sqlite3
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

import harness
from harness.errors import HarnessError
from harness_view.figures import comparisons
from harness_view.index import refresh, store
from support import viewed_runs


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number in range(3):
        build = viewed_runs.Build(number, {"arithmetic": 0.75 - 0.1 * number})
        viewed_runs.write(tmp_path / "runs", build, 40)
    return tmp_path / "runs"


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Grows with every comparison that is computed."""
    made: list[object] = []
    real = harness.compare

    def compare(*runs, **named):
        made.append(runs)
        return real(*runs, **named)

    monkeypatch.setattr(harness, "compare", compare)
    return made


def compared(index, registry):
    refresh.refresh(index)
    runs = {each.key: each for each in index.entries()}
    return comparisons.compared(index, registry, runs["build-000"], runs["build-001"])


@pytest.fixture(scope="module")
def registry():
    return harness.load_plugins()


def test_a_comparison_is_computed_once_and_comes_back_whole(root, registry, counted):
    with store.opened(root) as index:
        first = compared(index, registry)
        version = index.version
    with store.opened(root) as index:  # a second start
        again = compared(index, registry)
        assert index.version <= version
    assert len(counted) == 1
    assert again == first
    flip = first.tasks[0].metrics[0].flips[0]
    assert "Question" in flip.prompt and flip.baseline_response != flip.candidate_response


def test_not_a_number_comes_back_as_such(root, registry):
    with store.opened(root) as index:
        found = compared(index, registry)
    (task,) = found.tasks
    odd = replace(task.metrics[0], p_value=math.nan, minimum_detectable=math.inf)
    changed = replace(found, tasks=(replace(task, metrics=(odd, *task.metrics[1:])),))
    back = comparisons.unpacked(comparisons.packed(changed)).tasks[0].metrics[0]
    assert math.isnan(back.p_value) and back.minimum_detectable == math.inf


@pytest.mark.parametrize("name", ["build-000", "build-001"])
def test_a_run_that_changes_is_compared_anew(root, registry, counted, name):
    with store.opened(root) as index:
        before = compared(index, registry)
        viewed_runs.write(root, viewed_runs.Build(int(name[-1]), {"arithmetic": 0.1}), 40)
        after = compared(index, registry)
    assert len(counted) == 2
    assert after.tasks[0].metrics[0].difference != before.tasks[0].metrics[0].difference


def test_a_changed_file_is_refused_although_a_comparison_is_kept(root, registry, counted):
    with store.opened(root) as index:
        compared(index, registry)
        samples = root / "build-001" / "samples" / "arithmetic.jsonl"
        samples.write_text(samples.read_text().replace("Briefly", "briefly") + "\n")
        runs = {each.key: each for each in index.entries()}
        with pytest.raises(HarnessError):
            comparisons.compared(index, registry, runs["build-000"], runs["build-001"])


def test_a_run_that_is_gone_takes_its_comparisons_along(root, registry, counted):
    with store.opened(root) as index:
        compared(index, registry)
        index.drop(["build-000"])
        (left,) = sqlite3.connect(index.path).execute("SELECT COUNT(*) FROM comparisons").fetchone()
    assert left == 0


def test_the_oldest_comparisons_go_first(root, monkeypatch):
    monkeypatch.setattr(store, "COMPARISONS_BYTES", 10)
    with store.opened(root) as index:
        for number in range(4):
            index.put_comparison("a", str(number), "same", bytes(4))
        kept = [index.comparison("a", str(number), "same") for number in range(4)]
    assert kept == [None, None, bytes(4), bytes(4)]


HOSTILE = {
    "no zip": b"{}",
    "cut": zlib.compress(b"{}" * 1000)[:-5],
    "no JSON": zlib.compress(b"<script>alert(1)</script>"),
    "another value": zlib.compress(b'{"baseline_id": 1}'),
    "deep": zlib.compress(b"[" * 100_000),
}


@pytest.mark.parametrize("damage", HOSTILE)
def test_what_the_index_says_is_checked(root, registry, counted, damage):
    with store.opened(root) as index:
        first = compared(index, registry)
        connection = sqlite3.connect(index.path)
        with connection:
            connection.execute("UPDATE comparisons SET packed = ?", (HOSTILE[damage],))
        connection.close()
        assert compared(index, registry) == first
        assert compared(index, registry) == first  # it was kept again
    assert len(counted) == 2


def test_a_text_where_a_number_is_due_is_refused(root, registry):
    with store.opened(root) as index:
        found = compared(index, registry)
    value = json.loads(zlib.decompress(comparisons.packed(found)))
    value["tasks"][0]["metrics"][0]["changed"] = "<b>7</b>"
    with pytest.raises(ValueError):
        comparisons.unpacked(zlib.compress(json.dumps(value).encode()))


def test_an_endless_value_is_refused(monkeypatch):
    monkeypatch.setattr(comparisons, "LARGEST", 1000)
    with pytest.raises(ValueError, match="too large"):
        comparisons.unpacked(zlib.compress(b"[" + b" " * 10_000 + b"]"))
