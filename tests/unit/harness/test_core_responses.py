from __future__ import annotations

import threading
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.responses import ResponseStore, default_path
from harness.types import Completion, Logprob


def test_models_do_not_see_each_others_answers(tmp_path: Path) -> None:
    with ResponseStore(tmp_path / "s.sqlite") as store:
        store.put("model a", "key", Completion("a"))
        assert store.get_many("model b", ["key"]) == {}
        assert store.get_many("model a", ["key", "other"]) == {"key": Completion("a")}


def test_more_keys_than_one_statement_takes() -> None:
    with ResponseStore(None) as store:
        for index in range(1203):
            store.put("m", str(index), Logprob(-float(index), 1, False))
        found = store.get_many("m", [str(index) for index in range(1500)])
    assert len(found) == 1203
    assert found["1202"] == Logprob(-1202.0, 1, False)


def test_two_writers_at_once(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    ResponseStore(path).close()

    def write(name: str) -> None:
        with ResponseStore(path) as store:
            for index in range(100):
                store.put(name, str(index), Completion(name))

    threads = [threading.Thread(target=write, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with ResponseStore(path) as store:
        assert all(len(store.get_many(n, [str(i) for i in range(100)])) == 100 for n in "ab")


def test_a_damaged_file_is_named_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(HarnessError, match="HARNESS_CACHE"):
        ResponseStore(path)


def test_the_cache_folder_is_the_users_choice(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    assert default_path() == tmp_path / "responses.sqlite"
    monkeypatch.delenv("HARNESS_CACHE")
    assert "evalign" in default_path().parts
