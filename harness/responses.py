"""The response store: every answer is kept as soon as it is known, so no token is paid for twice.

One SQLite file in WAL mode, shared by all runs and processes of a user; rows are keyed by the
model's fingerprint and the request's key, so a changed weight or decoding parameter is a miss.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from harness import codec
from harness.answers import thinking
from harness.errors import HarnessError
from harness.protocols import ModelBackend
from harness.types import Failed, Response

_SCHEMA = """
CREATE TABLE IF NOT EXISTS responses (
    model TEXT NOT NULL, request TEXT NOT NULL, response TEXT NOT NULL,
    PRIMARY KEY (model, request)
) WITHOUT ROWID
"""
_LOOKUP_SIZE = 500  # SQLite allows 999 variables in a statement on old builds


def default_path() -> Path:
    """``$HARNESS_CACHE/responses.sqlite``, else in the platform's cache folder."""
    folder = os.environ.get("HARNESS_CACHE")
    if folder:
        return Path(folder) / "responses.sqlite"
    import platformdirs

    return platformdirs.user_cache_path("evalign") / "responses.sqlite"


def store_path(keep: bool, backend: ModelBackend) -> Path | None:
    """The store's file; None where nothing is to be kept.

    Answers that belong to samples are read from a file anyway.
    """
    return default_path() if keep and not getattr(backend, "by_sample", False) else None


class ResponseStore:
    """Answers by (model fingerprint, request key).

    Args:
        path: The SQLite file, made when missing; None keeps everything in memory.

    Raises:
        HarnessError: The file cannot be opened or is no SQLite database.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        with self._explained():
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path or ":memory:", timeout=60, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.execute(_SCHEMA)

    def get_many(self, model: str, keys: Sequence[str]) -> dict[str, Response]:
        """The stored responses among ``keys``; one that an older rule may have cut is as absent."""
        found: dict[str, Response] = {}
        with self._explained():
            for start in range(0, len(keys), _LOOKUP_SIZE):
                part = keys[start : start + _LOOKUP_SIZE]
                marks = ",".join("?" * len(part))
                query = f"SELECT request, response FROM responses WHERE model = ? AND request IN ({marks})"  # noqa: S608, E501  (only question marks are inserted)
                for key, text in self._connection.execute(query, (model, *part)):
                    data = json.loads(text)
                    if not thinking.is_outdated(data):
                        found[key] = codec.response_from_json(data)
        return found

    def put(self, model: str, key: str, response: Response) -> None:
        """Keeps a response, durable at once; a failure is not kept, so that it is tried again."""
        if isinstance(response, Failed):
            return
        text = codec.dumps(codec.response_to_json(response))
        with self._explained():
            self._connection.execute(
                "INSERT OR REPLACE INTO responses VALUES (?, ?, ?)", (model, key, text)
            )

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()

    def __enter__(self) -> ResponseStore:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise HarnessError(
                f"the response store {self.path} cannot be used: {error}",
                "Set HARNESS_CACHE to a writable folder, or delete the file if it is damaged.",
            ) from error
