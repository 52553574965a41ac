"""The index: one SQLite file a root, in the cache; whatever it holds can be read again."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from harness.authoring.io import databases, files
from harness.authoring.io.serialization import estimate_from_json, estimate_to_json
from harness_view.index.entries import Entry, Measured
from harness_view.index.samples import Columns

T = TypeVar("T")
VERSION = 2
"""Of the tables; an index of another version is made anew."""
COMPARISONS_BYTES = 256 << 20
"""What kept comparisons may take; those kept first go first."""
_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE runs (
    path TEXT PRIMARY KEY, key TEXT NOT NULL UNIQUE, identity TEXT NOT NULL,
    started TEXT NOT NULL, state TEXT NOT NULL, entry TEXT NOT NULL);
CREATE TABLE metrics (
    run TEXT NOT NULL, task TEXT NOT NULL, metric TEXT NOT NULL, place INTEGER NOT NULL,
    grouped TEXT NOT NULL, is_first INTEGER NOT NULL, facts TEXT NOT NULL,
    PRIMARY KEY (run, task, metric));
CREATE INDEX metrics_by_name ON metrics (task, metric, grouped);
CREATE TABLE columns (
    run TEXT NOT NULL, task TEXT NOT NULL, identity TEXT NOT NULL, packed BLOB NOT NULL,
    PRIMARY KEY (run, task));
CREATE TABLE computed (key TEXT PRIMARY KEY, inputs TEXT NOT NULL, value TEXT NOT NULL);
CREATE TABLE comparisons (
    baseline TEXT NOT NULL, candidate TEXT NOT NULL, inputs TEXT NOT NULL, packed BLOB NOT NULL,
    PRIMARY KEY (baseline, candidate));
"""


class Index:
    """The index of a root; one connection, used by several threads in turn.

    ``version`` grows with every change that a reader could see.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, root: Path) -> None:
        self.path, self._connection, self.root = path, connection, root
        self._lock = threading.RLock()
        self._kept: dict[object, tuple[int, Any]] = {}
        self.version = 0
        (self.token,) = self._one("SELECT value FROM meta WHERE key = 'token'")

    # ----------------------------------------------------------------------- reading

    def identities(self) -> dict[str, str]:
        """Path → identity of every run that is indexed."""
        return dict(self._all("SELECT path, identity FROM runs"))

    def entries(self) -> list[Entry]:
        """Every run, the latest first; those without a time last."""
        return list(self.kept("entries", self._entries))

    def _entries(self) -> list[Entry]:
        rows = self._all("SELECT entry FROM runs ORDER BY started DESC, path")
        return [Entry(**json.loads(text)) for (text,) in rows]

    def kept(self, name: object, make: Callable[[], T]) -> T:
        """What ``make`` returns, kept as long as the index stays as it is; not to be changed."""
        version = self.version
        found = self._kept.get(name)
        if found is None or found[0] != version:
            found = self._kept[name] = (version, make())
        value: T = found[1]
        return value

    def entry(self, key: str) -> Entry | None:
        """The run with a key."""
        row = self._one("SELECT entry FROM runs WHERE key = ?", key)
        return None if row is None else Entry(**json.loads(row[0]))

    def measured(
        self, run: str | None = None, task: str | None = None, first_only: bool = False
    ) -> list[Measured]:
        """Metrics, of one run or task or of all, or tasks' first ones alone, in their order."""
        if run is None and task is None:
            return list(self.kept(first_only, lambda: self._measured(None, None, first_only)))
        return self._measured(run, task, first_only)

    def _measured(self, run: str | None, task: str | None, first_only: bool) -> list[Measured]:
        rows = self._all(
            "SELECT run, task, metric, grouped, is_first, facts FROM metrics "
            "WHERE (?1 IS NULL OR run = ?1) AND (?2 IS NULL OR task = ?2) "
            "AND is_first >= ?3 ORDER BY run, place",
            run, task, int(first_only),
        )  # fmt: skip
        return [_measured(*row) for row in rows]

    def columns(self, run: str, task: str, identity: str) -> Columns | None:
        """The columns of a file of samples in that state; None where they are to be read."""
        row = self._one(
            "SELECT packed FROM columns WHERE run = ? AND task = ? AND identity = ?",
            run, task, identity,
        )  # fmt: skip
        if row is None:
            return None
        try:
            return Columns.unpack(row[0])
        except ValueError:
            return None

    def has_columns(self) -> set[tuple[str, str, str]]:
        """(run, task, identity) of all columns that are kept."""
        return set(self._all("SELECT run, task, identity FROM columns"))

    def computed(self, key: str, inputs: str) -> Any | None:
        """A value that was computed from exactly these inputs."""
        row = self._one("SELECT value FROM computed WHERE key = ? AND inputs = ?", key, inputs)
        return None if row is None else json.loads(row[0])

    def comparison(self, baseline: str, candidate: str, inputs: str) -> bytes | None:
        """A comparison of two runs that was made from exactly these inputs."""
        row = self._one(
            "SELECT packed FROM comparisons WHERE baseline = ? AND candidate = ? AND inputs = ?",
            baseline, candidate, inputs,
        )  # fmt: skip
        return bytes(row[0]) if row is not None and isinstance(row[0], bytes) else None

    # ----------------------------------------------------------------------- writing

    def put(self, entry: Entry, identity: str, measured: Iterable[Measured]) -> None:
        """Keeps a run in place of what was known of its folder."""
        rows = [
            (entry.key, each.task, each.metric, place, each.group, each.is_first, _facts(each))
            for place, each in enumerate(measured)
        ]
        with self._writing() as connection:
            connection.execute("DELETE FROM metrics WHERE run = ?", (entry.key,))
            connection.execute(
                "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?)",
                (entry.path, entry.key, identity, entry.started, entry.state,
                 json.dumps(asdict(entry))),
            )  # fmt: skip
            connection.executemany("INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def put_columns(self, run: str, task: str, identity: str, columns: Columns) -> None:
        """Keeps the columns of a file of samples; what pages show is the same with them."""
        packed = columns.pack()
        with self._lock, self._connection:
            self._connection.execute(
                "INSERT OR REPLACE INTO columns VALUES (?, ?, ?, ?)",
                (run, task, identity, packed),
            )

    def put_computed(self, key: str, inputs: str, value: object) -> None:
        """Keeps what was computed from some inputs."""
        with self._writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO computed VALUES (?, ?, ?)", (key, inputs, json.dumps(value))
            )

    def put_comparison(self, baseline: str, candidate: str, inputs: str, packed: bytes) -> None:
        """Keeps a comparison; the oldest ones go where all would take too much."""
        with self._lock, self._connection:
            self._connection.execute(
                "INSERT OR REPLACE INTO comparisons VALUES (?, ?, ?, ?)",
                (baseline, candidate, inputs, packed),
            )
            self._connection.execute(
                "DELETE FROM comparisons WHERE rowid IN (SELECT rowid FROM (SELECT rowid, "
                "SUM(LENGTH(packed)) OVER (ORDER BY rowid DESC) AS total FROM comparisons) "
                "WHERE total > ?)",
                (COMPARISONS_BYTES,),
            )

    def drop(self, paths: Sequence[str]) -> None:
        """Forgets runs whose folders are gone."""
        with self._writing() as connection:
            for path in paths:
                keys = connection.execute("SELECT key FROM runs WHERE path = ?", (path,)).fetchall()
                for (key,) in keys:
                    connection.execute("DELETE FROM metrics WHERE run = ?", (key,))
                    connection.execute("DELETE FROM columns WHERE run = ?", (key,))
                    connection.execute(
                        "DELETE FROM comparisons WHERE baseline = ?1 OR candidate = ?1", (key,)
                    )
                connection.execute("DELETE FROM runs WHERE path = ?", (path,))

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            with self._connection:
                yield self._connection
            self.version += 1

    def _all(self, query: str, *values: object) -> list[Any]:
        with self._lock:
            return self._connection.execute(query, values).fetchall()

    def _one(self, query: str, *values: object) -> Any:
        with self._lock:
            return self._connection.execute(query, values).fetchone()


def _facts(each: Measured) -> str:
    facts = {
        "estimate": estimate_to_json(each.estimate),
        "higher_is_better": each.higher_is_better,
        "ideal": each.ideal,
        "kind": each.kind,
        "calibration": each.calibration,
    }
    return json.dumps(facts)


def _measured(run: str, task: str, metric: str, group: str, is_first: int, facts: str) -> Measured:
    found: Mapping[str, Any] = json.loads(facts)
    estimate = estimate_from_json(found["estimate"])
    rest = (found["higher_is_better"], found["ideal"], found["kind"], bool(is_first))
    return Measured(run, task, metric, group, estimate, *rest, found["calibration"])


def place_of(root: Path) -> Path:
    """Where the index of a root is kept."""
    name = hashlib.sha256(str(root.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:24]
    return files.cache_folder() / "view" / f"{name}.sqlite"


@contextmanager
def opened(root: Path) -> Iterator[Index]:
    """The index of a root; one that is damaged, or of another version, is made anew."""
    path = place_of(root)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        connection = _connect(path)
    except databases.ERRORS:
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        connection = _connect(path)
    try:
        yield Index(path, connection, root)
    finally:
        connection.close()


def _connect(path: Path) -> sqlite3.Connection:
    files.check_target(path)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    connection = sqlite3.connect(path, timeout=30, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")  # what is lost is read again
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == 0:
            with connection:
                connection.executescript(_SCHEMA)
                connection.execute(
                    "INSERT INTO meta VALUES ('token', ?)", (secrets.token_urlsafe(24),)
                )
                connection.execute(f"PRAGMA user_version = {VERSION}")
        elif version != VERSION:
            raise sqlite3.DatabaseError(f"version {version}")
        connection.execute("SELECT path, key, identity, started, state, entry FROM runs LIMIT 1")
        connection.execute("SELECT value FROM computed LIMIT 1")
        connection.execute("SELECT packed FROM comparisons LIMIT 1")
        if connection.execute("SELECT 1 FROM meta WHERE key = 'token'").fetchone() is None:
            raise sqlite3.DatabaseError("no token")
    except BaseException:
        connection.close()
        raise
    return connection
