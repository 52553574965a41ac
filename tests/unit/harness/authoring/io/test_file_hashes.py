"""Hashes that are remembered, and never for content that has changed."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from pathlib import Path

import pytest

from harness.authoring.io import file_hashes
from harness.authoring.io.file_hashes import SMALLEST, sha256_of

OLD = 10**9  # seconds since 1970


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files whose content was read."""
    found: list[Path] = []
    hash_file = file_hashes._hash

    def note(path: Path) -> str:
        found.append(path)
        return hash_file(path)

    monkeypatch.setattr(file_hashes, "_hash", note)
    return found


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if every change so far had been a minute ago."""
    now = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now() + 60 * 10**9)


def large(path: Path, byte: bytes = b"a") -> Path:
    path.write_bytes(byte * (SMALLEST + 5))
    return path


def true_hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_file_is_read_once(tmp_path: Path, reads: list[Path], settled: None) -> None:
    path = large(tmp_path / "weights")
    assert [sha256_of(path) for _ in range(3)] == [true_hash(path)] * 3
    assert reads == [path]


def test_small_files_are_read_each_time(tmp_path: Path, reads: list[Path], settled: None) -> None:
    path = tmp_path / "config.json"
    path.write_text("{}")
    assert sha256_of(path) == sha256_of(path) == true_hash(path)
    assert len(reads) == 2


@pytest.mark.parametrize("keep_times", [False, True])
def test_another_content_has_another_hash(
    keep_times: bool, tmp_path: Path, reads: list[Path], settled: None
) -> None:
    """Of the same size, in place, and even with the old time of change set again."""
    path = large(tmp_path / "weights")
    os.utime(path, (OLD, OLD))
    first = sha256_of(path)
    with path.open("r+b") as file:
        file.write(b"b")
    if keep_times:
        os.utime(path, (OLD, OLD))
    assert sha256_of(path) == true_hash(path) != first
    assert len(reads) == 2


def test_a_file_in_the_place_of_another(tmp_path: Path, settled: None) -> None:
    path = large(tmp_path / "weights")
    first = sha256_of(path)
    large(tmp_path / "new", b"b").replace(path)
    assert sha256_of(path) == true_hash(path) != first


def test_what_changed_a_moment_ago_is_not_remembered(tmp_path: Path, reads: list[Path]) -> None:
    path = large(tmp_path / "weights")
    assert sha256_of(path) == sha256_of(path)
    assert len(reads) == 2


def test_a_change_while_it_is_read_is_not_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settled: None
) -> None:
    path = large(tmp_path / "weights")
    hash_file = file_hashes._hash

    def changing(file: Path) -> str:
        found = hash_file(file)
        large(file, b"b")
        return found

    monkeypatch.setattr(file_hashes, "_hash", changing)
    sha256_of(path)
    monkeypatch.setattr(file_hashes, "_hash", hash_file)
    assert sha256_of(path) == true_hash(path)


@pytest.mark.parametrize("broken", ["garbage", "folder", "row"])
def test_a_memory_that_cannot_be_used_is_done_without(
    broken: str, tmp_path: Path, own_cache: Path, settled: None
) -> None:
    memory = own_cache / "file-hashes.sqlite"
    path = large(tmp_path / "weights")
    if broken == "garbage":
        memory.write_bytes(b"no database " * 100)
    elif broken == "folder":
        memory.mkdir()
    else:
        sha256_of(path)
        with sqlite3.connect(memory) as connection:
            connection.execute("UPDATE hashes SET sha256 = x'00ff'")
    assert sha256_of(path) == true_hash(path)


def test_without_a_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settled: None
) -> None:
    monkeypatch.delenv("HARNESS_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path / "no" / "home"))
    path = large(tmp_path / "weights")
    assert sha256_of(path) == true_hash(path)
