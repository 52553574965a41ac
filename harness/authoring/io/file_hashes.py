"""Hashes of large files, read once: a file that has not changed since keeps its hash.

What says that it has not: device, inode, size, and the times of its last change to the nanosecond,
of which ``ctime`` is the system's own and cannot be set by who writes the file. A change within the
clock's grain would not show, so a file that changed a moment ago is hashed and not remembered.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path

from harness.authoring.io import databases, files
from harness.errors import HarnessError

SMALLEST = 1 << 20
"""Smaller files are hashed each time."""
SETTLED = 2 * 10**9
"""Nanoseconds after which another change has another time on every usual file system."""
_CHUNK = 1 << 22
_NAME = "file-hashes.sqlite"
_TABLE = """CREATE TABLE IF NOT EXISTS hashes (
    device TEXT, inode TEXT, identity TEXT NOT NULL, sha256 TEXT NOT NULL,
    PRIMARY KEY (device, inode)
) WITHOUT ROWID"""


def sha256_of(path: Path) -> str:
    """SHA-256 (hex) of a file's content.

    Where nothing can be remembered the file is read; no error comes of that.

    Raises:
        OSError: The file cannot be read.
    """
    before = path.stat()
    if before.st_size < SMALLEST:
        return _hash(path)
    now = time.time_ns()
    settled = max(before.st_mtime_ns, before.st_ctime_ns) < now - SETTLED
    if settled and (known := _known(before)) is not None:
        return known
    found = _hash(path)
    if settled and _identity(path.stat()) == _identity(before):
        _remember(before, found)
    return found


def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _identity(found: os.stat_result) -> str:
    return f"{found.st_size}:{found.st_mtime_ns}:{found.st_ctime_ns}"


def _known(found: os.stat_result) -> str | None:
    try:
        with closing(_opened()) as connection:
            rows = connection.execute(
                "SELECT identity, sha256 FROM hashes WHERE device = ? AND inode = ?",
                (str(found.st_dev), str(found.st_ino)),
            ).fetchall()
    except (OSError, *databases.ERRORS, HarnessError):
        return None
    for identity, sha256 in rows:
        if identity == _identity(found) and isinstance(sha256, str) and len(sha256) == 64:
            return sha256
    return None


def _remember(found: os.stat_result, sha256: str) -> None:
    with suppress(OSError, *databases.ERRORS, HarnessError), closing(_opened()) as connection:
        connection.execute(
            "INSERT OR REPLACE INTO hashes VALUES (?, ?, ?, ?)",
            (str(found.st_dev), str(found.st_ino), _identity(found), sha256),
        )


def _opened() -> sqlite3.Connection:
    """The file that remembers; raises where it cannot be used."""
    path = files.cache_folder() / _NAME
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    connection = sqlite3.connect(path, timeout=5, isolation_level=None)
    try:
        connection.execute(_TABLE)
    except BaseException:
        connection.close()
        raise
    return connection
