"""Tags and comments of runs and samples: one SQLite file beside the runs, kept whatever happens.

A note is on the disk before it is told to be; the file is no part of the index, and of no run.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.authoring.io import databases, files
from harness.authoring.literal import one_line
from harness.errors import DataError, UsageError

FILE = "view-notes.sqlite"
VERSION = 1
LONGEST_TAG = 40
LONGEST_COMMENT = 5_000
_SCHEMA = """
CREATE TABLE tags (
    run TEXT NOT NULL, task TEXT NOT NULL, sample TEXT NOT NULL, tag TEXT NOT NULL,
    at TEXT NOT NULL, PRIMARY KEY (run, task, sample, tag));
CREATE TABLE comments (
    id INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL, task TEXT NOT NULL,
    sample TEXT NOT NULL, text TEXT NOT NULL, at TEXT NOT NULL);
CREATE INDEX comments_by_place ON comments (run, task, sample);
"""


@dataclass(frozen=True, slots=True)
class Place:
    """What a note is about: a run, or one line of its samples.

    Attributes:
        run: The run folder relative to the root.
        task: Empty for the run.
        sample: The sample's id; with what tells its lines apart after a line feed.
    """

    run: str
    task: str = ""
    sample: str = ""


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment; ``at`` is ISO 8601."""

    number: int
    text: str
    at: str


class Notes:
    """The notes of a root; one connection, used by several threads in turn."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path, self._connection = path, connection
        self._lock = threading.RLock()
        self.version = 0

    @property
    def is_kept(self) -> bool:
        """Whether notes outlast the server: False where the root cannot be written."""
        return bool(self._all("PRAGMA database_list")[0][2])

    def tags(self, run: str, task: str | None = None) -> dict[Place, list[str]]:
        """The tags of a run, or of a task's samples in it, by what they are about."""
        return self._by_place(
            "SELECT task, sample, tag FROM tags WHERE run = ?1 AND (?2 IS NULL OR task = ?2) "
            "ORDER BY tag",
            run, task,
        )  # fmt: skip

    def tags_of_runs(self) -> dict[str, list[str]]:
        """Run → its own tags."""
        found: dict[str, list[str]] = {}
        for run, tag in self._all("SELECT run, tag FROM tags WHERE task = '' ORDER BY tag"):
            found.setdefault(run, []).append(tag)
        return found

    def comments(self, run: str, task: str | None = None) -> dict[Place, list[Comment]]:
        """The comments of a run, or of a task's samples in it, the oldest first."""
        rows = self._all(
            "SELECT task, sample, id, text, at FROM comments "
            "WHERE run = ?1 AND (?2 IS NULL OR task = ?2) ORDER BY id",
            run, task,
        )  # fmt: skip
        found: dict[Place, list[Comment]] = {}
        for of_task, sample, *rest in rows:
            found.setdefault(Place(run, of_task, sample), []).append(Comment(*rest))
        return found

    def noted(self) -> list[tuple[Place, list[str], list[Comment]]]:
        """Everything that bears a tag or a comment, in the order of the runs."""
        rows = self._all(
            "SELECT run, task, sample FROM tags UNION SELECT run, task, sample FROM comments"
        )
        found = []
        for run in sorted({row[0] for row in rows}):
            tags, comments = self.tags(run), self.comments(run)
            found += [
                (place, tags.get(place, []), comments.get(place, []))
                for place in sorted({*tags, *comments}, key=lambda each: (each.task, each.sample))
            ]
        return found

    def add_tag(self, place: Place, text: str) -> None:
        """Keeps a tag; the same one again changes nothing.

        Raises:
            UsageError: It is empty, or too long.
        """
        tag = one_line(text)
        if not tag or len(tag) > LONGEST_TAG:
            raise UsageError(f"a tag has 1 to {LONGEST_TAG} characters")
        self._write(
            "INSERT OR IGNORE INTO tags VALUES (?, ?, ?, ?, ?)",
            place.run, place.task, place.sample, tag, _now(),
        )  # fmt: skip

    def remove_tag(self, place: Place, tag: str) -> None:
        """Takes a tag off; one that is not there changes nothing."""
        self._write(
            "DELETE FROM tags WHERE run = ? AND task = ? AND sample = ? AND tag = ?",
            place.run, place.task, place.sample, tag,
        )  # fmt: skip

    def add_comment(self, place: Place, text: str) -> None:
        """Keeps a comment.

        Raises:
            UsageError: It is empty, or too long.
        """
        text = text.replace("\r\n", "\n").strip()
        if not text or len(text) > LONGEST_COMMENT:
            raise UsageError(f"a comment has 1 to {LONGEST_COMMENT:,} characters")
        self._write(
            "INSERT INTO comments (run, task, sample, text, at) VALUES (?, ?, ?, ?, ?)",
            place.run, place.task, place.sample, text, _now(),
        )  # fmt: skip

    def remove_comment(self, place: Place, number: int) -> None:
        """Takes a comment away, if it is about that place."""
        self._write(
            "DELETE FROM comments WHERE run = ? AND task = ? AND sample = ? AND id = ?",
            place.run, place.task, place.sample, number,
        )  # fmt: skip

    def _by_place(self, query: str, run: str, *values: object) -> dict[Place, list[str]]:
        found: dict[Place, list[str]] = {}
        for task, sample, text in self._all(query, run, *values):
            found.setdefault(Place(run, task, sample), []).append(text)
        return found

    def _all(self, query: str, *values: object) -> list[Any]:
        try:
            with self._lock:
                return self._connection.execute(query, values).fetchall()
        except databases.ERRORS as error:
            raise _damaged(self.path, error) from error

    def _write(self, query: str, *values: object) -> None:
        try:
            with self._lock, self._connection:
                self._connection.execute(query, values)
        except databases.ERRORS as error:
            raise _damaged(self.path, error) from error
        self.version += 1


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@contextmanager
def opened(root: Path) -> Iterator[Notes]:
    """The notes of a root; the file is made when missing.

    Where the root cannot be written, notes last as long as the context.

    Raises:
        DataError: The file is damaged; it is never replaced.
    """
    path = root / FILE
    connection = _connect(path)
    try:
        yield Notes(path, connection)
    finally:
        connection.close()


def _connect(path: Path) -> sqlite3.Connection:
    place = str(path)
    try:
        files.check_target(path)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except PermissionError:
        if path.exists():
            raise DataError("cannot be written", path=path, expected="a file of your own") from None
        place = ":memory:"
    except OSError as error:
        if error.errno != errno.EROFS:
            raise DataError(error.strerror or str(error), path=path) from error
        place = ":memory:"
    connection = sqlite3.connect(place, timeout=10, check_same_thread=False)
    try:
        # No write-ahead log: one file, which also network file systems hold.
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("PRAGMA synchronous = FULL")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == 0:
            with connection:
                connection.execute("BEGIN EXCLUSIVE")
                if not connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
                    for statement in _SCHEMA.split(";"):
                        connection.execute(statement)
                    connection.execute(f"PRAGMA user_version = {VERSION}")
        elif version != VERSION:
            raise DataError(f"is of version {version}", path=path, expected=f"version {VERSION}")
        connection.execute("SELECT run, task, sample, tag, at FROM tags LIMIT 1")
        connection.execute("SELECT id, run, task, sample, text, at FROM comments LIMIT 1")
    except databases.ERRORS as error:
        connection.close()
        raise _damaged(path, error) from error
    except BaseException:
        connection.close()
        raise
    return connection


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(
        f"is damaged: {error}",
        path=path,
        expected="a file that `harness view` wrote; move it away to begin anew",
    )
