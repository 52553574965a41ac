from __future__ import annotations

import json
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli.cache import command
from harness.errors import HarnessError
from harness.run import cache_care, scheduler
from harness.run.cache import VERSION, ResponseStore, default_path
from harness.testing import FakeBackend
from harness.types import Completion, Generate, KeyedRequest, Logprob


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


OLD = "CREATE TABLE responses (model TEXT NOT NULL, request TEXT NOT NULL, response TEXT NOT NULL, PRIMARY KEY (model, request)) WITHOUT ROWID"  # noqa: E501


def test_a_file_of_before_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    with closing(sqlite3.connect(path)) as old:
        old.execute(OLD)
        row = json.dumps({"type": "logprob", "total": -1.5, "token_count": 2, "is_greedy": True})
        old.execute("INSERT INTO responses VALUES ('m', 'k', ?)", (row,))
        old.commit()
    with ResponseStore(path) as store:
        assert store.get_many("m", ["k"]) == {"k": Logprob(-1.5, 2, True)}
        (held,) = cache_care.models(store)
        assert abs(held.oldest - time.time()) < 60
        assert cache_care.prune(store, 3600, None) == 0
    with closing(sqlite3.connect(path)) as again:
        assert again.execute("PRAGMA user_version").fetchone() == (VERSION,)


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    with closing(sqlite3.connect(path)) as newer:
        newer.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(HarnessError, match="newer harness"):
        ResponseStore(path)


BAD_ROWS = [
    "no JSON",
    "[]",
    "null",
    '{"type": "logprob", "total": NaN, "token_count": 1, "is_greedy": true}',
    '{"type": "logprob", "total": "-1", "token_count": 1, "is_greedy": true}',
    '{"type": "logprob", "total": -1.0, "token_count": true, "is_greedy": true}',
    '{"type": "logprob", "total": -1.0}',
    '{"type": "completion", "text": 3, "finish_reason": "stop", "tokens": 1, "logprob": null}',
    '{"type": "classprobs", "probabilities": ["0.5"]}',
    '{"type": "failed", "reason": "x"}',
    '{"type": "oracle"}',
    "[" * 100_000,
    b"\xff\xfe",
    7,
    b"",
]


@pytest.mark.parametrize("row", BAD_ROWS, ids=lambda row: str(row)[:30])
def test_a_row_that_is_no_response_is_a_miss_and_overwritten(row: object) -> None:
    with ResponseStore(None) as store:
        store.put("m", "good", Completion("a"))
        store.put("m", "bad", Completion("b"))
        store.connection.execute("UPDATE responses SET response = ? WHERE request = 'bad'", (row,))
        assert store.get_many("m", ["good", "bad"]) == {"good": Completion("a")}
        assert store.rejected == 1
        store.put("m", "bad", Completion("c"))
        assert store.get_many("m", ["bad"]) == {"bad": Completion("c")}
        store.connection.execute("UPDATE responses SET response = ? WHERE request = 'bad'", (row,))
        assert cache_care.verify(store) == cache_care.Verification(2, 1, ())
        assert cache_care.verify(store) == cache_care.Verification(1, 0, ())


def test_a_stored_response_of_another_kind_is_asked_again() -> None:
    backend = FakeBackend(lambda request: Completion("new"))
    asked = [KeyedRequest("k", Generate("x"), "task", "1")]
    with ResponseStore(None) as store:
        store.put(backend.fingerprint, "k", Logprob(-1.0, 1, True))
        (answer,) = scheduler.answers(asked, backend, store)
        assert (answer.response, answer.cached, store.rejected) == (Completion("new"), False, 1)
        assert store.get_many(backend.fingerprint, ["k"]) == {"k": Completion("new")}


def test_rows_are_pruned_by_age_and_by_model() -> None:
    with ResponseStore(None) as store:
        for model in ("first", "second"):
            store.name_model(model, f"./{model}")
            for key in "ab":
                store.put(model, key, Completion(key))
        store.connection.execute("UPDATE responses SET stored = stored - 7200 WHERE request = 'a'")
        assert cache_care.prune(store, 3600, "./first") == 1
        assert [each.rows for each in cache_care.models(store)] == [2, 1]
        assert cache_care.prune(store, None, "sec") == 2
        assert [each.name for each in cache_care.models(store)] == ["./first"]
        assert cache_care.prune(store, None, "nobody") == 0


def test_only_the_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "s.sqlite"
    with ResponseStore(path):
        modes = {each.name: each.stat().st_mode & 0o777 for each in path.parent.iterdir()}
        assert set(modes.values()) == {0o600}
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_without_a_home_the_error_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HARNESS_CACHE", raising=False)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    with pytest.raises(HarnessError, match="HARNESS_CACHE"):
        default_path()


def test_the_command_shows_prunes_verifies_and_shrinks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))

    def cache(*arguments: str) -> str:
        done = CliRunner().invoke(command, arguments, catch_exceptions=False)
        assert done.exit_code == 0
        return done.output

    assert "no responses are stored" in cache()
    with ResponseStore(default_path()) as store:
        store.name_model("f" * 64, "./ckpt")
        for key in range(500):
            store.put("f" * 64, str(key), Completion("x" * 1000))
    assert "500 responses of 1 models" in cache()
    assert "./ckpt" in cache()
    assert "500 rows examined, 0" in cache("verify")
    assert "0 responses deleted" in cache("prune", "--older-than", "1d")
    assert "500 responses deleted" in cache("prune", "--model", "./ckpt")
    before = default_path().stat().st_size
    cache("vacuum")
    assert default_path().stat().st_size < before / 10
    with pytest.raises(HarnessError, match="older-than"):
        cache("prune")
