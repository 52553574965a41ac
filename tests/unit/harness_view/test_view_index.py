"""The index: incremental, right about every line, and never ended by what a folder holds."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import read_result, read_samples, write_result
from harness.errors import DataError
from harness.types import Spent
from harness_view.index import entries, folders, refresh, samples, store
from harness_view.index.names import slug
from support import report_runs, viewed_runs


def build(root: Path, number: int, samples: int = 12) -> Path:
    return viewed_runs.write(root, viewed_runs.Build(number, {"arithmetic": 0.6}), samples)


def test_only_what_changed_is_read_again(tmp_path):
    for number in range(3):
        build(tmp_path, number)
    with store.opened(tmp_path) as index:
        assert refresh.refresh(index).read == 3
        assert refresh.refresh(index).read == 0
        token, version = index.token, index.version
    with store.opened(tmp_path) as index:  # a second start
        assert refresh.refresh(index).read == 0
        assert index.token == token and index.version <= version
        before = index.measured(run="build-001")[0].estimate
        viewed_runs.write(tmp_path, viewed_runs.Build(1, {"arithmetic": 0.1}), 12)
        found = refresh.refresh(index)
        assert (found.read, found.total) == (1, 3)
        assert index.measured(run="build-001")[0].estimate != before
        shutil.rmtree(tmp_path / "build-002")
        assert refresh.refresh(index).dropped == 1
        assert [each.key for each in index.entries()] == ["build-001", "build-000"]
        assert {each.run for each in index.measured()} == {"build-000", "build-001"}


def test_the_index_is_private_and_made_anew_when_damaged(tmp_path):
    build(tmp_path, 0)
    with store.opened(tmp_path) as index:
        refresh.refresh(index)
        path = index.path
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert os.stat(path.parent).st_mode & 0o777 == 0o700
    for damage in (b"no database", b"", None):
        if damage is None:
            connection = sqlite3.connect(path)
            connection.execute("PRAGMA user_version = 99")
            connection.commit()
            connection.close()
        else:
            path.write_bytes(damage)
        with store.opened(tmp_path) as index:
            assert refresh.refresh(index).read == 1
            assert len(index.entries()) == 1


DAMAGE = {
    "samples cut": lambda run: (run / "samples" / "arithmetic.jsonl").write_text("{"),
    "results no JSON": lambda run: (run / "results.json").write_text("{"),
    "results a list": lambda run: (run / "results.json").write_text("[]"),
    "results deep": lambda run: (run / "results.json").write_text("[" * 100_000),
    "no manifest": lambda run: (run / "manifest.json").unlink(),
    "run.json deep": lambda run: (run / "run.json").write_text("[" * 100_000),
    "run.json odd types": lambda run: (run / "run.json").write_text(
        '{"spec": [], "started": 7, "git_commit": {}, "status": "complete"}'
    ),
    "a pipe": lambda run: ((run / "results.json").unlink(), os.mkfifo(run / "results.json")),
    "a task's name that leaves the folder": lambda run: (run / "results.json").write_text(
        (run / "results.json").read_text().replace('"arithmetic"', '"../../arithmetic"')
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_run_is_listed_with_its_reason(tmp_path, damage):
    whole, broken = build(tmp_path, 0), build(tmp_path, 1)
    DAMAGE[damage](broken)
    with store.opened(tmp_path) as index:
        refresh.refresh(index)
        found = {each.path: each for each in index.entries()}
        assert found[whole.name].state == "complete"
        assert found[broken.name].state == "damaged"
        assert found[broken.name].reason
        assert {each.run for each in index.measured()} == {whole.name}


def test_a_run_that_goes_on_says_how_far_it_is(tmp_path):
    folder = tmp_path / "going"
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps({"status": "running", "spec": {"model": "m"}}))
    (found,) = folders.scan(tmp_path).runs
    entry, measured = entries.read(tmp_path, found)
    assert (entry.state, entry.progress, measured) == ("running", {}, [])
    progress = {"done": 3, "total": 9, "round": 1, "role": "model", "at": "2026-01-01T00:00:00Z"}
    (folder / "progress.json").write_text(json.dumps(progress))
    (again,) = folders.scan(tmp_path).runs
    assert again.identity != found.identity
    entry, _ = entries.read(tmp_path, again)
    assert entry.progress["done"] == 3
    (folder / "progress.json").write_text('{"done": "all", "total": -1}')
    (again,) = folders.scan(tmp_path).runs
    assert entries.read(tmp_path, again)[0].progress == {}


def test_what_a_run_took_is_read_whoever_counted_it(tmp_path):
    folder = build(tmp_path, 0)
    spent = Spent(7.0, money=0.5, energy_kwh=0.02, basis="counted")
    write_result(folder, replace(read_result(folder), spent=spent))
    entry, _ = entries.read(tmp_path, folders.scan(tmp_path).runs[0])
    assert entry.resources["energy_kwh"] == 0.02 and entry.resources["money"] == 0.5
    assert entry.resources["completion_tokens"] == 72 and "cost" not in entry.resources


def test_links_and_hidden_folders_are_not_entered(tmp_path):
    build(tmp_path / "elsewhere", 0)
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(tmp_path / "elsewhere")
    build(root / ".hidden", 1)
    assert folders.scan(root).runs == ()


def test_columns_are_what_the_lines_say(tmp_path):
    result = report_runs.build(tmp_path / "run", 120)
    for task in ("squad", "bbq"):
        path = tmp_path / "run" / "samples" / f"{task}.jsonl"
        found = samples.read(path, result.tasks[task].metrics)
        records = list(read_samples(tmp_path / "run", task))
        assert list(found.ids) == [each.sample.id for each in records]
        places = [0, len(records) - 1, 7, 7]
        read = samples.records_at(tmp_path / "run", task, found, places)
        assert read == [records[place] for place in places]
        again = samples.Columns.unpack(found.pack())
        assert (again.ids, again.tags, again.clusters) == (found.ids, found.tags, found.clusters)
        assert np.array_equal(again.offsets, found.offsets)
        for name, column in found.scores.items():
            wanted = [each.scores.get(name) for each in records]
            wanted = [each if isinstance(each, float) else np.nan for each in wanted]
            assert np.array_equal(column, wanted, equal_nan=True)
            assert np.array_equal(again.scores[name], column, equal_nan=True)
    assert sum(each.startswith("typos.") for each in found.tags) == 30
    ids, values, _ = found.originals("accuracy")
    assert len(ids) == len(values) == 120  # variants are no samples of their own


def test_a_changed_file_is_not_read_by_old_offsets(tmp_path):
    folder = build(tmp_path, 0)
    with store.opened(tmp_path) as index:
        refresh.refresh(index)
        (entry,) = index.entries()
        old = refresh.columns(index, entry, "arithmetic")
        build(tmp_path, 0, samples=20)
        path = folder / "samples" / "arithmetic.jsonl"
        path.write_text("".join(path.read_text().splitlines(keepends=True)[::-1]))
        with pytest.raises(DataError, match=r"has changed|not a sample record"):
            samples.records_at(folder, "arithmetic", old, [0])


def test_words_are_found_in_small_and_capital_letters(tmp_path):
    folder = build(tmp_path, 0)
    path = folder / "samples" / "arithmetic.jsonl"
    found = samples.read(path, {})
    assert samples.matching(path, found, ["QUESTION", "of 7 by"]).tolist().count(True) == 1
    assert not samples.matching(path, found, ["no such word"]).any()


@given(st.lists(st.text(), unique=True, max_size=30))
def test_names_become_safe_and_stay_different(names):
    slugs = [slug(name) for name in names]
    assert len(set(slugs)) == len(names)
    for each in slugs:
        assert each and each[0] not in ".-~" and len(each) <= 69
        assert all(c.isascii() and (c.isalnum() or c in "._-~") for c in each)
