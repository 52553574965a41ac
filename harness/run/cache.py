"""The response store: every answer is kept as soon as it is known, so no token is paid for twice.

One SQLite file in WAL mode, shared by all runs and processes of a user; rows are keyed by the
model's fingerprint and the request's key, so a changed weight or decoding parameter is a miss.
What the file holds is not trusted: a row that is no response to its request is a miss too.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.authoring.answers import thinking
from harness.authoring.io import databases, files, serialization
from harness.errors import HarnessError
from harness.protocols import ModelBackend, answers_by_sample
from harness.run.closing import Closing
from harness.types import Failed, Response

VERSION = 1
"""``PRAGMA user_version``; files of version 0 do not know when a row was stored."""
_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS responses (
        model TEXT NOT NULL, request TEXT NOT NULL, response TEXT NOT NULL,
        PRIMARY KEY (model, request)
    ) WITHOUT ROWID""",
    "ALTER TABLE responses ADD COLUMN stored INTEGER NOT NULL DEFAULT 0",
    "UPDATE responses SET stored = CAST(strftime('%s', 'now') AS INTEGER)",
    "CREATE TABLE models (fingerprint TEXT PRIMARY KEY, name TEXT NOT NULL) WITHOUT ROWID",
    f"PRAGMA user_version = {VERSION}",
)
_LOOKUP_SIZE = 500  # SQLite allows 999 variables in a statement on old builds


def default_path() -> Path:
    """``$HARNESS_CACHE/responses.sqlite``, else in the platform's cache folder.

    Raises:
        HarnessError: There is no home folder to keep it in.
    """
    return files.cache_folder() / "responses.sqlite"


def store_path(keep: bool, backend: ModelBackend) -> Path | None:
    """The store's file; None where nothing is to be kept.

    Answers that belong to samples are read from a file anyway.
    """
    return default_path() if keep and not answers_by_sample(backend) else None


class ResponseStore(Closing):
    """Answers by (model fingerprint, request key).

    Attributes:
        path: The file; None for a temporary one, which goes with the process.
        rejected: Rows met so far that are no valid responses.

    Args:
        path: The SQLite file, made when missing; None keeps everything in a temporary one.

    Raises:
        HarnessError: The file cannot be opened, is no SQLite database, or is of a newer version.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.rejected = 0
        with self.explained():
            if path is not None:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self.connection = sqlite3.connect(path or "", timeout=60, isolation_level=None)
            # Text that is not UTF-8 is one bad row, and must not end the reading of the others.
            self.connection.text_factory = bytes
            try:
                self._prepare()
            except BaseException:
                self.connection.close()
                raise

    def _prepare(self) -> None:
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA synchronous = NORMAL")
        if self._version() == VERSION:
            return
        self.connection.execute("BEGIN IMMEDIATE")  # of two processes one brings it up to date
        version = self._version()
        if version > VERSION:
            raise HarnessError(
                f"the response store {self.path} is of version {version}, made by a newer harness",
                "Update the harness, or set HARNESS_CACHE to another folder.",
            )
        if version < VERSION:
            for statement in _SCHEMA:
                self.connection.execute(statement)
        self.connection.execute("COMMIT")

    def _version(self) -> int:
        (version,) = self.connection.execute("PRAGMA user_version").fetchone()
        return int(version)

    def get_many(self, model: str, keys: Sequence[str]) -> dict[str, Response]:
        """The stored responses among ``keys``; one that an older rule may have cut is as absent.

        So is a row that is no response; it is counted in ``rejected``, and the new answer
        overwrites it.
        """
        found: dict[str, Response] = {}
        with self.explained():
            for start in range(0, len(keys), _LOOKUP_SIZE):
                part = keys[start : start + _LOOKUP_SIZE]
                marks = ",".join("?" * len(part))
                query = f"SELECT request, response FROM responses WHERE model = ? AND request IN ({marks})"  # noqa: S608, E501  (only question marks are inserted)
                for key, raw in self.connection.execute(query, (model, *part)):
                    row = parse(raw)
                    if row is None:
                        self.rejected += 1
                    elif not thinking.is_outdated(row):
                        found[key.decode()] = serialization.response_from_json(row)
        return found

    def put(self, model: str, key: str, response: Response) -> None:
        """Keeps a response, durable at once; a failure is not kept, so that it is tried again."""
        if isinstance(response, Failed):
            return
        text = serialization.dumps(serialization.response_to_json(response))
        with self.explained():
            self.connection.execute(
                "INSERT OR REPLACE INTO responses (model, request, response, stored) "
                "VALUES (?, ?, ?, ?)",
                (model, key, text, int(time.time())),
            )

    def forget(self, model: str) -> None:
        """Drops every response of a model: what is stored of it cannot be relied on."""
        with self.explained():
            self.connection.execute("DELETE FROM responses WHERE model = ?", (model,))

    def name_model(self, fingerprint: str, name: str) -> None:
        """Remembers what users call a model, for ``harness cache``."""
        with self.explained():
            self.connection.execute(
                "INSERT OR REPLACE INTO models (fingerprint, name) VALUES (?, ?)",
                (fingerprint, name),
            )

    def close(self) -> None:
        """Closes the file."""
        self.connection.close()

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turns SQLite's and the system's errors into one that says what to do."""
        try:
            yield
        except (*databases.ERRORS, OSError) as error:
            raise HarnessError(
                f"the response store {self.path} cannot be used: {error}",
                "`harness cache verify` examines it. Set HARNESS_CACHE to a writable folder, give "
                "--no-cache, or delete the file if it is damaged.",
            ) from error


def parse(raw: Any) -> dict[str, Any] | None:
    """A row's response as ``serialization.response_from_json`` takes it; None where it is none."""
    from pydantic import ValidationError

    from harness.results import row_schemas

    if not isinstance(raw, str | bytes):
        return None
    try:
        return row_schemas.STORED_RESPONSE.validate_json(raw)  # type: ignore[no-any-return]
    except ValidationError:
        return None
